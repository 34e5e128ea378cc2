import { fstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { isIPv4, type Socket } from 'node:net'
import { descriptorOf } from './native.ts'
import { allPids, descendants, isDescendant, type ProcessId } from './process-tree.ts'

/** Who holds the other end of a loopback connection. */
export interface TcpPeer {
  /** Every process found to hold it, most often one; none when nobody of the tree does. */
  readonly pids: readonly number[]
  /** True when at least one holds it and every one that does is in the tree. */
  readonly isInTree: boolean
}

const NOBODY: TcpPeer = { pids: [], isInTree: false }
const ESTABLISHED = '01'

/**
 * Finds the processes behind an accepted loopback connection and whether they are below `root` (or are it). Ask before the
 * first byte is believed. Linux only; elsewhere, and whenever anything does not fit, nobody holds it.
 *
 * Its limits: it sees processes whose descriptors this user may read, so a copy of the connection held by another user's
 * process is not seen; and a process of the tree can always pass on bytes for a stranger, which no such check can notice.
 */
export function findTcpPeer(socket: Socket, root: ProcessId): TcpPeer {
  const inode = peerInode(socket)
  if (inode === undefined) return NOBODY
  const tree = new Set([root.pid, ...descendants(root).map(({ pid }) => pid)])
  const inside = [...tree].filter((pid) => holds(pid, inode))
  if (inside.length === 0) return NOBODY
  const outside = allPids().filter((pid) => !tree.has(pid) && holds(pid, inode))
  const pids = [...inside, ...outside]
  return { pids, isInTree: pids.every((pid) => isDescendant(pid, root)) }
}

/**
 * The inode of the client's socket. Both ends must be established, and ours must be the very socket that was accepted: else the
 * client may have gone and another have taken its port.
 */
function peerInode(socket: Socket): string | undefined {
  const fd = descriptorOf(socket)
  const { localAddress, localPort, remoteAddress, remotePort } = socket
  if (fd === undefined || !localAddress || !localPort || !remoteAddress || !remotePort) return undefined
  let accepted: string | undefined
  let client: string | undefined
  const here = endpointForms(localAddress, localPort)
  const there = endpointForms(remoteAddress, remotePort)
  for (const name of ['tcp', 'tcp6']) {
    const table = readText(`/proc/net/${name}`)
    accepted ??= findInode(table, here, there)
    client ??= findInode(table, there, here)
    if (accepted !== undefined && client !== undefined) return accepted === inodeOf(fd) ? client : undefined
  }
  return undefined
}

function inodeOf(fd: number): string | undefined {
  try {
    return String(fstatSync(fd, { bigint: true }).ino)
  } catch {
    return undefined
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

/** Looks up the one row `local remote ESTABLISHED` (proc_net_tcp(5)); inode 0 means that no process holds it. */
function findInode(table: string, local: readonly string[], remote: readonly string[]): string | undefined {
  for (const from of local) {
    for (const to of remote) {
      const at = table.indexOf(`: ${from} ${to} ${ESTABLISHED} `)
      if (at === -1) continue
      const inode = table
        .slice(at + 2, table.indexOf('\n', at))
        .trim()
        .split(/\s+/)[8]
      return inode === undefined || inode === '0' ? undefined : inode
    }
  }
  return undefined
}

/** How the kernel writes an endpoint: 32-bit words, little-endian here; an IPv4 one also as mapped into IPv6. */
function endpointForms(address: string, port: number): string[] {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0')
  const plain = address.replace(/^::ffff:/i, '')
  if (!isIPv4(plain)) return plain === '::1' ? [`00000000000000000000000001000000:${hexPort}`] : []
  const word = Buffer.from(plain.split('.').map(Number)).reverse().toString('hex').toUpperCase()
  return [`${word}:${hexPort}`, `0000000000000000FFFF0000${word}:${hexPort}`]
}

function holds(pid: number, inode: string): boolean {
  const wanted = `socket:[${inode}]`
  const directory = `/proc/${pid}/fd`
  try {
    return readdirSync(directory).some((fd) => linkOf(`${directory}/${fd}`) === wanted)
  } catch {
    return false
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}
