import { Pool, request } from 'undici'
import type { HttpAnswer, HttpRequest } from '../credentials/minting.ts'
import { asStintError, StintError } from '../errors.ts'
import type { Dial, DialSettings } from './dial.ts'

interface Limits {
  readonly maxBytes: number
  readonly timeoutMs: number
}

/**
 * One bounded exchange of Stint's own over a fresh connection: no redirects, no compression. An error status is an answer. Throws
 * `upstream_failed`, `upstream_timeout` or what dialling throws.
 */
export async function exchange(dial: Dial, settings: DialSettings, asked: HttpRequest, limits: Limits): Promise<HttpAnswer> {
  const { origin } = new URL(asked.url)
  const pool = new Pool(origin, { connect: dial.connector(settings), connections: 1 })
  try {
    return await ask(pool, asked, limits)
  } catch (thrown) {
    throw inWords(thrown, origin)
  } finally {
    void pool.destroy()
  }
}

async function ask(dispatcher: Pool, { method, url, headers, body }: HttpRequest, limits: Limits): Promise<HttpAnswer> {
  const answer = await request(url, {
    ...{ dispatcher, method, signal: AbortSignal.timeout(limits.timeoutMs) },
    headers: { 'accept-encoding': 'identity', 'user-agent': 'stint', ...headers },
    ...(body !== undefined && { body }),
  })
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of answer.body) {
    size += chunk.length
    if (size > limits.maxBytes) throw new StintError('upstream_failed', `it answered more than ${limits.maxBytes / 1024} KiB`)
    chunks.push(chunk)
  }
  return { status: answer.statusCode, headers: flat(answer.headers), body: Buffer.concat(chunks) }
}

function flat(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, [value].flat().join(', ')]])),
  )
}

function inWords(thrown: unknown, origin: string): StintError {
  if (thrown instanceof StintError) return thrown
  if (thrown instanceof Error && thrown.name === 'TimeoutError')
    return new StintError('upstream_timeout', `${origin} did not answer in time`, { cause: thrown })
  const inner = thrown instanceof Error && thrown.cause instanceof StintError ? thrown.cause : undefined
  if (inner !== undefined) return inner
  const code = thrown instanceof Error && 'code' in thrown ? ` (${String(thrown.code)})` : ''
  if (code === '') return asStintError(thrown)
  return new StintError('upstream_failed', `the connection to ${origin} failed${code}`, { cause: thrown })
}
