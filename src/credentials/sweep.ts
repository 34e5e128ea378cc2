import type { Target } from '../model.ts'
import type { Secret } from '../secret.ts'
import { isOurs } from './lease-id.ts'
import type { Cause, LeaseRecord } from './lease-record.ts'
import type { Ledger } from './ledger.ts'
import type { Io, Minting, Stray } from './minting.ts'

export interface SweepVerbs {
  readonly ledger: Ledger
  readonly installation: string
  /** This gateway. */
  readonly self: string
  now(): number
  undertake(id: string, cause: Cause): void
}

/** One target whose provider can list what was made there. */
export interface Swept {
  readonly target: Target
  readonly standing: Secret | undefined
  readonly minting: Minting
  readonly io: Io
}

/**
 * Finds what this installation left at one provider without a living lease, and has it revoked; answers how many there were. Throws
 * what asking the provider throws, and `store_unavailable`: a lease that cannot be looked up may be another gateway’s.
 */
export async function sweepTarget({ target, standing, minting, io }: Swept, verbs: SweepVerbs): Promise<number> {
  if (minting.strays === undefined) return 0
  const askedAt = verbs.now()
  const { installation } = verbs
  const found = await minting.strays({ target, standing, installation }, io)
  let count = 0
  for (const stray of found) {
    if (!isOurs(stray.leaseId, installation) || verbs.ledger.get(stray.leaseId) !== undefined) continue
    const known = await verbs.ledger.find(stray.leaseId)
    if (known !== undefined && known.state !== 'dead') continue // another gateway keeps it
    if (known?.deadAt !== undefined && known.deadAt >= askedAt) continue // it died while the provider was asked
    await verbs.ledger.save({ record: adopted(stray, { target, known, at: askedAt, keeper: verbs.self }), sealed: undefined })
    verbs.undertake(stray.leaseId, { why: 'it was found at the provider without a living lease' })
    count += 1
  }
  return count
}

interface Found {
  readonly target: Target
  readonly known: LeaseRecord | undefined
  readonly at: number
  readonly keeper: string
}

/** As if it was just being made: what is then revoked. */
function adopted({ leaseId, handle }: Stray, { target, known, at, keeper }: Found): LeaseRecord {
  const nobody = { taskId: 'unknown', owner: 'unknown', callerId: 'unknown' }
  const grant = known?.grant ?? { key: '', reach: ['unknown'], terms: {} }
  const { taskId, owner, callerId } = known ?? nobody
  return {
    ...{ id: leaseId, state: 'minting', keeper, taskId, owner, callerId, target, grant, handle },
    ...{ coveredBy: [], requestedAt: known?.requestedAt ?? at, expiresAt: at, attempts: 0, sightings: [] },
  }
}
