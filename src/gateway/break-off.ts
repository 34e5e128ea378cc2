import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** Closes a connection so that nobody takes it for ended in order: by a TCP reset where it is TCP, without TLS's goodbye where it is TLS. */
export function breakOff(socket: Duplex): void {
  if (Object.getPrototypeOf(socket) === Socket.prototype && socket instanceof Socket) socket.resetAndDestroy()
  else socket.destroy()
}
