import { StintError } from '../../errors.ts'
import type { HttpAnswer } from '../minting.ts'

/** Statuses that are the provider’s word on the request itself, so that nothing was made. What may pass by itself is not here. */
const FINAL = [400, 401, 403, 404, 405, 409, 410, 422]
/** A provider’s clock that is further off than this is not believed. */
const MAX_SKEW_MS = 15 * 60_000

/** The members of an answer that is one JSON object. Attacker-controlled. Throws `upstream_failed` for everything else. */
export function readObject({ status, body }: HttpAnswer, provider: string): Readonly<Record<string, unknown>> {
  const value = parse(body)
  if (isObject(value)) return value
  throw new StintError('upstream_failed', `${provider} answered ${status} with something that is not a JSON object`)
}

/** The objects of an answer that is a JSON array of objects. Throws `upstream_failed` for everything else. */
export function readObjects({ status, body }: HttpAnswer, provider: string): readonly Readonly<Record<string, unknown>>[] {
  const value = parse(body)
  if (Array.isArray(value) && value.every(isObject)) return value
  throw new StintError('upstream_failed', `${provider} answered ${status} with something that is not a list`)
}

/** True for the provider’s own refusal with this status: its JSON, not the page of something in between. */
export function isRefusal(answer: HttpAnswer, status: number): boolean {
  return answer.status === status && !isBusy(answer) && isObject(parse(answer.body))
}

/** What to throw for an answer to a request to mint: `mint_refused` where the provider refuses for good, else as `failure`. */
export function refusal(answer: HttpAnswer, provider: string): StintError {
  if (!FINAL.some((status) => isRefusal(answer, status))) return failure(answer, provider)
  return new StintError('mint_refused', `${provider} answered ${answer.status}`, { operatorDetail: wordsOf(answer) })
}

/** What to throw for an answer that says neither yes nor no: `upstream_failed`. */
export function failure(answer: HttpAnswer, provider: string): StintError {
  return new StintError('upstream_failed', `${provider} answered ${answer.status}`, { operatorDetail: wordsOf(answer) })
}

/** How far the provider’s clock is ahead of ours, in milliseconds, by its Date header (RFC 9110, section 6.6.1); 0 without one. */
export function skewOf({ headers }: HttpAnswer, now: number): number {
  const skew = Date.parse(headers.date ?? '') - now
  return Math.abs(skew) <= MAX_SKEW_MS ? skew : 0
}

/** GitHub and GitLab tell by 403 or 429 that there were too many requests, with these headers. */
function isBusy({ headers }: HttpAnswer): boolean {
  return headers['retry-after'] !== undefined || headers['x-ratelimit-remaining'] === '0'
}

/** For the operator: the beginning of what it says, without runs of characters long enough to be a credential. */
function wordsOf({ status, body }: HttpAnswer): string {
  const text = body
    .subarray(0, 2000)
    .toString()
    .replaceAll(/\p{Cc}+/gu, ' ')
  return `${status}: ${text.replaceAll(/[^\s"':,{}]{24,}/g, '…').slice(0, 400)}`
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
