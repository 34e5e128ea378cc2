import { Pool, request } from 'undici'
import { StintError } from '../errors.ts'
import type { Dial, DialSettings } from './dial.ts'

const MAX_BYTES = 512 * 1024
const TIMEOUT_MS = 5000

/**
 * Makes the bounded GET that issuers' discovery documents and keys are fetched with: HTTPS unless `allowHttp`, at most
 * 512 KiB, 5 s, no redirects. What it makes throws `issuer_unavailable`.
 */
export function createGetJson(dial: Dial, settings: DialSettings & { allowHttp: boolean }): (url: string) => Promise<unknown> {
  return async (url) => {
    const origin = readOrigin(url, settings.allowHttp)
    const pool = new Pool(origin, { connect: dial.connector(settings), connections: 1 })
    try {
      return await fetchJson(url, pool)
    } catch (cause) {
      if (cause instanceof StintError && cause.code === 'issuer_unavailable') throw cause
      throw new StintError('issuer_unavailable', `${origin} did not answer: ${reasonOf(cause)}`, { cause })
    } finally {
      void pool.destroy()
    }
  }
}

function readOrigin(url: string, allowHttp: boolean): string {
  const parsed = URL.parse(url)
  const isAllowed = parsed?.protocol === 'https:' || (allowHttp && parsed?.protocol === 'http:')
  if (parsed === null || !isAllowed || parsed.username !== '' || parsed.password !== '') {
    throw new StintError('issuer_unavailable', 'an issuer is read from an https URL without a user')
  }
  return parsed.origin
}

async function fetchJson(url: string, dispatcher: Pool): Promise<unknown> {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const headers = { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'stint' }
  const { statusCode, body } = await request(url, { dispatcher, signal, headers })
  if (statusCode !== 200) throw new StintError('issuer_unavailable', `${new URL(url).origin} answered ${statusCode}`)
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > MAX_BYTES) throw new StintError('issuer_unavailable', `${new URL(url).origin} answered more than 512 KiB`)
    chunks.push(chunk)
  }
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)))
}

function reasonOf(thrown: unknown): string {
  if (thrown instanceof StintError) return thrown.detail
  if (thrown instanceof SyntaxError) return 'the answer is not JSON'
  return thrown instanceof Error ? thrown.name : 'unknown'
}
