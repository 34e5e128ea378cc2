import { readFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { Command } from 'commander'
import { homeDirectory } from '../config.ts'
import { createClient } from './client.ts'
import type { CommandContext } from './command.ts'
import { COMMANDS } from './commands/index.ts'
import { addCompletion } from './completion.ts'
import { createOutput, type Sink } from './output.ts'

/** Where a program writes. */
export interface Streams {
  readonly out: Sink
  readonly err: Sink
}

/** The whole command line, ready to parse. Errors are thrown as CommanderError or StintError. */
export interface Program {
  readonly program: Command
  readonly context: CommandContext
}

const GROUPS: readonly (readonly [heading: string, commands: readonly string[]])[] = [
  ['Every day:', ['start', 'run', 'status', 'doctor']],
  ['What may be reached, with what:', ['target', 'credential', 'tunnel', 'issuer', 'helper']],
  ['Tasks, and stopping them:', ['task', 'revoke']],
  ['When it burns:', ['break-glass']],
  ['Rules and records:', ['policy', 'audit']],
  ['Keeping it:', ['backup', 'state']],
]

const EXAMPLES = `
Examples:
  $ stint start                                      start the API and the gateway
  $ stint target add github                          declare a system that can be acted on
  $ stint credential add github                      seal its token; asked for, never an argument
  $ stint run --task "read my issues" --target github -- gh issue list
  $ stint audit tail                                 watch what is decided
  $ stint revoke --all --reason "drill"              stop everything, now

What a command prints is for people; \`--json\` prints one JSON value for programs.`

const VERSION: string = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8')).version

/** Builds it from the commands. Nothing runs yet. */
export function createProgram(env: NodeJS.ProcessEnv, { out, err }: Streams): Program {
  const program = new Command('stint')
    .description('Task-scoped, just-in-time access for AI agents, CI jobs and services.')
    .version(VERSION)
    .option('--json', 'print one JSON value on standard output')
    .option('--home <directory>', 'the data directory (default: STINT_HOME, else the user’s own)')
    .commandsGroup('This command:')
    .helpCommand('help [command]', 'show how to use a command')
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => out.write(text),
      writeErr: (text) => err.write(text),
      outputError: (text, write) => write(usageError(text)),
    })
  const context = createContext(program, env, { out, err })
  for (const register of COMMANDS) register(program, context)
  addCompletion(program, context)
  for (const [heading, names] of GROUPS)
    for (const command of program.commands) if (names.includes(command.name())) command.helpGroup(heading)
  sort(program.commands as Command[])
  return { program, context }
}

function createContext(program: Command, env: NodeJS.ProcessEnv, { out, err }: Streams): CommandContext {
  const home = (): string => {
    const { home } = program.opts<{ home?: string }>()
    const chosen = home ?? homeDirectory(env)
    return isAbsolute(chosen) ? chosen : join(process.cwd(), chosen)
  }
  return {
    env,
    get home() {
      return home()
    },
    output: createOutput(() => program.opts<{ json?: true }>().json === true, out, err),
    ...createClient(home),
  }
}

/** In the order of GROUPS, since help shows groups in the order of their first command; what is in no group comes last. */
function sort(commands: Command[]): void {
  const order = GROUPS.flatMap(([, names]) => names)
  const rank = (command: Command): number => (order.includes(command.name()) ? order.indexOf(command.name()) : order.length)
  commands.sort((a, b) => rank(a) - rank(b))
}

function usageError(text: string): string {
  const [first = '', ...hints] = text.trim().split('\n')
  const next = hints.length > 0 ? hints.join(' ') : 'add --help to the command to see how it is used'
  return `stint: ${first.replace(/^error: /, '')}\nnext: ${next}\n`
}
