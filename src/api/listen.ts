import { chmod, lstat, unlink } from 'node:fs/promises'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { StintError } from '../errors.ts'

/** Longest path of a unix socket, in bytes (sockaddr_un on Linux; the BSDs allow four less). */
const LONGEST_SOCKET_PATH = 103

/** Listens on TCP and answers the port. Throws `conflict` when it is taken, `invalid_config` when the address is not ours. */
export async function listenOn(server: Server, host: string, port: number): Promise<number> {
  await listening(server, () => server.listen(port, host), `${host}:${port}`)
  const address = server.address()
  if (typeof address === 'object' && address !== null) return address.port
  throw new StintError('internal', 'the listener has no port')
}

/** Listens on a unix socket that only its owner can open. Throws `already_running`, `state_unsafe`, `invalid_config`. */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) > LONGEST_SOCKET_PATH)
    throw new StintError('invalid_config', `the data directory’s path is too long for a socket in it: ${path}`)
  await clearStale(path)
  await listening(server, () => privately(() => server.listen(path)), path)
  await chmod(path, 0o600)
}

/** The socket is made in this tick, so no other file is. */
function privately(make: () => void): void {
  const before = process.umask(0o177)
  try {
    make()
  } finally {
    process.umask(before)
  }
}

/** A crash leaves the socket behind. It goes only when nobody answers on it. */
async function clearStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (found === undefined) return
  if (!found.isSocket()) throw new StintError('state_unsafe', `${path} is not a socket; move it away`)
  if (await answers(path)) throw new StintError('already_running', `another Stint answers on ${path}`)
  await unlink(path)
}

function answers(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      done(true)
    })
    socket.once('error', () => done(false))
  })
}

function listening(server: Server, listen: () => void, where: string): Promise<void> {
  return new Promise((done, failed) => {
    server.once('error', (error: NodeJS.ErrnoException) => failed(listenError(error, where)))
    server.once('listening', done)
    listen()
  })
}

function listenError(error: NodeJS.ErrnoException, where: string): StintError {
  if (error.code === 'EADDRINUSE')
    return new StintError('conflict', `${where} is taken by another program; choose another port`, { cause: error })
  return new StintError('invalid_config', `cannot listen on ${where}: ${error.code ?? error.message}`, { cause: error })
}

/** Stops accepting, lets open exchanges finish for so long, then cuts what is left. */
export async function drain(server: Server, seconds: number): Promise<void> {
  const closed = new Promise<void>((done) => server.close(() => done()))
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), seconds * 1000)
  await closed
  clearTimeout(timer)
}
