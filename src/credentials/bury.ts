import { asStintError, StintError } from '../errors.ts'
import { issuedOf, type Provider, type ProviderVerbs, providerOf } from './issue.ts'
import { hasControl, type LeaseRecord, refusalsSince, type Sighting, withSighting } from './lease-record.ts'
import { advance, type Entry, type Ledger } from './ledger.ts'
import type { Issued } from './minting.ts'

/** Refusals in a row, past the provider's own window, that prove a credential dead: of one that answers from one place, and of others. */
const [AT_ONE_PLACE, AT_MANY] = [2, 3]
const PROBE_GAP_MS = 50

export interface BuryVerbs extends ProviderVerbs {
  readonly ledger: Ledger
  now(): number
  /** Hears of an end that is durable. */
  told(step: 'dead' | 'irrevocable', record: LeaseRecord): void
  /** For what the operator should look at. */
  report(thrown: unknown): void
}

/** Waits so many milliseconds, while others are worked on. */
export type Pause = (ms: number) => Promise<void>

/**
 * One attempt to take a credential back and to prove it dead: revoked at the provider, then refused often enough by the probe that
 * once saw it work. Each step is durable before the next. Answers when to come again (epoch milliseconds), or undefined when it is
 * dead. Throws what stood in the way; the next attempt goes on from what is durable.
 */
export async function bury(found: Entry, verbs: BuryVerbs, pause: Pause): Promise<number | undefined> {
  const { ledger, now } = verbs
  const provider = providerOf(found.record, verbs)
  const issued = issuedOf(found, verbs)
  await ledger.save(found) // what is about to happen is durable, also when saving it failed before
  const { state } = found.record
  const entry = await (state === 'irrevocable'
    ? save(found, expired(found.record, now()), verbs)
    : withControl(found, issued, provider, verbs))
  if (entry.record.revokedAt !== undefined) return proveDead(entry, issued, provider, verbs, pause)
  const { irrevocableUntil } = await provider.minting.revoke(issued, provider.io)
  if (irrevocableUntil !== undefined) return keepUntil(entry, irrevocableUntil, provider, verbs)
  return proveDead(await save(entry, { ...entry.record, revokedAt: now() }, verbs), issued, provider, verbs, pause)
}

/** Looks once at a credential that is in use, so that a later refusal means something. */
export async function lookOnce(entry: Entry, verbs: BuryVerbs): Promise<void> {
  if (!hasControl(entry.record)) await lookAgain(entry, verbs)
}

/** Looks at a credential that is in use, and answers what was seen. */
export async function lookAgain(entry: Entry, verbs: BuryVerbs): Promise<Sighting['saw']> {
  const sighting = await look(issuedOf(entry, verbs), providerOf(entry.record, verbs), verbs)
  const current = verbs.ledger.get(entry.record.id)
  if (current?.record.state === 'active') await save(current, withSighting(current.record, sighting), verbs)
  return sighting.saw
}

/** One that nobody ever saw work is looked at before it is taken back, which may happen although it fails. */
async function withControl(entry: Entry, issued: Issued, provider: Provider, verbs: BuryVerbs): Promise<Entry> {
  if (entry.record.revokedAt !== undefined || issued.material === undefined || hasControl(entry.record)) return entry
  return save(entry, withSighting(entry.record, await look(issued, provider, verbs)), verbs)
}

async function proveDead(
  entry: Entry,
  issued: Issued,
  provider: Provider,
  verbs: BuryVerbs,
  pause: Pause,
): Promise<number | undefined> {
  const { record } = entry
  if (!canBeProved(record, provider)) {
    if (record.state === 'revoking') return keepUntil(entry, Number.POSITIVE_INFINITY, provider, verbs)
    return close(entry, verbs) // its life is over, and that is all that can be known of it
  }
  const settledAt = (record.revokedAt ?? verbs.now()) + provider.minting.propagationMs
  if (settledAt > verbs.now()) return settledAt
  const seen = await probeOften(record, issued, provider, settledAt, verbs, pause)
  if (isRefused(seen, provider, settledAt)) return close({ ...entry, record: seen }, verbs)
  await save(entry, seen, verbs)
  throw stillThere(seen)
}

/** Until it was refused often enough in a row, or once not. */
async function probeOften(
  record: LeaseRecord,
  issued: Issued,
  provider: Provider,
  since: number,
  verbs: BuryVerbs,
  pause: Pause,
): Promise<LeaseRecord> {
  for (let seen = record; ; await pause(PROBE_GAP_MS)) {
    const sighting = await look(provable(seen, issued), provider, verbs)
    seen = withSighting(seen, sighting)
    if (sighting.saw !== 'refused' || isRefused(seen, provider, since)) return seen
  }
}

function isRefused(record: LeaseRecord, { minting }: Provider, since: number): boolean {
  return refusalsSince(record, since) >= (minting.propagationMs === 0 ? AT_ONE_PLACE : AT_MANY)
}

/** By the credential itself, which was seen to work, or by the provider’s own list. */
function canBeProved(record: LeaseRecord, { minting }: Provider): boolean {
  return hasControl(record) || minting.strays !== undefined
}

/** Without a control, refusing the material proves nothing; then the provider is asked for the object itself. */
function provable(record: LeaseRecord, issued: Issued): Issued {
  return hasControl(record) ? issued : { ...issued, material: undefined }
}

async function look(issued: Issued, { minting, io }: Provider, { now }: BuryVerbs): Promise<Sighting> {
  try {
    return { at: now(), saw: await minting.probe(issued, io) }
  } catch (thrown) {
    return { at: now(), saw: 'unclear', detail: asStintError(thrown).detail }
  }
}

/** No later than it can live: a lost one may have been made just after it was asked for. */
async function keepUntil({ record, sealed }: Entry, until: number, { minting }: Provider, verbs: BuryVerbs): Promise<number> {
  const { maxLifeMs = Number.POSITIVE_INFINITY } = minting
  const longest = Math.max(record.requestedAt + maxLifeMs, record.activeAt === undefined ? 0 : record.expiresAt)
  const irrevocableUntil = Math.min(until, longest)
  const kept = advance({ record, sealed }, 'irrevocable', { irrevocableUntil })
  await verbs.ledger.save(kept)
  verbs.told('irrevocable', kept.record)
  return irrevocableUntil
}

/** Nobody is told before it is durable: what cannot be written is still to be buried. */
async function close(entry: Entry, { ledger, now, told, report }: BuryVerbs): Promise<undefined> {
  const { lateAt: _, ...record } = entry.record
  const dead = advance({ record, sealed: undefined }, 'dead', { deadAt: now() })
  try {
    await ledger.save(dead)
  } catch (thrown) {
    ledger.save(entry).catch(report) // in memory again; it is written with the next attempt
    throw thrown
  }
  told('dead', dead.record)
}

async function save(entry: Entry, record: LeaseRecord, { ledger }: BuryVerbs): Promise<Entry> {
  const saved = { ...entry, record }
  await ledger.save(saved)
  return saved
}

/** One that could not be taken back counts as revoked when its own life ended. */
function expired(record: LeaseRecord, now: number): LeaseRecord {
  return { ...record, revokedAt: record.irrevocableUntil ?? now }
}

function stillThere({ sightings }: LeaseRecord): StintError {
  const last = sightings.at(-1)
  const saw =
    last?.saw === 'live'
      ? 'the provider said that it is revoked, and it still works'
      : `nobody can tell whether it works: ${last?.detail}`
  return new StintError('upstream_failed', saw)
}
