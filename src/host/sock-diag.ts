import { isIPv4 } from 'node:net'
import { askNetlink } from './native.ts'

/** One end of an IPv4 connection. */
export interface Endpoint {
  readonly address: string
  readonly port: number
}

/** What the kernel says of a TCP socket of this network namespace. */
export interface TcpSocket {
  /** The number in `socket:[…]` of /proc/<pid>/fd; 0 when no process holds it. */
  readonly inode: number
  /** Never used again for another socket, as inodes are. */
  readonly cookie: bigint
  readonly isEstablished: boolean
}

/** linux/sock_diag.h, linux/inet_diag.h, linux/netlink.h. Numbers are in the machine's order, which is little-endian; ports are not. */
const NETLINK_SOCK_DIAG = 4
const SOCK_DIAG_BY_FAMILY = 20
const NLM_F_REQUEST = 1
const AF_INET = 2
const IPPROTO_TCP = 6
const ESTABLISHED = 1
const HEADER_BYTES = 16
const REQUEST_BYTES = HEADER_BYTES + 56
const ANSWER_BYTES = HEADER_BYTES + 72

/**
 * The one socket from `local` to `remote`, or else the listener at `local`: a lookup in the kernel's table, not a list of it (sock_diag(7)).
 * Undefined when there is none, for other addresses than IPv4, and where the kernel cannot be asked.
 */
export function findTcpSocket(local: Endpoint, remote: Endpoint): TcpSocket | undefined {
  if (!isIPv4(local.address) || !isIPv4(remote.address)) return undefined
  const answer = askNetlink(NETLINK_SOCK_DIAG, requestFor(local, remote))
  if (answer === undefined || answer.length < ANSWER_BYTES || answer.readUInt16LE(4) !== SOCK_DIAG_BY_FAMILY) return undefined
  const body = answer.subarray(HEADER_BYTES)
  return { inode: body.readUInt32LE(68), cookie: body.readBigUInt64LE(44), isEstablished: body[1] === ESTABLISHED }
}

/** struct nlmsghdr, then struct inet_diag_req_v2 with all states and no cookie. */
function requestFor(local: Endpoint, remote: Endpoint): Buffer {
  const request = Buffer.alloc(REQUEST_BYTES)
  request.writeUInt32LE(REQUEST_BYTES, 0)
  request.writeUInt16LE(SOCK_DIAG_BY_FAMILY, 4)
  request.writeUInt16LE(NLM_F_REQUEST, 6)
  const body = request.subarray(HEADER_BYTES)
  body.set([AF_INET, IPPROTO_TCP])
  body.writeUInt32LE(0xffffffff, 4)
  body.writeUInt16BE(local.port, 8)
  body.writeUInt16BE(remote.port, 10)
  body.set(local.address.split('.').map(Number), 12)
  body.set(remote.address.split('.').map(Number), 28)
  body.fill(0xff, 48)
  return request
}
