import { StintError } from '../errors.ts'
import type { Dial, DialSettings } from './dial.ts'
import { exchange } from './exchange.ts'

const LIMITS = { maxBytes: 512 * 1024, timeoutMs: 5000 }

/**
 * Makes the bounded GET that issuers' discovery documents and keys are fetched with: HTTPS unless `allowHttp`, at most
 * 512 KiB, 5 s, no redirects. What it makes throws `issuer_unavailable`.
 */
export function createGetJson(dial: Dial, settings: DialSettings & { allowHttp: boolean }): (url: string) => Promise<unknown> {
  return async (url) => {
    const origin = readOrigin(url, settings.allowHttp)
    try {
      const { status, body } = await exchange(
        dial,
        settings,
        { method: 'GET', url, headers: { accept: 'application/json' } },
        LIMITS,
      )
      if (status !== 200) throw new StintError('issuer_unavailable', `${origin} answered ${status}`)
      return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
    } catch (cause) {
      if (cause instanceof StintError && cause.code === 'issuer_unavailable') throw cause
      throw new StintError('issuer_unavailable', `${origin} did not answer: ${reasonOf(cause)}`, { cause })
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

function reasonOf(thrown: unknown): string {
  if (thrown instanceof StintError) return thrown.detail
  if (thrown instanceof SyntaxError) return 'the answer is not JSON'
  return thrown instanceof Error ? thrown.name : 'unknown'
}
