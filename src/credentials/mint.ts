import { asStintError, StintError } from '../errors.ts'
import type { Injection } from './connector.ts'
import { issuedOf, orderOf, type ProviderVerbs, providerOf } from './issue.ts'
import type { Cause, LeaseRecord } from './lease-record.ts'
import { advance, type Entry, type Ledger } from './ledger.ts'

/** A lease that is active, and what to inject for it. */
export interface Issue {
  readonly record: LeaseRecord
  readonly injections: readonly Injection[]
}

export interface MintVerbs extends ProviderVerbs {
  readonly ledger: Ledger
  now(): number
  /** undertaker.ts: whatever may exist at the provider is to be revoked. */
  undertake(id: string, cause: Cause): void
}

/**
 * Makes the credential of a `minting` record. The intent is durable before the provider hears of it, and what came of it before anyone
 * may use it; whatever fails in between is left to be revoked. Throws what the provider’s connector throws, `store_unavailable`,
 * `credential_missing`.
 */
export async function mint(intent: LeaseRecord, verbs: MintVerbs): Promise<Issue> {
  const { minting, io } = providerOf(intent, verbs)
  const order = orderOf(intent, verbs)
  const prepared = await minting.prepare?.(order)
  const begun: Entry =
    prepared === undefined
      ? { record: intent, sealed: undefined }
      : { record: { ...intent, handle: prepared.handle }, sealed: verbs.seal(intent.id, prepared.material) }
  await begin(begun, verbs)
  try {
    const { material, handle, expiresAt = order.expiresAt } = await minting.mint(order, prepared, io)
    const known = { handle, activeAt: verbs.now(), expiresAt: Math.min(order.expiresAt, expiresAt) }
    const active = advance({ ...begun, sealed: verbs.seal(intent.id, material) }, 'active', known)
    await verbs.ledger.save(active)
    return { record: active.record, injections: minting.place({ ...order, material, handle }) }
  } catch (thrown) {
    await fail(intent.id, asStintError(thrown), verbs)
    throw thrown
  }
}

/** Nothing is at the provider yet, so an intent that could not be written is forgotten. */
async function begin(begun: Entry, { ledger, now }: MintVerbs): Promise<void> {
  try {
    await ledger.save(begun)
  } catch (thrown) {
    ledger.save(advance(begun, 'dead', { deadAt: now(), why: 'it was never asked for' })).catch(() => undefined) // a start finds it as an intent
    throw thrown
  }
}

async function fail(id: string, { code, detail }: StintError, { ledger, now, undertake }: MintVerbs): Promise<void> {
  const entry = ledger.get(id)
  if (entry === undefined) return
  if (code !== 'mint_refused' || entry.record.state !== 'minting')
    return undertake(id, { why: `it could not be made: ${detail}` })
  await ledger.save(advance({ ...entry, sealed: undefined }, 'dead', { deadAt: now(), why: `the provider refused: ${detail}` }))
}

/** An active lease again, after a restart. Throws `state_unsafe`, `credential_missing`. */
export function resume(entry: Entry, verbs: ProviderVerbs): Issue {
  const { minting } = providerOf(entry.record, verbs)
  const { material, ...issued } = issuedOf(entry, verbs)
  if (material === undefined)
    throw new StintError('internal', 'Stint failed', { operatorDetail: `lease ${entry.record.id} has no material` })
  return { record: entry.record, injections: minting.place({ ...issued, material }) }
}
