import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isIPv6, type Socket } from 'node:net'
import type { Attempt, Broker, Served } from '../broker.ts'
import { asStintError, type StintError } from '../errors.ts'
import type { Caller, Flow } from '../model.ts'
import { readHeaders } from './arrival.ts'
import type { Connection, Connections } from './connections.ts'
import { type DpopProof, type GatewayProof, readDpop } from './proof.ts'
import { malformed, refusalOf, writeRefusal } from './refusal.ts'

/** The verbs that prove a connection as a whole. */
export interface AttachVerbs {
  serve(attempt: Attempt<GatewayProof>): Promise<Served>
  readonly refuseUndecided: Broker<GatewayProof>['refuseUndecided']
  /** identity/verify.ts; an expired token proves the caller of a task that is over. Throws `StintError`. */
  attach(proof: DpopProof): Promise<Caller>
  /** revocations/flows.ts: registers the connection, so that a revocation cuts it. Throws `task_not_live`. */
  openConnection(caller: Caller): Flow
}

/** Where a connection is attached to a task, and the protocol it then speaks: an HTTP forward proxy's. */
export const ATTACH_PATH = '/.well-known/stint/attach'
export const ATTACH_PROTOCOL = 'stint-task/1'

/** True for a request that asks to attach its connection. */
export function isAttach(request: IncomingMessage): boolean {
  return request.url === ATTACH_PATH && request.headers.upgrade?.toLowerCase() === ATTACH_PROTOCOL
}

/**
 * Answers an attach: 101, and from then on `adopt` reads the connection's requests; or a refusal, and the connection closes. A caller
 * whose task is over is attached as well: each of its requests is refused, and recorded, where its programs can show it.
 */
export function createAttach(verbs: AttachVerbs, connections: Connections, adopt: (socket: Socket) => void) {
  return async (request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> => {
    const correlationId = randomUUID()
    let headers: Record<string, string> = {}
    try {
      headers = readHeaders(request.rawHeaders, request.httpVersion)
      const connection = connections.of(socket)
      checkAttach(request, headers, connection)
      const proof = readDpop(headers, 'authorization', 'GET', `http://${localAuthority(socket)}${ATTACH_PATH}`)
      const { caller, over } = await prove(verbs, connections, socket, { proof, correlationId })
      Object.assign(connection, { caller, isOver: over !== undefined })
    } catch (thrown) {
      writeRefusal(socket, refusalOf(asStintError(thrown), correlationId), headers, 'origin')
      return
    }
    if (socket.destroyed) return
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${ATTACH_PROTOCOL}\r\n\r\n`)
    if (head.length > 0) socket.unshift(head)
    adopt(socket)
  }
}

function checkAttach(request: IncomingMessage, headers: Readonly<Record<string, string>>, connection: Connection): void {
  const { caller, inside, busy } = connection
  const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined
  if (request.method !== 'GET' || hasBody || caller !== undefined || inside !== undefined || busy > 0) {
    throw malformed('a connection is attached once, at its start, by a GET')
  }
}

/** What is shown for a connection as a whole, and the id its refusal is recorded and answered under. */
interface Shown {
  readonly proof: DpopProof
  readonly correlationId: string
}

/** Verifies the proof of a whole connection, once, and binds it to revocations. What fails is recorded as an attempt, then thrown. */
export async function proveConnection(
  verbs: AttachVerbs,
  connections: Connections,
  socket: Socket,
  shown: Shown,
): Promise<Caller> {
  const { caller, over } = await prove(verbs, connections, socket, shown)
  if (over === undefined) return caller
  await verbs.refuseUndecided(shown.correlationId, caller, over)
  throw over
}

/** The same, but for a caller whose task is `over`: it is proved all the same, and bound to nothing. */
async function prove(
  verbs: AttachVerbs,
  connections: Connections,
  socket: Socket,
  { proof, correlationId }: Shown,
): Promise<{ readonly caller: Caller; readonly over?: StintError }> {
  let caller: Caller | undefined
  try {
    caller = await verbs.attach(proof)
    connections.bind(socket, verbs.openConnection(caller))
    return { caller }
  } catch (thrown) {
    const error = asStintError(thrown)
    if (caller !== undefined && error.code === 'task_not_live') return { caller, over: error }
    await verbs.refuseUndecided(correlationId, caller, error)
    throw error
  }
}

/** The gateway's address as this client reached it, from the socket and not from what the client says. */
function localAuthority(socket: Socket): string {
  const address = (socket.localAddress ?? '').replace(/^::ffff:/, '')
  return `${isIPv6(address) ? `[${address}]` : address}:${socket.localPort}`
}
