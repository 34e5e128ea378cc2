import { spawn } from 'node:child_process'
import { createLineReader } from '../lines.ts'
import type { Program } from '../model.ts'

/** A program that runs, spoken to line by line. */
export interface Running {
  readonly pid: number | undefined
  /** Bytes that it was sent and has not read. */
  readonly unread: number
  send(line: string): void
  /** As the specification ends one (MCP, "stdio", "Shutdown"): its input ends, then SIGTERM, then SIGKILL. */
  end(): void
  /** Now, and all that it started and left in its process group. */
  kill(): void
  pause(): void
  resume(): void
}

/** What is heard of a program. */
export interface Hearing {
  onLine(line: string): void
  /** It wrote a line longer than any message may be. */
  onTooLong(): void
  /** A line of its standard error, cut to length. */
  onSaid(line: string): void
  /** Once, and nothing after it. */
  onExit(how: string): void
}

/** Puts a command into its sandbox, where one is to be had; else it is the command itself. */
export type Confine = (command: readonly string[], directory: string) => readonly string[]

/** Bytes of a message, as for one event of an HTTP server. */
const MAX_LINE = 16 * 1024 * 1024
const MAX_SAID = 2000
/** Of Stint's own environment: what programs need to find others and their user's files. Nothing else is passed on. */
const PASSED = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR']
const TERM_AFTER_MS = 2000
const KILL_AFTER_MS = 5000

/** Starts a program. Throws nothing: one that cannot be started is one that ended. */
export function startProcess(
  program: Program,
  environment: Readonly<Record<string, string>>,
  confine: Confine,
  hearing: Hearing,
): Running {
  const [command = '', ...args] = confine([program.command, ...program.args], program.directory)
  const child = spawn(command, args, {
    cwd: program.directory,
    env: { ...passedOn(), ...program.environment, ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true, // a process group of its own, so that what it leaves behind ends with it
  })
  const messages = createLineReader(MAX_LINE, hearing.onLine, hearing.onTooLong)
  const said = createLineReader(
    MAX_LINE,
    (line) => hearing.onSaid(line.slice(0, MAX_SAID)),
    () => undefined,
  )
  const timers: NodeJS.Timeout[] = []
  let isOver = false
  child.stdin.on('error', () => undefined) // it ended: `exit` tells
  child.stdout.on('data', (chunk: Buffer) => isOver || messages.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk))
  child.on('error', (error: NodeJS.ErrnoException) => finish(`it cannot be started (${error.code ?? error.message})`))
  child.on('exit', (code, signal) => {
    signalGroup('SIGKILL')
    setImmediate(() => finish(signal === null ? `it ended with ${code}` : `it was ended by ${signal}`)) // what it said last comes first
  })
  return {
    pid: child.pid,
    get unread() {
      return child.stdin.writableLength
    },
    send: (line) => void child.stdin.write(`${line}\n`),
    end() {
      child.stdin.end()
      timers.push(
        setTimeout(() => signalGroup('SIGTERM'), TERM_AFTER_MS),
        setTimeout(() => signalGroup('SIGKILL'), KILL_AFTER_MS),
      )
    },
    kill: () => signalGroup('SIGKILL'),
    pause: () => void child.stdout.pause(),
    resume: () => void child.stdout.resume(),
  }

  function finish(how: string): void {
    if (isOver) return
    isOver = true
    for (const timer of timers) clearTimeout(timer)
    hearing.onExit(how)
  }

  function signalGroup(signal: NodeJS.Signals): void {
    if (child.pid === undefined) return
    try {
      process.kill(-child.pid, signal)
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown // all of it is gone
    }
  }
}

function passedOn(): Record<string, string> {
  return Object.fromEntries(PASSED.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])))
}
