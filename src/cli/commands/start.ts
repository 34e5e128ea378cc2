import { executionAsyncResource } from 'node:async_hooks'
import type { CommandContext, Register } from '../command.ts'

/** `stint start`: the server, in the foreground, until a signal. */
export const register: Register = (program, context) => {
  program
    .command('start')
    .description('start the API and the gateway, in the foreground')
    .addHelpText(
      'after',
      `
The first start makes the keys, the CA and the starter policies in the data directory. One line on standard output says when it
is ready; the log goes to standard error. Ctrl-C or SIGTERM lets open exchanges finish, then stops; a second one stops at once.

Examples:
  $ stint start
  $ STINT_API_PORT=0 STINT_GATEWAY_PORT=0 stint start --json     take free ports and print them`,
    )
    .action(() => start(context))
}

/** What only the server needs is loaded here, so that the other commands answer at once. */
async function start({ env, home, output }: CommandContext): Promise<void> {
  const { loadConfig } = await import('../load-config.ts')
  const config = loadConfig(env, home)
  const [{ createLog }, { startServer }] = await Promise.all([import('../../log.ts'), import('../../main.ts')])
  const server = await startServer(config, createLog(config.logLevel))
  output.print({ ready: true, api: server.api, gateway: server.gateway, home }, ({ api, gateway }) => readyLine(api, gateway))
  process.nextTick(() => {
    kept.push(executionAsyncResource())
    setImmediate(collectGarbage)
  })
  await untilSignal()
  await server.close()
}

/**
 * One tick. V8 forgets the shape of what no longer exists, and when a collection meets no tick, every later one takes seven times as long
 * and more, for as long as the process lives; a request has eight.
 */
const kept: object[] = []

/** Starting leaves 15 MiB behind that V8 would keep until it needs room (bin/stint.js starts the server with `--expose-gc`). */
function collectGarbage(): void {
  globalThis.gc?.({ type: 'major', flavor: 'last-resort' })
}

function readyLine(api: string, gateway: string): string {
  return `Stint is ready: API ${api}, gateway ${gateway}. Next: npx stint target add github`
}

function untilSignal(): Promise<void> {
  return new Promise((stop) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop())
  })
}
