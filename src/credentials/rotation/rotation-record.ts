import { randomBytes } from 'node:crypto'
import { StintError } from '../../errors.ts'
import type { Target } from '../../model.ts'
import type { Recipe } from './recipe.ts'

export type RotationState = 'making' | 'verifying' | 'storing' | 'retiring' | 'dead' | 'undoing' | 'undone'

/** One look at whether a key works. Times are epoch milliseconds. */
export interface KeySighting {
  readonly at: number
  readonly key: 'old' | 'new'
  readonly saw: 'live' | 'refused'
}

/** The life of one rotation, as it is kept: all but the keys. Times are epoch milliseconds. */
export interface RotationRecord {
  readonly id: string
  readonly credentialId: string
  /** `dead`: the new key is in use and the old one was seen refused. `undone`: the old one is in use, as before. */
  readonly state: RotationState
  /** The gateway that sees to it; another takes over when that one is gone. */
  readonly keeper: string
  /** `Caller.id` of who began it, or `schedule`. */
  readonly startedBy: string
  /** As they were when it began. */
  readonly recipe: Recipe
  readonly target: Target
  /** Of the credential, when it held the old key. */
  readonly version: number
  /** What the target calls the keys. */
  readonly oldId?: string
  readonly newId?: string
  readonly startedAt: number
  /** A new key was asked for and may exist since. */
  readonly askedAt?: number
  readonly madeAt?: number
  /** Since when every gateway uses the new key. */
  readonly storedAt?: number
  /** When the target said that the key is ended. */
  readonly retiredAt?: number
  readonly endedAt?: number
  /** Why it is undone. */
  readonly why?: string
  /** A key that may be at the target and that nobody can end: what to look for. */
  readonly unaccounted?: string
  /** Attempts of this state that came to nothing, and what the last one came to. */
  readonly attempts: number
  readonly lastError?: string
  /** Since when it has been alerted on as late. */
  readonly lateAt?: number
  /** Newest last. */
  readonly sightings: readonly KeySighting[]
}

/** What a step learned; undefined for what does not hold any more. */
export type Change = { readonly [K in keyof RotationRecord]?: RotationRecord[K] | undefined }

/** What may follow on what. */
const NEXT: Readonly<Record<RotationState, readonly RotationState[]>> = {
  making: ['verifying', 'undoing', 'undone'],
  verifying: ['storing', 'undoing'],
  storing: ['retiring', 'undoing'],
  retiring: ['dead', 'undoing'],
  dead: [],
  undoing: ['undone'],
  undone: [],
}

/** The record in its next state. Throws `internal` for a step that the state machine does not have. */
export function moveTo(record: RotationRecord, state: RotationState, change: Change = {}): RotationRecord {
  if (!NEXT[record.state].includes(state))
    throw new StintError('internal', 'Stint failed', { operatorDetail: `${record.id} goes from ${record.state} to ${state}` })
  const { lastError: _, ...kept } = record
  return { ...kept, attempts: 0, ...change, state } as RotationRecord
}

export function isOver({ state }: Pick<RotationRecord, 'state'>): boolean {
  return NEXT[state].length === 0
}

/** How many of the newest sightings are kept, beside the first of each key that worked. */
const KEPT = 10

/** The record with one more sighting. */
export function withSighting(record: RotationRecord, sighting: KeySighting): RotationRecord {
  const all = [...record.sightings, sighting]
  const controls = (['old', 'new'] as const).flatMap((key) => all.find((one) => one.key === key && one.saw === 'live') ?? [])
  return { ...record, sightings: all.filter((one, at) => controls.includes(one) || at >= all.length - KEPT) }
}

/** True when the key was once seen to work, by the probe that is to see it refused. */
export function wasSeenLive({ sightings }: RotationRecord, key: KeySighting['key']): boolean {
  return sightings.some((one) => one.key === key && one.saw === 'live')
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

/** `rotation_`, then 110 random bits in lower-case base32: part of the made key’s name, found there again by nothing else. */
export function newRotationId(): string {
  return `rotation_${Array.from(randomBytes(22), (byte) => ALPHABET[byte & 31]).join('')}`
}
