import { StintError } from '../../errors.ts'
import type { Io } from '../minting.ts'
import type { Server } from './one-server.ts'
import { createReplyReader, encodeCommand, type Reply } from './resp.ts'

/** Who logs in: an ACL user and its password. */
export interface Login {
  readonly username: string
  readonly password: string
}

/** An error that Redis answered, `code` as in `WRONGPASS`; `text` without the passwords of this session. */
export interface RedisError {
  readonly kind: 'error'
  readonly code: string
  readonly text: string
}

/** Sends one command and answers its reply. */
export type Ask = (...args: string[]) => Promise<Exclude<Reply, { kind: 'error' }> | RedisError>

const TIMEOUT_MS = 10_000

/**
 * One short session: connects, asks, and closes. Nothing is sent before `work` asks. Throws what `connect` throws, `upstream_failed` for
 * an answer that is none, `upstream_timeout` when it takes longer than 10 s.
 */
export async function withRedis<T>(io: Io, server: Server, login: Login, work: (ask: Ask) => Promise<T>): Promise<T> {
  const connection = await io.connect(server)
  const late = new StintError('upstream_timeout', `Redis at ${server.host}:${server.port} did not answer in time`)
  const timer = setTimeout(() => connection.destroy(late), TIMEOUT_MS)
  connection.on('error', () => {}) // the reader throws it
  const read = createReplyReader(connection[Symbol.asyncIterator]())
  try {
    return await work(async (...args) => {
      connection.write(encodeCommand(args))
      const reply = await read()
      return reply.kind === 'error' ? errorOf(reply.text, login) : reply
    })
  } catch (thrown) {
    if (thrown instanceof StintError) throw thrown
    const code = thrown instanceof Error && 'code' in thrown ? ` (${String(thrown.code)})` : ''
    throw new StintError('upstream_failed', `the connection to Redis broke${code}`, { cause: thrown })
  } finally {
    clearTimeout(timer)
    connection.destroy()
  }
}

/** Anything but the answer that was asked for. `detail` is what the caller may see; the server's words are the operator's. */
export function notAnswered(detail: string, reply: Awaited<ReturnType<Ask>>): StintError {
  const operatorDetail = reply.kind === 'error' ? `Redis: ${reply.text}` : `Redis answered with ${reply.kind}`
  return new StintError('upstream_failed', detail, { operatorDetail })
}

function errorOf(said: string, { password }: Login): RedisError {
  const text = said.replaceAll(password, '[secret]').replaceAll(/[^\x20-\x7e]/g, '?')
  return { kind: 'error', code: /^[A-Z]+/.exec(text)?.[0] ?? '', text: text.slice(0, 300) }
}
