/**
 * The program between `stint run` and its command where there is no sandbox: nothing the command started outlives it, and it does not
 * outlive `stint run`, however that ends, since the kernel closes the channel between the two even on SIGKILL. It ends as the command
 * ends. Only who kills both at once leaves the command running.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { becomeSubreaper, reapOrphans } from '../host/native.ts'
import { killTree, statOf } from '../host/process-tree.ts'
import { exitCodeOf, FORWARDED } from './signals.ts'

/** What `stint run` tells it: first the command, then signals for it. */
export type Order =
  | { readonly command: readonly string[]; readonly environment: Record<string, string> }
  | { readonly signal: NodeJS.Signals }

const DAEMON_GRACE_MS = 1000

let command: ChildProcess | undefined
becomeSubreaper()
process.on('message', (order: Order) => {
  if ('signal' in order) command?.kill(order.signal)
  else command ??= start(order.command, order.environment)
})
process.on('disconnect', () => void endWith(exitCodeOf(null, 'SIGKILL')))

function start([file = '', ...args]: readonly string[], environment: Record<string, string>): ChildProcess {
  // They are for the command: the terminal sends it its own, and `stint run` hands on the rest.
  for (const signal of FORWARDED) process.on(signal, () => {})
  process.on('SIGCHLD', () => reapOrphans(child.pid))
  const child = spawn(file, args, { stdio: 'inherit', env: environment })
  child.on('exit', (code, signal) => void endWith(exitCodeOf(code, signal)))
  child.on('error', (error) => {
    const [code, why] = problemOf(file, error)
    process.stderr.write(`stint: ${file}: ${why}\n`)
    void endWith(code)
  })
  return child
}

/** The exit code that a shell has for a program that cannot be started, and the reason in words. */
function problemOf(file: string, error: NodeJS.ErrnoException): [code: 126 | 127, why: string] {
  if (error.code !== 'ENOENT') return [126, `cannot be run (${error.code ?? error.message})`]
  return file.includes('/') && existsSync(file) ? [126, 'its interpreter is not there'] : [127, 'command not found']
}

async function endWith(code: number): Promise<void> {
  const own = statOf(process.pid)
  if (own !== undefined) await killTree(own, { graceMs: DAEMON_GRACE_MS })
  else command?.kill('SIGKILL')
  process.exit(code)
}
