import { hash } from 'node:crypto'
import { readApprovers } from '../approver.ts'
import { StintError } from '../errors.ts'
import type { Target } from '../model.ts'

/** The longest that a glass may be open, seconds. */
export const LONGEST_OPEN_SECONDS = 86_400

/** A credential that no policy reaches: who opens it, for which target, for how long. Never changed. Times are epoch milliseconds. */
export interface Seal {
  readonly credentialId: string
  readonly targetId: string
  /** SHA-256, hex, of the target as it was when this was sealed: another system under the same name does not get the credential. */
  readonly targetDigest: string
  /** One rule of `@approval` that names a role: `2 of role:oncall`. */
  readonly openBy: string
  readonly seconds: number
  readonly sealedBy: string
  readonly sealedAt: number
}

/** What an operator asks to be sealed. Attacker-controlled. */
export type SealWish = Pick<Seal, 'credentialId' | 'openBy' | 'seconds'>

/** The seal of a credential for the one target that uses it. Throws `invalid_argument`. */
export function sealFor(wish: SealWish, target: Target, { by, at }: { by: string; at: number }): Seal {
  const { credentialId, openBy, seconds } = wish
  const rules = readApprovers(openBy)
  if (rules?.length !== 1 || rules[0]?.role === undefined)
    throw new StintError('invalid_argument', 'who opens it is one role: "role:oncall", or "2 of role:oncall" (up to 9)')
  if (target.credentialId !== credentialId)
    throw new StintError('invalid_argument', `target ${target.id} does not use ${credentialId}; add it with --credential`)
  if (target.handsOut === true)
    throw new StintError(
      'invalid_argument',
      `target ${target.id} hands out what it makes; a sealed credential never leaves Stint`,
    )
  if (seconds < 1 || seconds > LONGEST_OPEN_SECONDS)
    throw new StintError('invalid_argument', 'a glass is open for 1 second to 24 hours')
  return { credentialId, targetId: target.id, targetDigest: digestOf(target), openBy, seconds, sealedBy: by, sealedAt: at }
}

/** Whether it is the target that the credential was sealed for, unchanged. */
export function isSealedFor(seal: Seal, target: Target): boolean {
  return seal.targetId === target.id && seal.targetDigest === digestOf(target)
}

/** A declared target is never changed in place. */
const digests = new WeakMap<Target, string>()

function digestOf(target: Target): string {
  const known = digests.get(target)
  if (known !== undefined) return known
  const digest = hash('sha256', JSON.stringify(ordered(target)), 'hex')
  digests.set(target, digest)
  return digest
}

/** The same value however its members were ordered. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, member]) => [name, ordered(member)]))
}
