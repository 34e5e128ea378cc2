import { readFileSync } from 'node:fs'
import { type ProcessId, statOf } from '../host/process-tree.ts'
import { admitSandbox } from './admit.ts'
import type { Bubblewrap } from './bubblewrap.ts'
import type { Cell, CellWays } from './cell.ts'
import { type LayoutWish, planLayout, socketsIn, whyNotSeen } from './layout.ts'
import { isWithin, realPath } from './paths.ts'
import { INNER_AGENT, INNER_DIRECTORY, INNER_NODE, openSandbox } from './sandbox.ts'
import { exitCodeOf } from './signals.ts'

/** What the sandbox is made from. */
export interface SandboxedCellWish extends Omit<LayoutWish, 'sockets' | 'mountinfo'>, CellWays {
  readonly bubblewrap: Bubblewrap
  readonly runtimeDirectory: string | undefined
}

/** Opens the sandbox; nothing of the command runs yet. Throws `sandbox_unavailable`, or `invalid_argument` for where it would work. */
export async function openSandboxedCell(wish: SandboxedCellWish): Promise<Cell> {
  const { bubblewrap, runDirectory, directory, runtimeDirectory, wireCount } = wish
  const machine = {
    mountinfo: readFileSync('/proc/self/mountinfo', 'utf8'),
    sockets: socketsIn(readFileSync('/proc/net/unix', 'utf8')),
  }
  const steps = planLayout({ ...wish, ...machine })
  const unseen = whyNotSeen(steps, { ...wish, ...machine })
  const agentPath = wish.sshDirectory === undefined ? undefined : INNER_AGENT
  const places = { runDirectory, workingDirectory: directory, runtimeDirectory }
  const sandbox = await openSandbox({ bubblewrap, steps, ...places, wireCount, agentPath })
  return {
    proof: 'sandbox',
    server: sandbox.server,
    wires: sandbox.wires,
    agent: sandbox.agent && { server: sandbox.agent, path: INNER_AGENT, admission: admitSandbox },
    proxy: new URL(`http://127.0.0.1:${sandbox.port}`),
    admission: admitSandbox,
    filesAt: INNER_DIRECTORY,
    nodeAt: INNER_NODE,
    says: sayings(wish),
    async start(command, environment) {
      const { promise, resolve } = Promise.withResolvers<number>()
      sandbox.child.once('exit', (code, signal) => resolve(exitCodeOf(code, signal)))
      const first = await sandbox.become({ command, environment: insideOf(environment), ...(unseen !== undefined && { unseen }) })
      return { signal: (signal) => deliver(first, signal), exited: promise }
    },
  }
}

function sayings({ directory, hidden, allowed }: SandboxedCellWish): string[] {
  const gone = [...new Set(hidden.filter(({ name }) => !allowed.includes(name)).map(({ shown }) => shown))]
  const ours = [import.meta.dirname, process.execPath].some((path) => isWithin(path, directory))
  return [
    `sandbox: the gateway is the only network, ${directory} the only place to write`,
    ...(gone.length > 0 ? [`hidden: ${gone.join(' ')}`] : []),
    ...(ours ? ['not protected: Stint itself is installed in the working directory, where the command can change it'] : []),
  ]
}

/** bubblewrap itself is deaf to the signals that are handed on; they go to the command. */
function deliver(to: ProcessId | undefined, signal: NodeJS.Signals): void {
  if (to === undefined || statOf(to.pid)?.startTime !== to.startTime) return
  try {
    process.kill(to.pid, signal)
  } catch {
    // It ended just now.
  }
}

/** Names that would lead outside: through a symlink that is not there, or to a directory that cannot be written. */
function insideOf({ TMPDIR, TMP, TEMP, ...environment }: Record<string, string>): Record<string, string> {
  const home = environment.HOME && realPath(environment.HOME)
  return { ...environment, PWD: process.cwd(), ...(home && { HOME: home }) }
}
