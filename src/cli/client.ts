import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { CATALOGUE, type ErrorCode, StintError } from '../errors.ts'
import type { CommandContext } from './command.ts'

/** How long one call may take; the slowest is a revocation that ends many tasks. */
const CALL_TIMEOUT_MS = 60_000

/** The API over STINT_HOME/operator.sock. Every failure is a StintError with the code the server answered, or `not_running`. */
export type Client = Pick<CommandContext, 'call' | 'stream'>

/** Nothing is connected before the first call. `home` is asked at each call. */
export function createClient(home: () => string): Client {
  const socketPath = (): string => join(home(), 'operator.sock')
  return {
    async call(method, path, body) {
      const answer = await send(socketPath(), method, path, body)
      return (await read(answer)) as never
    },
    async *stream(path, signal) {
      const answer = await send(socketPath(), 'GET', path, undefined, signal ?? null)
      if ((answer.statusCode ?? 500) >= 400) await read(answer)
      yield* items(answer, signal) as AsyncGenerator<never>
    },
  }
}

/** `signal` undefined means an ordinary call with a time limit; null, a stream that nobody aborts. */
function send(
  socketPath: string,
  method: string,
  path: string,
  body: unknown,
  signal?: AbortSignal | null,
): Promise<IncomingMessage> {
  return new Promise((answered, failed) => {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const headers: Record<string, string> = { accept: 'application/json, application/jsonl' }
    if (text !== undefined) {
      headers['content-type'] = 'application/json'
      headers['content-length'] = String(Buffer.byteLength(text))
    }
    const asked: ClientRequest = request({ socketPath, method, path, headers, agent: false, ...(signal && { signal }) })
    if (signal === undefined)
      asked.setTimeout(CALL_TIMEOUT_MS, () => asked.destroy(new Error('the server did not answer in time')))
    asked.on('response', answered)
    asked.on('error', (error: NodeJS.ErrnoException) => failed(notReached(error)))
    asked.end(text)
  })
}

function notReached(error: NodeJS.ErrnoException): StintError {
  if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED')
    return new StintError('not_running', 'Stint is not running on this data directory')
  if (error.code === 'EACCES') return new StintError('not_operator', 'the operator socket belongs to another user')
  return new StintError('not_running', `the server broke off: ${error.message}`, { cause: error })
}

async function read(answer: IncomingMessage): Promise<unknown> {
  const body = await text(answer).catch((error: NodeJS.ErrnoException) => Promise.reject(notReached(error)))
  const isJson = /^application\/(problem\+)?json\b/.test(answer.headers['content-type'] ?? '')
  const value: unknown = isJson ? JSON.parse(body) : body
  if ((answer.statusCode ?? 500) >= 400) throw fromProblem(value)
  return value
}

/** A problem document as the error that made it. A code this version does not know is `internal`. */
export function fromProblem(value: unknown): StintError {
  const { code, detail, reasons } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  const words = typeof detail === 'string' ? detail : 'the server answered with something that is not a problem document'
  const more = Array.isArray(reasons) ? reasons.filter((one) => !words.includes(String(one))) : []
  return new StintError(isCode(code) ? code : 'internal', more.length > 0 ? `${words}: ${more.join('; ')}` : words)
}

function isCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(CATALOGUE, code)
}

async function* items(answer: IncomingMessage, signal?: AbortSignal): AsyncGenerator<unknown> {
  try {
    for await (const line of createInterface({ input: answer, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (line === '') continue
      const item: unknown = JSON.parse(line)
      if (typeof item === 'object' && item !== null && 'problem' in item) throw fromProblem(item.problem)
      yield item
    }
  } catch (thrown) {
    if (signal?.aborted) return
    throw thrown instanceof StintError ? thrown : new StintError('not_running', 'the server broke off', { cause: thrown })
  } finally {
    answer.destroy()
  }
}
