import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/**
 * Closes a connection so that nobody takes it for ended in order: by a TCP reset where it is TCP, without TLS's goodbye where it is TLS.
 * One that is just ending is closed as it is: the kernel takes no reset between the last write and its FIN, and Node would then keep
 * the descriptor open for good. So is one that is still being dialled, which a reset would wait for.
 */
export function breakOff(socket: Duplex): void {
  if (socket instanceof Socket && canReset(socket)) socket.resetAndDestroy()
  else socket.destroy()
}

function canReset(socket: Socket): boolean {
  const isTcp = Object.getPrototypeOf(socket) === Socket.prototype
  const isEnding = socket.writableEnded && !socket.writableFinished
  return isTcp && !isEnding && !socket.connecting
}
