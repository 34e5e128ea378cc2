import { Option } from 'commander'
import { homeDirectory } from '../../config.ts'
import { StintError } from '../../errors.ts'
import { parseDuration } from '../../run/duration.ts'
import { HIDDEN } from '../../run/hide.ts'
import type { ProofKey } from '../../run/task-session.ts'
import { readBudget } from '../budget.ts'
import type { CommandContext, Register } from '../command.ts'
import { NotStarted } from '../failure.ts'

/** What `stint run` takes. */
export interface RunOptions {
  readonly task: string
  readonly target: readonly string[]
  readonly action?: readonly string[]
  readonly owner?: string
  readonly ttl?: string
  readonly ticket?: string
  readonly budget?: string
  readonly label?: readonly string[]
  readonly sandbox: 'auto' | 'require' | 'off'
  readonly allow?: readonly string[]
  readonly show?: readonly string[]
  readonly env?: readonly string[]
}

const each = (value: string, before: string[] = []): string[] => [...before, value]

const MORE = `
It ends as the command ends; with 125 when Stint failed before the command was started.

Examples:
  $ stint run --task "fix issue 42" --target github -- gh issue view 42
  $ stint run --task "look into the outage" --target orders --action "http:GET" --ttl 30m -- bash
  $ stint run --task "nightly sync" --target github --sandbox require --ticket OPS-7 -- ./sync.sh`

/** Adds `stint run`. It exits as the command does; a failure before the command has started is thrown. */
export const register: Register = (program, context) => {
  program
    .command('run')
    .description('run a command under a task: it acts on the targets named, holding no credential, until it exits')
    .usage('--task <purpose> --target <id> [options] -- <command...>')
    .requiredOption('--task <purpose>', 'what it is for, in words')
    .requiredOption('--target <id>', 'a system it may act on; repeatable', each)
    .option(
      '--action <id>',
      'an action it may do, `*` at the end matches a prefix; repeatable (default: all that policy allows)',
      each,
    )
    .option('--owner <person>', 'who answers for it (default: you)')
    .option('--ttl <duration>', 'how long at most, such as 15m')
    .option('--budget <amounts>', 'what it may use, such as requests=100,writes=5; after that you are asked for more')
    .option('--ticket <reference>', 'the ticket it belongs to')
    .option('--label <label>', 'a label for policies to match; repeatable', each)
    .addOption(new Option('--sandbox <when>', 'confine the command').choices(['auto', 'require', 'off']).default('auto'))
    .option('--allow <hidden>', `show something that is hidden; repeatable: ${HIDDEN.map(({ name }) => name).join(', ')}`, each)
    .option('--show <path>', 'show a file or directory that would not be there, such as a tool in /tmp; repeatable', each)
    .option('--env <name>', 'pass on a variable that looks like a secret; repeatable', each)
    .argument('<command...>', 'the command and its arguments, after `--`')
    .addHelpText('after', MORE)
    .action(async (command: string[], options: RunOptions) => {
      process.exitCode = await runUnderTask(command, options, context).catch((thrown) => {
        throw new NotStarted(thrown)
      })
    })
}

/** Runs a command under a task of its own, to its end. Answers its exit code. */
export async function runUnderTask(command: readonly string[], options: RunOptions, context: CommandContext): Promise<number> {
  const { runTask } = await import('../../run/run.ts')
  const { task: purpose, target: targets, action: actions = ['*'], label: labels = [], owner, ticket, ttl, budget } = options
  if (purpose.trim() === '') throw new StintError('invalid_argument', '--task says in words what the command is for')
  const wanted = {
    ...{ purpose, targets, labels, actions },
    ...(owner !== undefined && { owner }),
    ...(ticket !== undefined && { ticket }),
    ...(budget !== undefined && { budget: readBudget(budget, '--budget') }),
    ...(ttl !== undefined && { ttlSeconds: parseDuration(ttl, '--ttl') }),
  }
  const { sandbox, allow: allowed = [], show: shown = [], env: passed = [] } = options
  const wish = { task: wanted, command, sandbox, allowed, shown, passed }
  return runTask(wish, {
    environment: context.env,
    home: context.home,
    otherHomes: [homeDirectory({ ...context.env, STINT_HOME: '' })],
    call: context.call,
    generateKey: newKey,
    say: (line) => context.output.say(`stint: ${line}`),
  })
}

async function newKey(): Promise<ProofKey> {
  const { generateKey, makeProof } = await import('../../identity/dpop.ts')
  const key = await generateKey()
  return { thumbprint: key.thumbprint, prove: (request) => makeProof(key, request) }
}
