import { StintError } from '../../errors.ts'
import type { Identity } from '../minting.ts'

type Times = Partial<Pick<Identity, 'createdAt' | 'lastUsedAt' | 'expiresAt'>>

export const MAX_IDENTITIES = 1000
/** A date or an instant (RFC 3339, section 5.6). */
const TIME = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d))?$/

/** Throws `upstream_failed` for more than are listed: a list that left some out would hide them. */
export function checkCount(count: number, provider: string): void {
  if (count > MAX_IDENTITIES)
    throw new StintError('upstream_failed', `${provider} lists more than ${MAX_IDENTITIES} who can act there`)
}

/** Times as a provider tells them, null or absent for never. Attacker-controlled. Throws `upstream_failed` for what is no time. */
export function readTimes(told: { readonly [Name in keyof Times]: unknown }, provider: string): Times {
  const known = Object.entries(told).filter(([, value]) => value !== undefined && value !== null)
  return Object.fromEntries(known.map(([name, value]) => [name, timeOf(value, provider)]))
}

/** Epoch milliseconds; a time before them, as Go's zero is one, is their beginning. */
function timeOf(value: unknown, provider: string): number {
  const time = typeof value === 'string' && TIME.test(value) ? Date.parse(value) : Number.NaN
  if (Number.isNaN(time)) throw new StintError('upstream_failed', `${provider} told a time that is none`)
  return Math.max(time, 0)
}
