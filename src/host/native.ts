import { createRequire } from 'node:module'
import type { Server, Socket } from 'node:net'
import type * as Koffi from 'koffi'

/** The few system calls that Node has no words for. Elsewhere, or where they cannot be loaded, they are `unsupported`. */
export type NativeResult = 'done' | 'unsupported'

interface Calls {
  getsockopt(fd: number, level: number, name: number, value: Buffer, length: Buffer): number
  prctl(option: number, value: number, c: number, d: number, e: number): number
  waitid(idType: number, id: number, info: Buffer, options: number): number
  socket(family: number, type: number, protocol: number): number
  send(fd: number, bytes: Buffer, length: number, flags: number): number
  recv(fd: number, bytes: Buffer, length: number, flags: number): number
  close(fd: number): number
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

/** socket(2): AF_NETLINK, SOCK_RAW with SOCK_CLOEXEC; recv(2): MSG_DONTWAIT. */
const NETLINK = { family: 16, type: 0x80003, dontWait: 0x40, answerBytes: 8192 } as const

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

/** The file descriptor of an open socket or listener; undefined once it is closed. Node has no public name for it. */
export function descriptorOf(socket: Socket | Server): number | undefined {
  const handle: unknown = Reflect.get(socket, '_handle')
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined
  return typeof fd === 'number' && fd >= 0 ? fd : undefined
}

/** Asks the kernel one question over netlink(7), and answers the first packet it has at once. */
export function askNetlink(protocol: number, question: Buffer): Buffer | undefined {
  const calls = process.platform === 'linux' ? load() : 'unsupported'
  if (calls === 'unsupported') return undefined
  const fd = calls.socket(NETLINK.family, NETLINK.type, protocol)
  if (fd < 0) return undefined
  try {
    if (calls.send(fd, question, question.length, 0) !== question.length) return undefined
    const answer = Buffer.alloc(NETLINK.answerBytes)
    const length = calls.recv(fd, answer, answer.length, NETLINK.dontWait)
    return length > 0 ? answer.subarray(0, length) : undefined
  } finally {
    calls.close(fd)
  }
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
      socket: onLinux('int socket(int family, int type, int protocol)'),
      send: onLinux('long send(int fd, const void *bytes, ulong length, int flags)'),
      recv: onLinux('long recv(int fd, _Out_ void *bytes, ulong length, int flags)'),
      close: onLinux('int close(int fd)'),
      waitid: onLinux('int waitid(int type, uint id, _Inout_ void *info, int options)'),
    }
  } catch {
    return 'unsupported'
  }
}
