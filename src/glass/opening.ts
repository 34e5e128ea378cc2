import { randomBytes } from 'node:crypto'
import { StintError } from '../errors.ts'
import type { DrillStep } from './drill.ts'

/**
 * How far an opening has come: people are asked; they said yes and it is being recorded; it is open; it was open; it never was;
 * it was a drill, which is never open.
 * Only `open`, before `closesAt`, lets anything through.
 */
export const OPENING_STATES = ['asked', 'opening', 'open', 'closed', 'lapsed', 'drilled'] as const
export type OpeningState = (typeof OPENING_STATES)[number]

/** What a close owes: `due` until the recipe has begun, `by-hand` where a person gives the new value. */
export type Renewal = 'due' | 'begun' | 'by-hand'

/** One person's word on what was done while it was open. */
export interface Review {
  readonly by: string
  readonly at: number
  readonly note: string
}

/** A sealed credential opened, or asked to be, for one task. Times are epoch milliseconds. Texts are attacker-controlled. */
export interface Opening {
  readonly id: string
  readonly state: OpeningState
  readonly credentialId: string
  readonly targetId: string
  /** Empty for a drill, as are the two that follow. */
  readonly taskId: string
  /** The task's workload and owner: the named caller. */
  readonly workload: string
  readonly owner: string
  readonly requestedBy: string
  readonly reason: string
  readonly ticket?: string
  readonly openBy: string
  readonly seconds: number
  readonly createdAt: number
  readonly approvalId?: string
  /** When a gateway took it on itself to open it. */
  readonly claimedAt?: number
  readonly openedBy?: readonly string[]
  readonly openedAt?: number
  readonly closesAt?: number
  /** When it was over, and why. */
  readonly endedAt?: number
  readonly why?: string
  readonly renewal?: Renewal
  /** Until the log has how it ended. */
  readonly unrecorded?: true | undefined
  readonly review?: Review
  /** Present for a drill. */
  readonly drill?: { readonly rotates: boolean; readonly steps?: readonly DrillStep[] }
}

/** What becomes of an opening. */
export type Change = Partial<Omit<Opening, 'id' | 'state'>>

/** A new opening's id: 120 random bits. */
export function newOpeningId(): string {
  return `opening_${randomBytes(15).toString('hex')}`
}

/** Whether a drill came to its end and all that it tried was well. */
export function isWell({ drill }: Pick<Opening, 'drill'>): boolean {
  return drill?.steps?.every(({ ok }) => ok) ?? false
}

/** Whether it keeps another from being asked for. */
export function isUnderWay({ state }: Pick<Opening, 'state'>): boolean {
  return state === 'asked' || state === 'opening' || state === 'open'
}

/** Whether there is still something for Stint to do about it. */
export function isUnsettled(opening: Opening): boolean {
  return isUnderWay(opening) || opening.renewal === 'due' || opening.unrecorded === true
}

/**
 * Throws `conflict`, with what to do, unless the credential may be asked for again: after an opening somebody signs what was done, and
 * the value that was in use is replaced. `valueSince` is when the vault got the one that it has.
 */
export function refuseUnlessReady(last: Opening | undefined, valueSince: number): void {
  if (last === undefined) return
  if (isUnderWay(last))
    throw new StintError('conflict', `${last.id} is ${last.state} already; see \`stint break-glass show ${last.id}\``)
  if (last.openedAt === undefined) return
  if (last.review === undefined)
    throw new StintError('conflict', `${last.id} has no review; somebody else signs it: \`stint break-glass review ${last.id}\``)
  if (valueSince > (last.endedAt ?? valueSince)) return
  const how =
    last.renewal === 'by-hand'
      ? `\`stint credential replace ${last.credentialId}\``
      : `its rotation puts one there: \`stint credential rotation ${last.credentialId}\``
  throw new StintError('conflict', `${last.credentialId} still has the value that ${last.id} used; give it a new one: ${how}`)
}
