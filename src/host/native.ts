import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import type * as Koffi from 'koffi'

/** The few system calls that Node has no words for. Elsewhere, or where they cannot be loaded, they are `unsupported`. */
export type NativeResult = 'done' | 'unsupported'

interface Calls {
  getsockopt(fd: number, level: number, name: number, value: Buffer, length: Buffer): number
  prctl(option: number, value: number, c: number, d: number, e: number): number
  waitid(idType: number, id: number, info: Buffer, options: number): number
}

/** Where getsockopt tells the peer of a unix socket; the process id comes first in what it answers (unix(7), Darwin unix(4)). */
const PEER_OPTION: Partial<Record<NodeJS.Platform, { level: number; name: number; bytes: number }>> = {
  linux: { level: 1, name: 17, bytes: 12 },
  darwin: { level: 0, name: 2, bytes: 4 },
}

/** prctl(2). */
const PRCTL = { parentDeathSignal: 1, dumpable: 4, childSubreaper: 36 } as const
const SIGKILL = 9
/** waitid(2), and where siginfo_t holds si_pid on 64-bit Linux. */
const WAIT = { noHang: 1, exited: 4, noWait: 0x01000000 } as const
const P_ALL = 0
const P_PID = 1
const SIGNAL_INFO_PID = 16

let loaded: Calls | 'unsupported' | undefined

/** The process that connected this accepted unix socket, as it was then. Undefined where it cannot be known. */
export function peerPid(fd: number): number | undefined {
  const option = PEER_OPTION[process.platform]
  const calls = load()
  if (calls === 'unsupported' || option === undefined) return undefined
  const value = Buffer.alloc(option.bytes)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(option.bytes)
  if (calls.getsockopt(fd, option.level, option.name, value, length) !== 0) return undefined
  const pid = value.readInt32LE(0)
  return pid > 0 ? pid : undefined
}

/** The file descriptor of an open socket; undefined once it is closed. Node has no public name for it. */
export function descriptorOf(socket: Socket): number | undefined {
  const handle: unknown = Reflect.get(socket, '_handle')
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined
  return typeof fd === 'number' && fd >= 0 ? fd : undefined
}

/** From now on, orphans below this process become its children, so that no daemon leaves its tree. */
export function becomeSubreaper(): NativeResult {
  return control(PRCTL.childSubreaper, 1)
}

/** From now on, nobody without privilege can trace this process, or read its memory or environment. No core dumps either. */
export function becomeUndumpable(): NativeResult {
  return control(PRCTL.dumpable, 0)
}

/**
 * Takes notice of every child that has ended and that nobody else waits for: orphans that have become this process's own. Node waits
 * for the children it starts; `started` is the one that it may have.
 */
export function reapOrphans(started: number | undefined): void {
  const calls = process.platform === 'linux' ? load() : 'unsupported'
  if (calls === 'unsupported') return
  const info = Buffer.alloc(128)
  for (;;) {
    info.fill(0)
    if (calls.waitid(P_ALL, 0, info, WAIT.exited | WAIT.noHang | WAIT.noWait) !== 0) return
    const pid = info.readInt32LE(SIGNAL_INFO_PID)
    if (pid === 0 || pid === started) return
    if (calls.waitid(P_PID, pid, info, WAIT.exited | WAIT.noHang) !== 0) return
  }
}

/** From now on, this process is killed when the thread that started it ends. A parent that is gone already is not noticed. */
export function dieWithParent(): NativeResult {
  return control(PRCTL.parentDeathSignal, SIGKILL)
}

function control(option: number, value: number): NativeResult {
  if (process.platform !== 'linux') return 'unsupported'
  const calls = load()
  if (calls === 'unsupported') return 'unsupported'
  return calls.prctl(option, value, 0, 0, 0) === 0 ? 'done' : 'unsupported'
}

function load(): Calls | 'unsupported' {
  loaded ??= tryLoad()
  return loaded
}

/** Only when first needed: most commands never need it, and a platform without it must still start. */
function tryLoad(): Calls | 'unsupported' {
  if (PEER_OPTION[process.platform] === undefined) return 'unsupported'
  try {
    const koffi: typeof Koffi = createRequire(import.meta.url)('koffi')
    const libc = koffi.load(null) // what this process has loaded, which is libc whatever its name
    const onLinux = (prototype: string) => (process.platform === 'linux' ? libc.func(prototype) : () => -1)
    return {
      getsockopt: libc.func('int getsockopt(int fd, int level, int name, _Out_ void *value, _Inout_ void *length)'),
      prctl: onLinux('int prctl(int option, ulong b, ulong c, ulong d, ulong e)'),
      waitid: onLinux('int waitid(int type, uint id, _Inout_ void *info, int options)'),
    }
  } catch {
    return 'unsupported'
  }
}
