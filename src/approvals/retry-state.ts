import { createHmac, timingSafeEqual } from 'node:crypto'
import { StintError } from '../errors.ts'
import { isMembers } from '../members.ts'

/** What a state is given for: one question of one task, about one exact request. */
export interface Retried {
  readonly approvalId: string
  readonly taskId: string
  /** SHA-256, hex: what people are asked to consent to (gateway/exact.ts). */
  readonly digest: string
  /** Epoch milliseconds: when the question is over. */
  readonly expiresAt: number
}

/** The states of requests that wait for people, which a client gives back. It confers nothing: the consent is kept here. */
export interface RetryStates {
  seal(retried: Retried): string
  /** The question's id. Throws `invalid_argument`, alike for a changed or late one, another task's and another request's. Attacker-controlled. */
  open(state: string, by: Pick<Retried, 'taskId' | 'digest'>): string
}

/** HMAC-SHA-256 under `key`, which all gateways on one state have; base64url. */
export function createRetryStates(key: Buffer, now: () => number): RetryStates {
  const mac = (text: string): string => createHmac('sha256', key).update(`stint retry ${text}`).digest('base64url')
  return {
    seal({ approvalId, taskId, digest, expiresAt }) {
      const text = Buffer.from(JSON.stringify({ approvalId, taskId, digest, expiresAt })).toString('base64url')
      return `${text}.${mac(text)}`
    },
    open(state, { taskId, digest }) {
      const retried = readState(state)
      if (retried?.taskId === taskId && retried.digest === digest && retried.expiresAt > now()) return retried.approvalId
      const why = 'the state that it gives back is not of this very request, or its time is over; send the request without it'
      throw new StintError('invalid_argument', why)
    },
  }

  function readState(state: string): Retried | undefined {
    const [, text, given] = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})$/.exec(state) ?? []
    if (text === undefined || given === undefined) return undefined
    if (!timingSafeEqual(Buffer.from(mac(text)), Buffer.from(given))) return undefined // as texts: base64url has several for the same bytes
    const retried: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) // it is Stint's own text
    return isMembers(retried) ? (retried as unknown as Retried) : undefined
  }
}
