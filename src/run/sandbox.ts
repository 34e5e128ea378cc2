import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, copyFileSync, openSync } from 'node:fs'
import { Server } from 'node:net'
import { extname, join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { StintError } from '../errors.ts'
import { descendants, type ProcessId, statOf as processOf } from '../host/process-tree.ts'
import type { Bubblewrap } from './bubblewrap.ts'
import type { Wire } from './cell.ts'
import type { Become } from './inner.ts'
import type { Step } from './layout.ts'
import { RUN_FILES } from './run-directory.ts'

/** A sandbox whose first program waits to become the command. */
export interface Sandbox {
  readonly child: ChildProcess
  /** The listener in the sandbox's own network: nothing outside of the sandbox can connect to it, which is the attestation. */
  readonly server: Server
  readonly port: number
  /** More of the same. */
  readonly wires: readonly Wire[]
  /** One at a path, where it was asked for. */
  readonly agent: Server | undefined
  /** Turns what waits inside into the command, and answers its process as seen from here. */
  become(what: Become): Promise<ProcessId | undefined>
}

export interface SandboxWish {
  readonly bubblewrap: Bubblewrap
  readonly steps: readonly Step[]
  /** Host path of the run's files; they show at INNER_DIRECTORY. */
  readonly runDirectory: string
  readonly workingDirectory: string
  /** An XDG_RUNTIME_DIR to make, empty. */
  readonly runtimeDirectory: string | undefined
  readonly wireCount: number
  /** Where to open a Unix socket inside. */
  readonly agentPath: string | undefined
}

/** Where the sandbox has a Unix socket of its own, where it has one. */
export const INNER_AGENT = '/run/stint-ssh-agent.sock'

/** Where the run's files show inside. */
export const INNER_DIRECTORY = '/run/stint'
/** The Node that runs there, for as long as the sandbox is. */
export const INNER_NODE = '/run/stint-node'
/** The name says that it is a module, wherever it stands. */
const INNER_PROGRAM = extname(import.meta.url) === '.ts' ? 'inner.mts' : 'inner.mjs'
const FILTER_FD = 4
const INFO_FD = 5

/**
 * The shell ignores the terminal's signals on behalf of bubblewrap, which would die of a Ctrl-C that its command handles; Node
 * inside puts them back. --die-with-parent has the kernel end everything when this process ends, however it ends.
 */
const SHELL = ['-c', 'trap "" INT QUIT HUP TERM; exec "$0" "$@"'] as const

/** Starts the sandbox and takes over its listener. Throws `sandbox_unavailable`. */
export async function openSandbox(wish: SandboxWish): Promise<Sandbox> {
  const inner = fileURLToPath(new URL(`./inner${extname(import.meta.url)}`, import.meta.url))
  copyFileSync(inner, join(wish.runDirectory, INNER_PROGRAM))
  const filter = openSync(wish.bubblewrap.filterFile, 'r')
  const child = spawn('/bin/sh', [...SHELL, wish.bubblewrap.path, ...bubblewrapArguments(wish)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc', filter, 'pipe'],
    env: { PATH: '/usr/bin:/bin' },
  })
  closeSync(filter)
  const reaperPid = readReaperPid(child.stdio.at(INFO_FD))
  const { ports, agent } = await takeListeners(child, wish)
  const [first, ...wires] = ports
  if (first === undefined) throw failed('it handed over no listener')
  return { child, ...first, wires, agent, become }

  async function become(what: Become): Promise<ProcessId | undefined> {
    const inside = commandBelow(await reaperPid)
    const left = once(child, 'disconnect')
    child.send(what)
    await left
    return inside
  }
}

/** As many as were asked for, in any order. */
async function takeListeners(
  child: ChildProcess,
  { wireCount, agentPath }: SandboxWish,
): Promise<{ readonly ports: readonly Wire[]; readonly agent: Server | undefined }> {
  const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<typeof takeListeners>>>()
  const ports: Wire[] = []
  let agent: Server | undefined
  child.on('message', (message, handle) => {
    const port = typeof message === 'object' && 'port' in message ? Number(message.port) : 0
    if (!(handle instanceof Server)) reject(failed('it handed over no listener'))
    else if (port > 0) ports.push({ server: handle, port })
    else agent = handle
    if (ports.length === 1 + wireCount && (agent === undefined) === (agentPath === undefined)) resolve({ ports, agent })
  })
  child.once('error', (error) => reject(failed(error.message)))
  child.once('exit', (code, signal) => reject(failed(`bubblewrap ended with ${code ?? signal}; it said why above`)))
  return promise
}

function failed(why: string): StintError {
  return new StintError('sandbox_unavailable', `the sandbox could not be made: ${why}`)
}

/**
 * The pid, as seen from here, of bubblewrap's own first process inside: the parent of the command. Reads to the end, since
 * bubblewrap writes in parts and would die of a closed pipe.
 */
async function readReaperPid(info: unknown): Promise<number | undefined> {
  if (!(info instanceof Readable)) return undefined
  const pid = /"child-pid":\s*(\d+)/.exec(await text(info))?.[1]
  return pid === undefined ? undefined : Number(pid)
}

function commandBelow(reaperPid: number | undefined): ProcessId | undefined {
  const reaper = reaperPid === undefined ? undefined : processOf(reaperPid)
  return reaper && descendants(reaper).find(({ ppid }) => ppid === reaper.pid)
}

function bubblewrapArguments(wish: SandboxWish): string[] {
  const { bubblewrap, steps, runDirectory, workingDirectory, runtimeDirectory, wireCount, agentPath } = wish
  const [root, ...rest] = steps.map((step) => argumentsOf(step, runDirectory))
  return [
    ...bubblewrap.isolation,
    ...['--seccomp', String(FILTER_FD), '--info-fd', String(INFO_FD)],
    ...(root ?? []),
    // Read-only, since to the machine's own root, whom no lost capability stops, /proc/sys is a way to run programs outside.
    ...['--proc', '/proc', '--remount-ro', '/proc', '--dev', '/dev'],
    ...rest.flat(),
    ...(runtimeDirectory === undefined ? [] : ['--perms', '0700', '--dir', runtimeDirectory]),
    ...['--ro-bind', runDirectory, INNER_DIRECTORY, '--ro-bind', process.execPath, INNER_NODE],
    // SIGUSR1 may come for the command before it is there; it must not open Node's debugger.
    ...[
      '--chdir',
      workingDirectory,
      '--',
      INNER_NODE,
      '--disable-sigusr1',
      join(INNER_DIRECTORY, INNER_PROGRAM),
      String(1 + wireCount),
      ...(agentPath === undefined ? [] : [agentPath]),
    ],
  ]
}

function argumentsOf(step: Step, runDirectory: string): string[] {
  switch (step.kind) {
    case 'read-only':
      return ['--ro-bind', step.from, step.at]
    case 'placed':
      return ['--ro-bind', step.from, step.at]
    case 'writable':
      return ['--bind', step.from, step.at]
    case 'scratch':
      return ['--tmpfs', step.at]
    case 'link':
      return ['--symlink', step.to, step.at]
    case 'masked-directory':
      return ['--tmpfs', step.at, '--remount-ro', step.at]
    case 'masked-file':
      return ['--ro-bind', join(runDirectory, RUN_FILES.empty), step.at]
  }
}
