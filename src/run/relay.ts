import type { Server, Socket } from 'node:net'
import { asStintError, problem, type StintError } from '../errors.ts'

/** Who may connect. */
export interface Admission {
  /** Throws StintError, before a byte goes anywhere, unless this connection comes from the task's own command. */
  admit(client: Socket): void | Promise<void>
  /** True where a client that shows nothing is asked to (407), since it holds what is wanted. */
  readonly asks: boolean
}

/** Tells a client in its own protocol that it is not carried, and closes. */
export type Refuse = (client: Socket, error: StintError, admission: Admission) => void

const REFUSAL_PATIENCE_MS = 2000
const MAX_HEAD_BYTES = 64 * 1024

/**
 * Carries every connection that `server` accepts over a gateway connection of its own, both ways with backpressure. What is not
 * admitted or not attached is answered with a problem document. The answer cuts everything and closes the server.
 */
export function relay(
  server: Server,
  admission: Admission,
  attach: () => Promise<Socket>,
  refuse: Refuse = refuseAsProxy,
): () => void {
  const open = new Set<Socket>()
  Object.assign(server, { allowHalfOpen: true })
  server.on('connection', (client) => void carry(client))
  server.on('error', () => {})
  return () => {
    server.close()
    for (const socket of open) socket.destroy()
  }

  async function carry(client: Socket): Promise<void> {
    track(client)
    client.setNoDelay(true)
    try {
      await admission.admit(client)
      const gateway = await attach()
      track(gateway)
      join(client, gateway)
    } catch (thrown) {
      refuse(client, asStintError(thrown), admission)
    }
  }

  function track(socket: Socket): void {
    open.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => open.delete(socket))
  }
}

function join(client: Socket, gateway: Socket): void {
  for (const [from, to] of [
    [client, gateway],
    [gateway, client],
  ] as const) {
    from.pipe(to)
    from.on('error', () => to.destroy())
    from.on('close', () => closeBehind(from, to))
  }
  if (client.destroyed) gateway.destroy()
}

/** A socket that closed without its end (a reset) takes the other one with it; an orderly end lets the rest flow out. */
function closeBehind(from: Socket, to: Socket): void {
  if (!from.readableEnded) to.destroy()
  else if (!to.destroyed) to.end()
}

/** Answers as an HTTP proxy would, once the request's head is there, so that the client is reading when the answer comes. */
function refuseAsProxy(client: Socket, error: StintError, { asks }: Admission): void {
  const asked = asks && error.code === 'unauthenticated'
  const status = asked ? 407 : error.status === 401 ? 403 : error.status
  const body = `${JSON.stringify({ ...problem(error.code, error.detail), status })}\n`
  const fields = [
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    'Proxy-Connection: close',
    ...(asked ? ['Proxy-Authenticate: Basic realm="stint"'] : []),
  ]
  answerHead(client, `HTTP/1.1 ${status} Refused by Stint\r\n${fields.join('\r\n')}\r\n\r\n${body}`)
}

/** Waits for a head (or a moment), writes `answer`, and reads on until the client has gone, so that no reset eats the answer. */
function answerHead(client: Socket, answer: string): void {
  let seen = Buffer.alloc(0)
  const timer = setTimeout(write, REFUSAL_PATIENCE_MS)
  client.on('data', read)
  client.on('end', write)
  client.on('close', () => clearTimeout(timer))
  client.resume()

  function read(chunk: Buffer): void {
    seen = Buffer.concat([seen, chunk])
    if (seen.includes('\r\n\r\n') || seen.length > MAX_HEAD_BYTES) write()
  }

  function write(): void {
    clearTimeout(timer)
    client.off('data', read)
    client.off('end', write)
    client.end(answer)
    client.resume()
    client.setTimeout(REFUSAL_PATIENCE_MS, () => client.destroy())
  }
}
