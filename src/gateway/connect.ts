import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { type SecureContext, TLSSocket } from 'node:tls'
import { asStintError, StintError } from '../errors.ts'
import type { Caller, Scheme, Target, WireScheme } from '../model.ts'
import { readHeaders } from './arrival.ts'
import { type AttachVerbs, proveConnection } from './attach.ts'
import type { Ca } from './ca.ts'
import { canonicalAuthority } from './canonical.ts'
import type { Connection, Connections, Inside } from './connections.ts'
import type { Dial } from './dial.ts'
import { unknownTarget } from './http.ts'
import { OWN_HOST } from './own-host.ts'
import { type GatewayProof, readDpop } from './proof.ts'
import { isGit, malformed, refusalOf, writeRefusal } from './refusal.ts'
import { openTunnel, tunnelTarget } from './tunnel.ts'
import { WIRE_SCHEMES, type WireSession } from './wire-session.ts'

/** What CONNECT needs of the rest of the product. */
export interface ConnectVerbs extends AttachVerbs {
  match(scheme: Scheme, host: string, port: number): Target | undefined
  isTunnel(host: string, port: number): boolean
}

/** Reads requests from a connection that was opened by CONNECT. */
export interface Adopt {
  plain(socket: Socket): void
  http1(socket: TLSSocket): void
  http2(socket: TLSSocket): void
  /** Speaks a protocol of its own, to the end of the connection. */
  readonly wire: Readonly<Record<WireScheme, (session: WireSession) => Promise<void>>>
}

const HANDSHAKE_TIMEOUT_MS = 10_000
const ESTABLISHED = 'HTTP/1.1 200 Connection established\r\n\r\n'

/** One CONNECT as it arrived, read. */
interface Asked {
  readonly headers: Readonly<Record<string, string>>
  readonly place: Inside
  readonly proof: GatewayProof
}

/**
 * CONNECT (RFC 9110, section 9.3.6): a declared https host is answered with our own leaf and its requests are decided one by
 * one; a declared http host likewise in the clear; a declared host of another protocol in that; a tunnel-only host is decided and recorded once; anything else is refused, for
 * git inside, where each of its requests is.
 */
export function createConnect(
  verbs: ConnectVerbs,
  parts: { connections: Connections; ca: Ca; dial: Dial; adopt: Adopt; isStopping(): boolean },
) {
  const { connections, ca, dial, adopt } = parts
  return async (request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> => {
    const correlationId = randomUUID()
    const connection = connections.of(socket)
    let headers: Record<string, string> = {}
    connection.busy += 1
    try {
      headers = readHeaders(request.rawHeaders, request.httpVersion)
      if (parts.isStopping()) throw new StintError('stopping', 'the gateway is shutting down')
      if (head.length > 0) socket.unshift(head)
      await connect(readConnect(request, headers, connection), socket, correlationId)
    } catch (thrown) {
      writeRefusal(socket, refusalOf(asStintError(thrown), correlationId), headers, 'proxy')
    } finally {
      connection.busy -= 1
    }
  }

  async function connect(asked: Asked, socket: Socket, correlationId: string): Promise<void> {
    const { host, port } = asked.place
    const scheme = WIRE_SCHEMES.find((one) => verbs.match(one, host, port) !== undefined)
    if (scheme !== undefined) return openWire(scheme, asked, socket, correlationId)
    const place = placeToOpen(asked, connections.of(socket).isOver)
    if (place === undefined) return decideOnce(asked, socket, correlationId)
    const caller = await callerOf(asked.proof, socket, correlationId)
    const context = place.scheme === 'https' ? await ca.contextFor(place.host) : undefined
    if (socket.destroyed) return
    Object.assign(connections.of(socket), { caller, inside: place })
    socket.write(ESTABLISHED)
    if (context === undefined) {
      adopt.plain(socket)
    } else {
      const inner = terminate(socket, place.host, context)
      connections.share(inner, socket)
      inner.once('secure', () => {
        if (inner.alpnProtocol === 'h2') adopt.http2(inner)
        else adopt.http1(inner)
      })
    }
  }

  /** Also for a task that is over, to be told so in the words of its protocol. */
  async function openWire(scheme: WireScheme, { place, proof }: Asked, socket: Socket, correlationId: string): Promise<void> {
    const caller = await callerOf(proof, socket, correlationId)
    if (socket.destroyed) return
    socket.write(ESTABLISHED)
    await adopt.wire[scheme]({ socket, place, caller })
  }

  /** git shows people what an origin says, and of an answered CONNECT no more than the number: it is let in to be refused there. */
  function placeToOpen({ place, headers }: Asked, isOver: boolean): Inside | undefined {
    if (!isGit(headers)) return isOver ? undefined : declaredPlace(place)
    return declaredPlace(place) ?? (isOver || !verbs.isTunnel(place.host, place.port) ? place : undefined)
  }

  function declaredPlace({ host, port }: Inside): Inside | undefined {
    if (host === OWN_HOST && port === 80) return { scheme: 'http', host, port } // clients that tunnel whatever they ask a proxy for
    for (const scheme of ['https', 'http'] as const) if (verbs.match(scheme, host, port)) return { scheme, host, port }
    return undefined
  }

  async function callerOf(proof: GatewayProof, socket: Socket, correlationId: string): Promise<Caller> {
    return proof.kind === 'attached' ? proof.caller : proveConnection(verbs, connections, socket, { proof, correlationId })
  }

  async function decideOnce({ place, proof, headers }: Asked, socket: Socket, correlationId: string): Promise<void> {
    const isTunnel = verbs.isTunnel(place.host, place.port)
    const served = await verbs.serve({
      correlationId,
      proof,
      describe: () => {
        if (!isTunnel) throw unknownTarget(place)
        return tunnelTarget(place)
      },
      carryOut: (_permit, lease, flow) => openTunnel({ place, socket, established: ESTABLISHED, dial }, lease, flow),
    })
    if ('refusal' in served) writeRefusal(socket, served.refusal, headers, 'proxy')
  }
}

function readConnect(request: IncomingMessage, headers: Record<string, string>, connection: Connection): Asked {
  if (connection.inside !== undefined) throw malformed('CONNECT inside a CONNECT')
  if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined)
    throw malformed('CONNECT takes no body')
  const { host, port } = canonicalAuthority(request.url ?? '')
  const named = canonicalAuthority(headers.host ?? request.url ?? '', port)
  if (named.host !== host || named.port !== port) throw malformed('host and the CONNECT authority name different places')
  const { caller } = connection
  const proof: GatewayProof =
    caller === undefined
      ? readDpop(headers, 'proxy-authorization', 'CONNECT', `https://${host}:${port}/`)
      : { kind: 'attached', caller }
  return { headers, place: { scheme: 'https', host, port }, proof }
}

/** Answers TLS in the host's name. A client that asks for another name gets no certificate (no domain fronting). */
function terminate(socket: Socket, host: string, context: SecureContext): TLSSocket {
  const inner = new TLSSocket(socket, {
    isServer: true,
    secureContext: context,
    ALPNProtocols: ['h2', 'http/1.1'],
    SNICallback: (name, answer) => {
      if (name.toLowerCase() === host) answer(null, context)
      else answer(new Error('the server name is not the one that CONNECT asked for'))
    },
  })
  const timer = setTimeout(() => inner.destroy(), HANDSHAKE_TIMEOUT_MS)
  inner.once('secure', () => clearTimeout(timer))
  inner.once('close', () => {
    clearTimeout(timer)
    socket.destroy()
  })
  socket.once('close', () => inner.destroy())
  inner.on('error', () => inner.destroy())
  return inner
}
