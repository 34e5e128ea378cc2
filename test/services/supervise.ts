import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'

/** Who a server runs as. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

/**
 * Runs the server until it ends or the input closes, which the kernel sees to however the test process ends; then removes the directory.
 * `sh` gives what it starts in the background no input, hence the third descriptor; it says how the server died, which must not end it
 * where nobody reads that any more.
 */
const SUPERVISOR = `
  exec 3<&0
  "$@" 3<&- & server=$!
  exec 2>/dev/null
  (read -r _ <&3; kill -s "$STOP" $server) & watch=$!
  wait $server
  kill $watch 2>/dev/null
  rm -rf "$DIRECTORY"`

/** How much of what it says is kept, from the end. */
const KEPT_CHARACTERS = 8192

/** A server that stops with the test process, even when that is killed. */
export interface Supervised {
  readonly hasEnded: boolean
  /** The end of what it said on its error output. */
  readonly said: string
  /** Resolves when it is gone, and its directory. */
  stop(): Promise<void>
}

/** Starts `command` under a supervisor, as `account` where given; `signal` stops it. `directory` is its own and goes with it. */
export function supervise(
  command: readonly [string, ...string[]],
  { directory, signal, account }: { directory: string; signal: 'INT' | 'QUIT' | 'TERM'; account?: Account | undefined },
): Supervised {
  const child = spawn('/bin/sh', ['-c', SUPERVISOR, 'sh', ...command], {
    cwd: '/',
    env: { PATH: process.env.PATH, STOP: signal, DIRECTORY: directory, LC_ALL: 'C' },
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true, // a Ctrl-C for the test run must not end the supervisor before the server
    ...account,
  })
  let [said, hasEnded] = ['', false]
  child.stderr.on('data', (chunk) => (said = (said + chunk).slice(-KEPT_CHARACTERS)))
  const ended = once(child, 'exit').then(() => (hasEnded = true))
  child.unref()
  for (const pipe of [child.stdin, child.stderr]) (pipe as Socket).unref() // a test process waits for nothing of this
  return {
    get hasEnded() {
      return hasEnded
    },
    get said() {
      return said
    },
    async stop() {
      child.ref()
      child.stdin.end()
      await ended
    },
  }
}
