import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { asStintError, StintError } from '../errors.ts'
import { readHeaders } from './arrival.ts'
import { createByteReader } from './byte-reader.ts'
import type { Connections } from './connections.ts'
import { malformed, refusalOf, writeRefusal } from './refusal.ts'
import { createSshAgentSession, type SshAgentVerbs } from './ssh-agent-session.ts'
import { sshString } from './ssh-data.ts'
import type { SshSessions } from './ssh-sessions.ts'

/** Where an attached connection becomes one to the task's SSH agent, and the protocol it then speaks (draft-ietf-sshm-ssh-agent). */
export const SSH_AGENT_PATH = '/.well-known/stint/ssh-agent'
const PROTOCOL = 'ssh-agent'

const MAX_MESSAGE_BYTES = 32 * 1024
/** Of one connection; a login takes three. */
const MAX_MESSAGES = 100

/** True for a request that asks for the agent. */
export function isSshAgent(request: IncomingMessage): boolean {
  return request.url === SSH_AGENT_PATH && request.headers.upgrade?.toLowerCase() === PROTOCOL
}

/** Answers it: 101, and from then on the agent's messages; or a refusal, and the connection closes. Never rejects. */
export function createSshAgent(
  verbs: SshAgentVerbs,
  sessions: SshSessions,
  { connections, isStopping }: { connections: Connections; isStopping(): boolean },
) {
  return async (request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> => {
    const connection = connections.of(socket)
    let headers: Record<string, string> = {}
    connection.busy += 1
    try {
      headers = readHeaders(request.rawHeaders, request.httpVersion)
      if (isStopping()) throw new StintError('stopping', 'the gateway is shutting down')
      const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined
      if (request.method !== 'GET' || hasBody || connection.inside !== undefined || connection.busy > 1)
        throw malformed('the agent is asked for by a GET on a connection of its own')
      const { caller } = connection
      if (caller === undefined) throw new StintError('unauthenticated', 'the agent serves attached connections only')
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${PROTOCOL}\r\n\r\n`)
      if (head.length > 0) socket.unshift(head)
      await converse(socket, createSshAgentSession(verbs, sessions, { socket, caller }))
    } catch (thrown) {
      writeRefusal(socket, refusalOf(asStintError(thrown), randomUUID()), headers, 'origin')
    } finally {
      connection.busy -= 1
    }
  }
}

/** One message after the other, until the client has gone, or has said too much. */
async function converse(socket: Socket, answer: (message: Buffer) => Promise<Buffer>): Promise<void> {
  const reader = createByteReader(socket, () => malformed('the client has gone'))
  try {
    for (let left = MAX_MESSAGES; left > 0; left -= 1) {
      const length = (await reader.read(4)).readUInt32BE()
      if (length === 0 || length > MAX_MESSAGE_BYTES) break
      socket.write(sshString(await answer(await reader.read(length))))
    }
  } catch {
    // It has gone; what a message is refused for was answered and recorded.
  }
  socket.destroy()
}
