/** Starts `stint run` in a process of its own, against a fake Stint. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { allPids } from '../../src/host/process-tree.ts'
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

/** Whether a process of this machine, inside a sandbox or not, bears the mark in its arguments. */
export function isRunning(mark: string): boolean {
  return allPids().some((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(mark)
    } catch {
      return false // it ended just now
    }
  })
}

/** A run whose command waits until it is told to go on. */
export interface Held {
  /** The address of its proxy. */
  readonly address: URL
  readonly run: Started
  /** A file whose appearance has it go on with `script`. */
  readonly go: string
  finish(): Started['done']
}

/** Starts one, and waits until its command is there. */
export async function hold(fake: FakeStint, flags: readonly string[], script = ''): Promise<Held> {
  const file = join(fake.project, `address-${randomUUID()}`)
  const go = `${file}.go`
  const wait = `echo $HTTP_PROXY > ${file}.new; mv ${file}.new ${file}; while [ ! -e ${go} ]; do sleep 0.02; done`
  const run = startRun(fake, flags, ['sh', '-c', `${wait}; ${script}`])
  await until(() => existsSync(file))
  const finish = () => {
    writeFileSync(go, '')
    return run.done
  }
  return { address: new URL(readFileSync(file, 'utf8').trim()), run, go, finish }
}
