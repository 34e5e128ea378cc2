import { StintError } from '../errors.ts'
import type { Target } from '../model.ts'
import type { LeaseState } from './lease.ts'
import type { Grant, Handle } from './minting.ts'

/** Why a lease ends, and the number of the revocation that ended it, if one did. */
export interface Cause {
  readonly why: string
  readonly revocation?: number
}

/** One look at whether a credential still works. */
export interface Sighting {
  /** Epoch milliseconds. */
  readonly at: number
  /** `unclear`: the provider could not be asked, which proves nothing. */
  readonly saw: 'live' | 'refused' | 'unclear'
  readonly detail?: string
}

/** The life of one minted credential, as it is kept: all but the material. Times are epoch milliseconds. */
export interface LeaseRecord {
  readonly id: string
  readonly state: LeaseState
  /** The gateway that made it and sees to its death; another takes over when that one is gone. */
  readonly keeper: string
  readonly taskId: string
  readonly owner: string
  /** `Caller.id` of who asked. */
  readonly callerId: string
  /** As it was when the credential was asked for; it may be gone since. */
  readonly target: Target
  readonly grant: Grant
  /** Names of all selectors that cover it (selector.ts). */
  readonly coveredBy: readonly string[]
  /** How the provider knows it; empty until that is known. */
  readonly handle: Handle
  readonly requestedAt: number
  readonly activeAt?: number
  /** When it is to be revoked at the latest. */
  readonly expiresAt: number
  readonly revokingAt?: number
  /** Why it is being revoked. */
  readonly why?: string
  /** The number of the revocation that ended it. */
  readonly revocation?: number
  /** When the provider said that it is revoked. */
  readonly revokedAt?: number
  readonly irrevocableUntil?: number
  readonly deadAt?: number
  /** Attempts to revoke that did not end in its death. */
  readonly attempts: number
  /** What the last of them came to. */
  readonly lastError?: string
  /** Since when it has been alerted on as late. */
  readonly lateAt?: number
  /** Newest last. */
  readonly sightings: readonly Sighting[]
}

/** What may follow on what. */
const NEXT: Readonly<Record<LeaseState, readonly LeaseState[]>> = {
  minting: ['active', 'revoking', 'dead'],
  active: ['revoking'],
  revoking: ['dead', 'irrevocable'],
  irrevocable: ['dead', 'revoking'],
  dead: [],
}

/** The record in its next state. Throws `internal` for a step that the state machine does not have. */
export function moveTo(record: LeaseRecord, state: LeaseState, change: Partial<LeaseRecord> = {}): LeaseRecord {
  if (!NEXT[record.state].includes(state))
    throw new StintError('internal', 'Stint failed', {
      operatorDetail: `lease ${record.id} goes from ${record.state} to ${state}`,
    })
  return { ...record, ...change, state }
}

/** How many sightings are kept: the first, which is the control, and the newest. */
const KEPT = 12

/** The record with one more sighting. */
export function withSighting(record: LeaseRecord, sighting: Sighting): LeaseRecord {
  const [first, ...rest] = record.sightings
  const newest = [...rest, sighting].slice(1 - KEPT)
  return { ...record, sightings: first === undefined ? [sighting] : [first, ...newest] }
}

/** True when the credential was once seen to work, by the probe that is to see it refused. */
export function hasControl({ sightings }: LeaseRecord): boolean {
  return sightings.some(({ saw }) => saw === 'live')
}

/** How many of the newest sightings in a row were refusals after `since`. */
export function refusalsSince({ sightings }: LeaseRecord, since: number): number {
  const lastOther = sightings.findLastIndex(({ saw }) => saw !== 'refused')
  return sightings.slice(lastOther + 1).filter(({ at }) => at >= since).length
}
