import { createHash, timingSafeEqual } from 'node:crypto'
import type { Socket } from 'node:net'
import { StintError } from '../errors.ts'
import { descriptorOf, peerPid } from '../host/native.ts'
import { isDescendant, type ProcessId } from '../host/process-tree.ts'
import { createPeerCheck } from '../host/tcp-peer.ts'
import type { Admission } from './relay.ts'

const MAX_HEAD_BYTES = 64 * 1024
const HEAD_TIMEOUT_MS = 10_000

/** For a listener that only the sandbox can reach: being connected is the proof. */
export const admitSandbox: Admission = { admit: () => {}, asks: false }

/** Admits connections held by the tree below `root` and nobody else. Throws `unauthenticated`. */
export function admitTree(root: ProcessId): Admission {
  const isInTree = createPeerCheck(root)
  const admit = (client: Socket) => {
    if (!isInTree(client)) throw new StintError('unauthenticated', 'this proxy serves one command and its children only')
  }
  return { admit, asks: false }
}

/** The same for a Unix socket, whose kernel knows who connected. Throws `unauthenticated`. */
export function admitUnixTree(root: ProcessId): Admission {
  const admit = (client: Socket) => {
    const descriptor = descriptorOf(client)
    const pid = descriptor === undefined ? undefined : peerPid(descriptor)
    if (pid === undefined || !isDescendant(pid, root))
      throw new StintError('unauthenticated', 'this agent serves one command and its children only')
  }
  return { admit, asks: false }
}

/**
 * Admits connections whose first request has `stint:<secret>` as its basic proxy credentials (RFC 9110, section 11.7.2). Throws
 * `unauthenticated`.
 */
export function admitSecret(secret: string): Admission {
  const wanted = digest(`Basic ${Buffer.from(`stint:${secret}`).toString('base64')}`)
  const admit = async (client: Socket) => {
    const head = await peekHead(client)
    const given = /\r\nproxy-authorization:[ \t]*([^\r\n]*?)[ \t]*\r\n/i.exec(head)?.[1] ?? ''
    if (!timingSafeEqual(digest(given), wanted))
      throw new StintError('unauthenticated', 'this proxy wants the secret of its address')
  }
  return { admit, asks: true }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** Reads until the end of the first head and puts everything back. Attacker-controlled. Throws `unauthenticated` when none comes. */
function peekHead(client: Socket): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let seen = Buffer.alloc(0)
  const fail = () => reject(new StintError('unauthenticated', 'no request came'))
  const timer = setTimeout(fail, HEAD_TIMEOUT_MS)
  client.on('data', read)
  client.on('close', fail)
  client.on('end', fail)
  client.resume()
  return promise.finally(() => {
    clearTimeout(timer)
    client.off('data', read).off('close', fail).off('end', fail).pause()
    if (seen.length > 0 && !client.destroyed) client.unshift(seen)
  })

  function read(chunk: Buffer): void {
    seen = Buffer.concat([seen, chunk])
    const end = seen.indexOf('\r\n\r\n')
    if (end >= 0) resolve(seen.toString('latin1', 0, end + 2))
    else if (seen.length > MAX_HEAD_BYTES) fail()
  }
}
