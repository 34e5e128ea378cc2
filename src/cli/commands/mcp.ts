import { join } from 'node:path'
import type { Command } from 'commander'
import type { PinnedTool } from '../../api/verbs.ts'
import type { CommandContext, Register } from '../command.ts'
import { NotStarted } from '../failure.ts'
import { table } from '../table.ts'
import { type RunOptions, runUnderTask } from './run.ts'

const BIN = join(import.meta.dirname, '..', '..', '..', 'bin', 'stint.js')
const MORE = `
For agents that speak to MCP servers over stdio only. Messages are read from standard input and written to standard output, one a line;
all else goes to standard error. It ends when its input ends; with 1 when the server has forgotten the session, with 125 when it could not
be started.

In a command of \`stint run --target NAME\` it speaks for that task. Elsewhere it starts a task of its own, as \`stint run\` does.

Examples:
  {"command": "stint", "args": ["mcp", "forge", "--task", "look after issues", "--ttl", "8h"]}
  $ stint run --task "look after issues" --target forge -- your-agent    # whose settings say: stint mcp forge`

/** Adds `stint mcp` and `stint mcp pin`. */
export const register: Register = (program, context) => {
  const mcp = program
    .command('mcp')
    .description('be an MCP server over stdio, which is a target; or take the tools of one')
    .usage('<target> [options]')
    .argument('<target>', 'the MCP server to be')
    .option('--task <purpose>', 'what it is for, in words (default: to use the server)')
    .option('--owner <person>', 'who answers for it (default: you)')
    .option('--ttl <duration>', 'how long at most, such as 8h')
    .option('--ticket <reference>', 'the ticket it belongs to')
    .addHelpText('after', MORE)
    .action((target: string, options: BridgeOptions) => bridgeTo(target, options, context))
  registerPin(mcp, context)
}

type BridgeOptions = Partial<Pick<RunOptions, 'task' | 'owner' | 'ttl' | 'ticket'>>

async function bridgeTo(target: string, options: BridgeOptions, context: CommandContext): Promise<void> {
  try {
    process.exitCode =
      context.env.STINT_TASK === undefined ? await startTaskFor(target, options, context) : await beServer(target, context)
  } catch (thrown) {
    throw new NotStarted(thrown)
  }
}

/** The same command again, below a task. */
function startTaskFor(target: string, options: BridgeOptions, context: CommandContext): Promise<number> {
  const wish = {
    task: `use the MCP server ${target}`,
    ...options,
    target: [target],
    sandbox: 'auto',
    show: [join(BIN, '..', '..')],
  } as const
  return runUnderTask([process.execPath, BIN, 'mcp', target], wish, context)
}

async function beServer(target: string, { env, output }: CommandContext): Promise<number> {
  const { bridge } = await import('../../run/mcp/bridge.ts')
  const { serverNamed } = await import('../../run/mcp/servers.ts')
  process.stdout.on('error', () => process.stdin.destroy()) // nobody reads it any more
  return bridge({
    url: serverNamed(target, env),
    input: process.stdin,
    write: (line) => new Promise((done) => process.stdout.write(`${line.replaceAll(/[\r\n]+/g, ' ')}\n`, () => done())),
    say: (line) => output.say(`stint: ${line}`),
  })
}

function registerPin(mcp: Command, context: CommandContext): void {
  mcp
    .command('pin <target>')
    .description('take its tools as it defines them now; one that changes later is held back until it is taken again')
    .action(async (id: string) => {
      const path = `/v1/targets/${encodeURIComponent(id)}/pins`
      context.output.print(await context.call<{ items: PinnedTool[] }>('POST', path), listing)
    })
}

function listing({ items }: { readonly items: readonly PinnedTool[] }): string {
  const rows = items.map(({ name, digest, change }) => [name, change, digest])
  return table(['TOOL', 'SINCE IT WAS LAST TAKEN', 'SHA-256'], rows, 'It has no tools.')
}
