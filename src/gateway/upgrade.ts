import { type IncomingHttpHeaders, type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { type Duplex, Readable } from 'node:stream'
import type { Flow, Outcome } from '../model.ts'
import { headersBack } from './answer.ts'
import type { Arrival, Upgrade } from './arrival.ts'
import type { Connection } from './connections.ts'
import type { Plan } from './inject.ts'
import { outcomeOf, type Tally } from './outcome.ts'
import { Http1Reply } from './reply-http1.ts'
import { splice } from './splice.ts'

/** The target's side of an upgraded connection. */
export interface Upgraded {
  readonly target: Duplex
  readonly headers: IncomingHttpHeaders
  readonly plan: Plan
  readonly flow: Flow
  readonly tally: Tally
}

/** True for a WebSocket handshake over HTTP/1.1 (RFC 6455, section 4.1); other upgrades are ignored, as RFC 9110, section 7.8 allows. */
export function isWebSocket(request: IncomingMessage): boolean {
  return request.method === 'GET' && request.headers.upgrade?.toLowerCase() === 'websocket'
}

/** A WebSocket handshake as an arrival: until the target agrees it is answered like any request. */
export function arrivalOfUpgrade(request: IncomingMessage, socket: Socket, head: Buffer, connection: Connection): Arrival {
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(socket)
  const onDrain = () => response.emit('drain')
  const release = () => {
    socket.off('drain', onDrain)
    response.detachSocket(socket)
  }
  socket.on('drain', onDrain)
  response.once('finish', () => {
    release()
    response.emit('close') // as Node does for answers on its own connections
    socket.end()
  })
  return {
    method: request.method ?? '',
    target: request.url ?? '',
    rawHeaders: request.rawHeaders,
    httpVersion: request.httpVersion,
    expectsContinue: false,
    body: Readable.from([]),
    trailers: () => [],
    reply: new Http1Reply(response, request.httpVersion),
    connection,
    upgrade: { socket, head, release },
  }
}

/**
 * Tells the client that the target agreed, and carries bytes both ways. What the target sends is scrubbed; since compression
 * was not offered to it and lengths stay true, frames stay valid.
 */
export async function carryUpgrade(upgrade: Upgrade, { target, headers, plan, flow, tally }: Upgraded): Promise<Outcome> {
  const { socket, head, release } = upgrade
  release()
  const lines = ['HTTP/1.1 101 Switching Protocols', 'connection: Upgrade', 'upgrade: websocket']
  const fields = headersBack(headers, plan, { decodes: false, takesTrailers: false })
  for (let i = 0; i + 1 < fields.length; i += 2) lines.push(`${fields[i]}: ${fields[i + 1]}`)
  socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  if (head.length > 0) socket.unshift(head)
  const mask = plan.scrubber.isEmpty ? undefined : plan.scrubber.mask()
  return outcomeOf(tally, await splice(socket, target, flow, tally, { back: mask }))
}
