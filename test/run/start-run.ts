/** Starts `stint run` in a process of its own, against a fake Stint. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { FakeStint } from './fake-stint.ts'

export const PROGRAM = fileURLToPath(new URL('../../bin/stint.js', import.meta.url))

export interface Started {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly done: Promise<{ code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }>
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Record<string, string>
  readonly input?: string
  /** Leaves standard input open, for the test to write to. */
  readonly keepInput?: boolean
  /** What to start it with, such as `['script', '-qec']`. */
  readonly under?: (argv: readonly string[]) => readonly string[]
}

/** `stint run --task test --target github FLAGS -- COMMAND`, with HOME in the fake's own directory. */
export function startRun(
  fake: FakeStint,
  flags: readonly string[],
  command: readonly string[],
  options: RunOptions = {},
): Started {
  const argv = [process.execPath, PROGRAM, 'run', '--task', 'test', '--target', 'github', ...flags, '--', ...command]
  const [file = '', ...args] = options.under?.(argv) ?? argv
  const env = { PATH: process.env.PATH ?? '', HOME: fake.user, STINT_HOME: fake.home, TMPDIR: fake.directory, ...options.env }
  const child = spawn(file, args, { cwd: options.cwd ?? fake.project, env, stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.on('error', () => {})
  if (!options.keepInput) child.stdin.end(options.input ?? '')
  const done = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]).then(
    ([stdout, stderr, [code, signal]]) => ({
      ...{ code, signal, stdout, stderr },
    }),
  )
  return { child, done }
}

/** Runs JavaScript as the command; what it prints last is JSON. */
export async function askInside<T>(
  fake: FakeStint,
  flags: readonly string[],
  script: string,
  options: RunOptions = {},
): Promise<T> {
  const { code, stdout, stderr } = await startRun(fake, flags, [process.execPath, '--input-type=module', '-e', script], options)
    .done
  if (code !== 0) throw new Error(`the command ended with ${code}: ${stdout}${stderr}`)
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
}

/** Waits until `holds` does. */
export async function until(holds: () => boolean): Promise<void> {
  for (let left = 500; !holds(); left -= 1) {
    if (left === 0) throw new Error(`never came true: ${holds}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
