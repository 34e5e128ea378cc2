import { type IncomingHttpHeaders, performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { Arrival } from './arrival.ts'
import type { Connections } from './connections.ts'
import type { Handle } from './http.ts'
import { createHttp2Reply } from './reply-http2.ts'

/** HTTP/2 connections of clients (RFC 9113). */
export interface Sessions {
  adopt(socket: TLSSocket): void
  /** Lets open streams end and takes no new ones. */
  drain(): void
}

const IDLE_TIMEOUT_MS = 60_000

/** Reads requests from HTTP/2 connections that came through CONNECT. */
export function createSessions(handle: Handle, connections: Connections): Sessions {
  const open = new Set<ServerHttp2Session>()
  return {
    adopt(socket) {
      const session = performServerHandshake(socket, { settings: { maxConcurrentStreams: 100 } })
      const connection = connections.of(socket)
      open.add(session)
      session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, rawHeaders?: string[]) => {
        stream.on('error', () => {}) // its close tells
        void handle(arrivalOf(stream, headers, rawHeaders ?? [], connection))
      })
      session.on('error', () => session.destroy())
      session.once('close', () => {
        open.delete(session)
        socket.destroy()
      })
      socket.emit('secureConnect') // the session waits for it, and Node tells it only of sockets that a tls.Server made
      session.setTimeout(IDLE_TIMEOUT_MS, () => session.close())
    },
    drain() {
      for (const session of open) session.close()
    },
  }
}

function arrivalOf(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
  connection: Arrival['connection'],
): Arrival {
  const { ':authority': authority, ':scheme': scheme } = headers
  let trailers: readonly string[] = []
  stream.once('trailers', (fields: IncomingHttpHeaders) => {
    trailers = Object.entries(fields).flatMap(([name, value]) => (typeof value === 'string' ? [name, value] : []))
  })
  return {
    method: headers[':method'] ?? '',
    target: headers[':path'] ?? '',
    rawHeaders,
    httpVersion: '2.0',
    ...(authority !== undefined && { authority }),
    ...(scheme !== undefined && { scheme }),
    endsAfterHeaders: stream.endAfterHeaders,
    expectsContinue: headers.expect?.toLowerCase() === '100-continue',
    body: stream,
    trailers: () => trailers,
    reply: createHttp2Reply(stream),
    connection,
  }
}
