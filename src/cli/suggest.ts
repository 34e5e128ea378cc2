import type { Argument, Command, Option } from 'commander'
import { HIDDEN } from '../run/hide.ts'
import { PRESETS } from '../targets/presets.ts'

/** One thing that may come next. */
export interface Suggestion {
  readonly value: string
  readonly about: string
}

/** What may come next, and what the shell knows itself that may: the names of files, or another command with its words. */
export interface Suggestions {
  readonly values: readonly Suggestion[]
  readonly also: 'nothing' | 'files' | 'command'
}

/** Asks a list route for what there is now. */
export type NamesAt = (path: string) => Promise<readonly Suggestion[]>

const TARGETS = '/v1/targets?limit=100'
const presets = PRESETS.map(({ id, summary }) => ({ value: id, about: summary }))

/** What stands for a placeholder: the list route that knows, or a list. Where a command needs its own, it goes by its last two words. */
const NAMED: Readonly<Record<string, string | readonly Suggestion[]>> = {
  task: '/v1/tasks?state=live&limit=100',
  target: TARGETS,
  credential: '/v1/credentials?limit=100',
  issuer: '/v1/issuers?limit=100',
  preset: presets,
  hidden: HIDDEN.map(({ name, paths, variables = [] }) => ({
    value: name,
    about: [...paths, ...variables].slice(0, 3).join(' '),
  })),
  'target add': presets,
  'credential add': TARGETS,
  'revoke lift': '/v1/revocations?limit=100',
}

const FILES = ['file', 'path', 'directory', 'destination']
/** What a shell takes as it stands, wherever it came from. */
const PLAIN = /^[\w.:@%+,/~-]+$/

interface Place {
  readonly command: Command
  /** The option whose value is being typed. */
  readonly option: Option | undefined
  readonly position: number
  /** After `--`, where another program's words stand. */
  readonly foreign: boolean
}

/** What may stand in the place of the last word, given those before it. Names are asked for only where one belongs. */
export async function suggest(program: Command, words: readonly string[], namesAt: NamesAt): Promise<Suggestions> {
  const { before, current, prefix } = splitAssignment(words)
  const place = find(program, before)
  const { values, also } = await fitting(program, place, current, namesAt)
  const fit = values.filter(({ value }) => value.startsWith(current) && PLAIN.test(value))
  return { values: fit.map(({ value, about }) => ({ value: `${prefix}${value}`, about })), also }
}

/** bash breaks `--target=x` into three words; other shells leave it one, and get one back. */
function splitAssignment(words: readonly string[]): { before: readonly string[]; current: string; prefix: string } {
  const current = words.at(-1) ?? ''
  const before = words.slice(0, -1).filter((word) => word !== '=')
  if (current === '=') return { before, current: '', prefix: '' }
  const [, prefix, option, value] = /^((--[a-z-]+)=)(.*)$/s.exec(current) ?? []
  if (prefix === undefined || option === undefined || value === undefined) return { before, current, prefix: '' }
  return { before: [...before, option], current: value, prefix }
}

function find(program: Command, before: readonly string[]): Place {
  let place: Place = { command: program, option: undefined, position: 0, foreign: false }
  for (const word of before) {
    if (word === '--' && place.option === undefined) return { ...place, foreign: true }
    place = step(program, place, word)
  }
  return place
}

function step(program: Command, { command, option, position }: Place, word: string): Place {
  const next = { command, option: undefined, position, foreign: false }
  if (option !== undefined || (word === 'help' && position === 0)) return next
  if (word.startsWith('-')) {
    const found = [...command.options, ...program.options].find((one) => one.long === word || one.short === word)
    return { ...next, option: found?.required || found?.optional ? found : undefined }
  }
  const below = command.commands.find((one) => one.name() === word)
  return below === undefined ? { ...next, position: position + 1 } : { ...next, command: below, position: 0 }
}

async function fitting(
  program: Command,
  { command, option, position, foreign }: Place,
  current: string,
  namesAt: NamesAt,
): Promise<Suggestions> {
  if (option !== undefined) return known(option, namesOf(placeholderOf(option), option.attributeName()), namesAt)
  const argument = command.registeredArguments[position] ?? variadic(command)
  if (argument?.name() === 'command')
    return foreign || position > 0 ? { values: [], also: 'command' } : just(openings(program, command))
  if (foreign) return just([])
  if (current.startsWith('-')) return just(flags(program, command))
  const below = position === 0 ? command.createHelp().visibleCommands(command) : []
  const commands = below.map((one) => ({ value: one.name(), about: one.description() }))
  if (argument === undefined) return just(commands)
  const above = command.parent?.name() ?? ''
  const { values, also } = await known(argument, [`${above} ${command.name()}`, ...namesOf(argument.name(), above)], namesAt)
  return { values: [...commands, ...values], also }
}

/** `<id>` and `<name>` say too little: an option goes by its own name then, an argument by the command above its own. */
function namesOf(placeholder: string, more: string): string[] {
  return placeholder === 'id' || placeholder === 'name' ? [more] : [placeholder]
}

function just(values: readonly Suggestion[]): Suggestions {
  return { values, also: 'nothing' }
}

function variadic(command: Command): Argument | undefined {
  const last = command.registeredArguments.at(-1)
  return last?.variadic ? last : undefined
}

/** The choices, or what goes by the first of these names that means something. */
async function known({ argChoices }: Option | Argument, names: readonly string[], namesAt: NamesAt): Promise<Suggestions> {
  if (argChoices !== undefined) return just(argChoices.map((value) => ({ value, about: names[0] ?? '' })))
  const name = names.find((one) => FILES.includes(one) || Object.hasOwn(NAMED, one))
  if (name === undefined) return just([])
  if (FILES.includes(name)) return { values: [], also: 'files' }
  const source = NAMED[name] ?? []
  return just(typeof source === 'string' ? await namesAt(source) : source)
}

function placeholderOf({ flags }: Option): string {
  return /<(\w+)>/.exec(flags)?.[1] ?? ''
}

function flags(program: Command, command: Command): Suggestion[] {
  const all = [...command.options, ...program.options].filter((one) => !one.hidden)
  return all.flatMap(({ long, description }) => (long == null ? [] : [{ value: long, about: description }]))
}

/** Before another command's words: the options, and what ends them. */
function openings(program: Command, command: Command): Suggestion[] {
  return [...flags(program, command), { value: '--', about: 'the command follows' }]
}
