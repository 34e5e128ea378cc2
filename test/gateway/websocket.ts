import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'

/** A WebSocket server by raw bytes (RFC 6455): hands over each accepted socket, with its request's header fields. */
export function webSocketServer(onOpen: (socket: Socket, headers: Readonly<Record<string, unknown>>) => void): Server {
  const server = createServer((_request, response) => response.writeHead(426).end('upgrade, please'))
  server.on('upgrade', (request, socket) => {
    const key = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64')
    socket.on('error', () => {})
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}\r\n\r\n`,
    )
    onOpen(socket as Socket, request.headers)
  })
  return server
}

/** The client's handshake. */
export function handshake(host: string, ...fields: readonly string[]): string {
  const lines = [
    `GET http://${host}/socket HTTP/1.1`,
    `Host: ${host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    ...fields,
  ]
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** One unmasked text frame of fewer than 126 bytes. */
export function frame(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x81, Buffer.byteLength(text)]), Buffer.from(text)])
}
