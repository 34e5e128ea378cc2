import { fstatSync, readdirSync, readlinkSync } from 'node:fs'
import type { Server, Socket } from 'node:net'
import { descriptorOf } from './native.ts'
import { allPids, descendants, isDescendant, type ProcessId, statOf } from './process-tree.ts'
import { type Endpoint, findTcpSocket, type TcpSocket } from './sock-diag.ts'

/** Answers whether a process of one tree holds the other end of an accepted loopback connection. */
export type PeerCheck = (accepted: Socket) => boolean

/**
 * A check for the tree of `root`, itself included. Ask before the first byte is believed. Linux and IPv4 only; elsewhere, and whenever
 * anything does not fit, the answer is no. Quick for connections of processes that are new or of the tree.
 *
 * Its limits: a process whose descriptors this user may not read holds nothing; and a process of the tree can always share the connection
 * with a stranger, or pass on bytes for one, which no such check can notice.
 */
export function createPeerCheck(root: ProcessId): PeerCheck {
  let strangers = new Set<number>()
  return (accepted) => {
    const client = clientOf(accepted)
    if (client === undefined) return false
    const isHeld = isHeldBy(candidates(), client) || isHeldBy(candidates({ anew: true }), client)
    // If the connection is still there, the inode was its own all the while.
    return isHeld && clientOf(accepted)?.cookie === client.cookie
  }

  /** The processes of the tree. Who was a stranger is not looked at again, unless `anew`: a pid may be used again. */
  function candidates({ anew } = { anew: strangers.size === 0 }): ProcessId[] {
    const pids = allPids()
    const found = anew ? everybody() : pids.filter((pid) => !strangers.has(pid)).flatMap(member)
    const inside = new Set(found.map(({ pid }) => pid))
    strangers = new Set(pids.filter((pid) => !inside.has(pid)))
    return found
  }

  function everybody(): ProcessId[] {
    return [...member(root.pid), ...descendants(root)]
  }

  function member(pid: number): ProcessId[] {
    const process = statOf(pid)
    return process !== undefined && isDescendant(pid, root) ? [process] : []
  }
}

function isHeldBy(candidates: readonly ProcessId[], { inode }: TcpSocket): boolean {
  const name = `socket:[${inode}]`
  return candidates.some(({ pid, startTime }) => hasDescriptor(pid, name) && statOf(pid)?.startTime === startTime)
}

/** True where the kernel answers about this listener, so that a PeerCheck works for what it accepts. */
export function canFindPeers(listener: Server): boolean {
  const local = listener.address()
  const inode = inodeOf(descriptorOf(listener))
  if (typeof local !== 'object' || local === null || inode === undefined) return false
  return findTcpSocket(local, { address: '127.0.0.1', port: 1 })?.inode === inode
}

/**
 * The client's socket. Both ends must be established, and ours must be the very socket that was accepted: else the client may have gone
 * and another have taken its port.
 */
function clientOf(accepted: Socket): TcpSocket | undefined {
  const inode = inodeOf(descriptorOf(accepted))
  const { localAddress, localPort, remoteAddress, remotePort } = accepted
  if (inode === undefined || !localAddress || !localPort || !remoteAddress || !remotePort) return undefined
  const here: Endpoint = { address: localAddress, port: localPort }
  const there: Endpoint = { address: remoteAddress, port: remotePort }
  const own = findTcpSocket(here, there)
  const client = findTcpSocket(there, here)
  return own?.isEstablished && own.inode === inode && client?.isEstablished && client.inode !== 0 ? client : undefined
}

function inodeOf(fd: number | undefined): number | undefined {
  try {
    return fd === undefined ? undefined : fstatSync(fd).ino
  } catch {
    return undefined // it was closed just now
  }
}

/** The newest first: a connection is asked about when it is new. */
function hasDescriptor(pid: number, name: string): boolean {
  const directory = `/proc/${pid}/fd`
  try {
    return readdirSync(directory)
      .reverse()
      .some((fd) => linkOf(`${directory}/${fd}`) === name)
  } catch {
    return false // it ended, or may not be read
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined // closed just now
  }
}
