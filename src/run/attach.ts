import { connect, type Socket } from 'node:net'
import { asStintError, CATALOGUE, type ErrorCode, StintError } from '../errors.ts'
import type { TaskSession } from './task-session.ts'

const ATTACH_PATH = '/.well-known/stint/attach'
const SSH_AGENT_PATH = '/.well-known/stint/ssh-agent'
const MAX_ANSWER_BYTES = 64 * 1024
const ANSWER_TIMEOUT_MS = 10_000

/**
 * Opens one connection to the gateway on which everything counts as this task's. Renews the token once if it is refused. Throws
 * StintError with the gateway's own code, or `not_running` when there is no gateway.
 */
export async function attach(session: TaskSession): Promise<Socket> {
  try {
    return await handshake(session)
  } catch (thrown) {
    if (asStintError(thrown).code !== 'invalid_token') throw thrown
    await session.renew()
    return await handshake(session)
  }
}

async function handshake(session: TaskSession): Promise<Socket> {
  const token = session.token()
  const url = new URL(`http://${session.gateway}${ATTACH_PATH}`)
  const proof = await session.key.prove({ method: 'GET', url: url.href, token })
  const socket = connect({
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || 80),
    allowHalfOpen: true,
    noDelay: true,
  })
  const head = `GET ${ATTACH_PATH} HTTP/1.1\r\nHost: ${url.host}\r\nConnection: Upgrade\r\nUpgrade: stint-task/1\r\nAuthorization: DPoP ${token}\r\nDPoP: ${proof}\r\n\r\n`
  socket.write(head)
  return answeredWith(socket, 101)
}

/** Opens the way to one declared server on an attached connection: from then on its bytes are that server's protocol. Throws StintError. */
export async function connectThrough(socket: Socket, { host, port }: { host: string; port: number }): Promise<Socket> {
  const authority = `${host}:${port}`
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`)
  return answeredWith(socket, 200)
}

/** Has an attached connection speak to the task's SSH agent (draft-ietf-sshm-ssh-agent). Throws StintError. */
export async function reachSshAgent(socket: Socket, { gateway }: Pick<TaskSession, 'gateway'>): Promise<Socket> {
  socket.write(
    `GET ${SSH_AGENT_PATH} HTTP/1.1\r\nHost: ${new URL(`http://${gateway}`).host}\r\nConnection: Upgrade\r\nUpgrade: ssh-agent\r\n\r\n`,
  )
  return answeredWith(socket, 101)
}

/** The socket at `status`, with what follows its head put back; else it is closed, and what the gateway answered instead is thrown. */
function answeredWith(socket: Socket, status: 101 | 200): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>()
  let answer = Buffer.alloc(0)
  const fail = () => {
    socket.destroy()
    reject(refusalIn(answer))
  }
  const timer = setTimeout(fail, ANSWER_TIMEOUT_MS)
  socket.on('data', read)
  socket.resume()
  socket.on('error', fail)
  socket.on('end', fail)
  socket.on('close', fail)
  return promise.finally(() => {
    clearTimeout(timer)
    for (const event of ['error', 'end', 'close']) socket.off(event, fail)
    socket.off('data', read)
  })

  function read(chunk: Buffer): void {
    answer = Buffer.concat([answer, chunk])
    const end = answer.indexOf('\r\n\r\n')
    if (end >= 0 && answer.toString('latin1', 0, 13) === `HTTP/1.1 ${status} `) {
      socket.pause()
      socket.off('data', read)
      if (answer.length > end + 4) socket.unshift(answer.subarray(end + 4))
      resolve(socket)
    } else if (answer.length > MAX_ANSWER_BYTES || isWhole(answer, end)) fail()
  }
}

function isWhole(answer: Buffer, end: number): boolean {
  if (end < 0) return false
  const length = /\r\ncontent-length: *(\d+)/i.exec(answer.toString('latin1', 0, end))?.[1]
  return length !== undefined && answer.length >= end + 4 + Number(length)
}

/** The gateway's problem document as an error; anything else is `not_running` or `upstream_failed`. */
function refusalIn(answer: Buffer): StintError {
  if (answer.length === 0) return new StintError('not_running', 'the gateway does not answer')
  const text = answer.toString('utf8')
  try {
    const said: unknown = JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1))
    if (typeof said === 'object' && said !== null && 'code' in said && isCode(said.code))
      return new StintError(said.code, 'detail' in said ? String(said.detail) : 'the gateway refused')
  } catch {
    // Not a problem document: what it is stays outside of the answer.
  }
  return new StintError('upstream_failed', `the gateway answered ${JSON.stringify(text.slice(0, 30).split('\r\n')[0])}`)
}

function isCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(CATALOGUE, value)
}
