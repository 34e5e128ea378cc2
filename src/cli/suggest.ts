import type { Argument, Command, Option } from 'commander'

/** One thing that may come next. */
export interface Suggestion {
  readonly value: string
  readonly about: string
}

/** The list route behind a placeholder. An argument `<id>` goes by the name of the command above it. */
const NAMED: Readonly<Record<string, string>> = {
  task: '/v1/tasks?state=live&limit=100',
  target: '/v1/targets?limit=100',
  credential: '/v1/credentials?limit=100',
  issuer: '/v1/issuers?limit=100',
}

interface Place {
  readonly command: Command
  /** The option whose value is being typed. */
  readonly option: Option | undefined
  readonly position: number
  /** After `--`, where another program's words stand. */
  readonly foreign: boolean
}

/** What may stand in the place of the last word, given those before it. Names are asked for only where one belongs. */
export async function suggest(
  program: Command,
  words: readonly string[],
  namesAt: (path: string) => Promise<readonly string[]>,
): Promise<readonly Suggestion[]> {
  const { before, current } = splitAssignment(words)
  const place = find(program, before)
  const all = place.foreign ? [] : await fitting(program, place, current, namesAt)
  return all.filter(({ value }) => value.startsWith(current))
}

/** bash breaks `--target=x` into three words; other shells leave it one, and then nothing is offered. */
function splitAssignment(words: readonly string[]): { before: readonly string[]; current: string } {
  const current = words.at(-1) ?? ''
  if (current === '=') return { before: words.slice(0, -1), current: '' }
  return { before: words.slice(0, -1).filter((word) => word !== '='), current }
}

function find(program: Command, before: readonly string[]): Place {
  let place: Place = { command: program, option: undefined, position: 0, foreign: false }
  for (const word of before) {
    if (word === '--') return { ...place, foreign: true }
    place = step(program, place, word)
  }
  return place
}

function step(program: Command, { command, option, position }: Place, word: string): Place {
  const next = { command, option: undefined, position, foreign: false }
  if (option !== undefined) return next
  if (word.startsWith('-')) {
    const found = [...command.options, ...program.options].find((one) => one.long === word || one.short === word)
    return { ...next, option: found?.required || found?.optional ? found : undefined }
  }
  const below = command.commands.find((one) => one.name() === word)
  return below === undefined ? { ...next, position: position + 1 } : { ...next, command: below, position: 0 }
}

async function fitting(
  program: Command,
  { command, option, position }: Place,
  current: string,
  namesAt: (path: string) => Promise<readonly string[]>,
): Promise<readonly Suggestion[]> {
  if (option !== undefined) return values(option, placeholderOf(option), namesAt)
  if (current.startsWith('-')) return [...command.options, ...program.options].filter((one) => !one.hidden).flatMap(flags)
  const argument = command.registeredArguments[position] ?? variadic(command)
  const below = position === 0 ? command.createHelp().visibleCommands(command) : []
  const commands = below.map((one) => ({ value: one.name(), about: one.description() }))
  return argument === undefined ? commands : [...commands, ...(await values(argument, nameOf(argument, command), namesAt))]
}

function variadic(command: Command): Argument | undefined {
  const last = command.registeredArguments.at(-1)
  return last?.variadic ? last : undefined
}

async function values(
  { argChoices }: Option | Argument,
  placeholder: string,
  namesAt: (path: string) => Promise<readonly string[]>,
): Promise<readonly Suggestion[]> {
  const path = Object.hasOwn(NAMED, placeholder) ? NAMED[placeholder] : undefined
  const known = argChoices ?? (path === undefined ? [] : await namesAt(path))
  return known.map((value) => ({ value, about: placeholder }))
}

function placeholderOf({ flags }: Option): string {
  return /<(\w+)>/.exec(flags)?.[1] ?? ''
}

function nameOf(argument: Argument, command: Command): string {
  return argument.name() === 'id' ? (command.parent?.name() ?? '') : argument.name()
}

function flags({ long, description }: Option): Suggestion[] {
  return long == null ? [] : [{ value: long, about: description }]
}
