import { setTimeout as sleep } from 'node:timers/promises'
import { createDeadlines } from '../deadlines.ts'
import { asStintError, StintError } from '../errors.ts'
import { issuedOf, type Provider, type ProviderVerbs, providerOf } from './issue.ts'
import { hasControl, type LeaseRecord, moveTo, refusalsSince, type Sighting, withSighting } from './lease-record.ts'
import { advance, type Entry, type Ledger } from './ledger.ts'
import type { Issued } from './minting.ts'

/** Refusals in a row, past the provider's own window, that prove a credential dead. */
export const REFUSALS = 3
const PROBE_GAP_MS = 50
/** A new credential is looked at once, a little later, so that minting is not held up by it. */
const CONTROL_AFTER_MS = 1000
const BACKOFF_MS = { first: 500, longest: 300_000 }
/** Leases of one target that are worked on at once. */
const AT_ONCE = 16
/** A death that takes longer than this past the provider’s window is alerted on. */
const LATE_MS = 60_000

/** Takes leases to their death and proves it. Nothing is ever given up. */
export interface Undertaker {
  /** The lease is to be revoked, from now on and after every restart. It is no longer used when this returns. */
  undertake(id: string, why: string): void
  /** Looks once whether it works, so that a later refusal means something. */
  control(id: string): void
  /** Those on their way that are late. */
  readonly late: number
  /** Resolves when the lease is dead or irrevocable; at once for one that is not known. */
  settled(id: string): Promise<void>
  /** Takes up every lease that is not active. */
  start(): void
  /** The same for one that another gateway kept, which is revoked when it is still active. */
  takeUp(id: string, why: string): void
  close(): Promise<void>
}

/** What becomes of a lease that is to be heard of. */
export type LeaseStep = 'mint' | 'revoke' | 'dead' | 'irrevocable' | 'late'

export interface UndertakerVerbs extends ProviderVerbs {
  readonly ledger: Ledger
  now(): number
  /** Hears of every step, for the log and for people. */
  told(step: LeaseStep, record: LeaseRecord): void
  /** For what the operator should look at. */
  report(thrown: unknown): void
}

interface Queue {
  readonly dying: string[]
  readonly new: string[]
  running: number
}

/** An undertaker over the ledger: the ledger is its outbox. */
export function createUndertaker(verbs: UndertakerVerbs): Undertaker {
  const { ledger, now, told, report } = verbs
  const due = createDeadlines(now, (ids) => ids.forEach(enqueue))
  const queues = new Map<string, Queue>()
  const busy = new Set<string>()
  const again = new Set<string>()
  const waiters = new Map<string, (() => void)[]>()
  const under = new Set<Promise<void>>()
  let closed = false
  return {
    undertake,
    control: (id) => due.set(id, now() + CONTROL_AFTER_MS),
    get late() {
      let count = 0
      for (const { record } of ledger.all()) if (record.lateAt !== undefined) count += 1
      return count
    },
    settled: (id) => {
      const state = ledger.get(id)?.record.state
      if (state === undefined || state === 'irrevocable') return Promise.resolve()
      return new Promise((done) => waiters.set(id, [...(waiters.get(id) ?? []), done]))
    },
    start() {
      for (const { record } of ledger.all())
        if (record.state !== 'active') takeUp(record.id, 'Stint stopped while it was being made')
    },
    takeUp,
    async close() {
      closed = true
      due.close()
      await Promise.all(under)
    },
  }

  function undertake(id: string, why: string): void {
    const entry = ledger.get(id)
    if (entry === undefined || entry.record.state === 'revoking' || entry.record.state === 'irrevocable') return
    const revoking = advance(entry, 'revoking', { revokingAt: now(), why })
    ledger.save(revoking).catch(report) // `work` saves it again before anything is done
    told('revoke', revoking.record)
    enqueue(id)
  }

  function takeUp(id: string, why: string): void {
    const record = ledger.get(id)?.record
    if (record?.state === 'irrevocable') due.set(id, record.irrevocableUntil ?? now())
    else if (record?.state === 'revoking') enqueue(id)
    else undertake(id, why)
  }

  function enqueue(id: string): void {
    const record = ledger.get(id)?.record
    if (record === undefined || closed) return
    if (busy.has(id)) return void again.add(id)
    const queue = queues.get(record.target.id) ?? { dying: [], new: [], running: 0 }
    queues.set(record.target.id, queue)
    queue[record.state === 'active' ? 'new' : 'dying'].push(id)
    drain(record.target.id, queue)
  }

  function drain(target: string, queue: Queue): void {
    while (queue.running < AT_ONCE && !closed) {
      const id = queue.dying.shift() ?? queue.new.shift()
      if (id === undefined) break
      if (busy.has(id)) continue // it stood there twice
      queue.running += 1
      busy.add(id)
      const working = work(id).finally(() => {
        under.delete(working)
        busy.delete(id)
        queue.running -= 1
        drain(target, queue)
        if (again.delete(id)) enqueue(id)
      })
      under.add(working)
    }
    if (queue.running === 0) queues.delete(target)
  }

  /** One attempt. Never rejects: what fails is tried again. */
  async function work(id: string): Promise<void> {
    const entry = ledger.get(id)
    if (entry === undefined) return
    try {
      if (entry.record.state === 'active') await lookOnce(entry)
      else await bury(entry)
    } catch (thrown) {
      await postpone(id, thrown)
    }
  }

  async function lookOnce(entry: Entry): Promise<void> {
    if (hasControl(entry.record)) return
    const provider = providerOf(entry.record, verbs)
    const sighting = await look(issuedOf(entry, verbs), provider)
    const current = ledger.get(entry.record.id)
    if (current?.record.state === 'active') await ledger.save({ ...current, record: withSighting(current.record, sighting) })
  }

  async function bury(found: Entry): Promise<void> {
    const provider = providerOf(found.record, verbs)
    const issued = issuedOf(found, verbs)
    let entry = found
    const save = async (record: LeaseRecord): Promise<void> => {
      entry = { ...entry, record }
      await ledger.save(entry)
    }
    await save(entry.record) // what is about to happen is durable, also when saving it failed before
    if (entry.record.state === 'irrevocable') await save({ ...entry.record, revokedAt: entry.record.irrevocableUntil ?? now() })
    if (entry.record.revokedAt === undefined) {
      if (issued.material !== undefined && !hasControl(entry.record))
        entry = { ...entry, record: withSighting(entry.record, await look(issued, provider)) }
      const { irrevocableUntil } = await provider.minting.revoke(issued, provider.io)
      if (irrevocableUntil !== undefined) return keepUntil(entry, irrevocableUntil, provider)
      await save({ ...entry.record, revokedAt: now() })
    }
    if (!canBeProved(entry.record, provider)) {
      if (entry.record.state === 'revoking') return keepUntil(entry, Number.POSITIVE_INFINITY, provider)
      return close(entry) // its life is over, and that is all that can be known of it
    }
    const settledAt = (entry.record.revokedAt ?? now()) + provider.minting.propagationMs
    if (settledAt > now()) return due.set(entry.record.id, settledAt)
    entry = await prove(entry, issued, provider, settledAt)
    if (refusalsSince(entry.record, settledAt) < REFUSALS) throw stillThere(entry.record)
    await close(entry)
  }

  /** Probes until it was refused often enough in a row, or once not. */
  async function prove(entry: Entry, issued: Issued, provider: Provider, since: number): Promise<Entry> {
    let { record } = entry
    for (;;) {
      const sighting = await look(provable(record, issued), provider)
      record = withSighting(record, sighting)
      if (sighting.saw !== 'refused' || refusalsSince(record, since) >= REFUSALS) return { ...entry, record }
      await sleep(PROBE_GAP_MS)
    }
  }

  /** By the credential itself, which was seen to work, or by the provider’s own list. */
  function canBeProved(record: LeaseRecord, { minting }: Provider): boolean {
    return hasControl(record) || minting.strays !== undefined
  }

  /** Without a control, refusing the material proves nothing; then the provider is asked for the object itself. */
  function provable(record: LeaseRecord, issued: Issued): Issued {
    return hasControl(record) ? issued : { ...issued, material: undefined }
  }

  async function look(issued: Issued, { minting, io }: Provider): Promise<Sighting> {
    try {
      return { at: now(), saw: await minting.probe(issued, io) }
    } catch (thrown) {
      return { at: now(), saw: 'unclear', detail: asStintError(thrown).detail }
    }
  }

  /** No later than it can live: a lost one may have been made just after it was asked for. */
  async function keepUntil({ record, sealed }: Entry, until: number, { minting }: Provider): Promise<void> {
    const { maxLifeMs = Number.POSITIVE_INFINITY } = minting
    const longest = Math.max(record.requestedAt + maxLifeMs, record.activeAt === undefined ? 0 : record.expiresAt)
    const irrevocableUntil = Math.min(until, longest)
    const kept = advance({ record, sealed }, 'irrevocable', { irrevocableUntil })
    await ledger.save(kept)
    told('irrevocable', kept.record)
    settle(record.id)
    due.set(record.id, irrevocableUntil)
  }

  /** Nobody is told before it is durable: what cannot be written is still to be buried. */
  async function close(entry: Entry): Promise<void> {
    const { lateAt: _, ...record } = entry.record
    const dead = advance({ record, sealed: undefined }, 'dead', { deadAt: now() })
    try {
      await ledger.save(dead)
    } catch (thrown) {
      ledger.save(entry).catch(report) // in memory again; it is written with the next attempt
      throw thrown
    }
    told('dead', dead.record)
    settle(record.id)
  }

  function settle(id: string): void {
    for (const done of waiters.get(id) ?? []) done()
    waiters.delete(id)
  }

  async function postpone(id: string, thrown: unknown): Promise<void> {
    const entry = ledger.get(id)
    if (entry === undefined) return
    const { detail } = asStintError(thrown)
    if (entry.record.state === 'active') return report(thrown)
    const attempts = entry.record.attempts + 1
    const { revokedAt: _, ...again } = entry.record // it is revoked anew
    const attempt = { attempts, lastError: detail }
    const record = again.state === 'irrevocable' ? moveTo(again, 'revoking', attempt) : { ...again, ...attempt }
    await ledger.save({ ...entry, record: alertIfLate(record) }).catch(report)
    due.set(id, now() + backoff(attempts))
  }

  function alertIfLate(record: LeaseRecord): LeaseRecord {
    const { revokingAt = now(), lateAt } = record
    if (lateAt !== undefined || now() - revokingAt < LATE_MS) return record
    const late = { ...record, lateAt: now() }
    told('late', late)
    report(new StintError('upstream_failed', `lease ${record.id} should be dead and is not: ${record.lastError}`))
    return late
  }
}

function stillThere({ sightings }: LeaseRecord): StintError {
  const last = sightings.at(-1)
  const saw =
    last?.saw === 'live'
      ? 'the provider said that it is revoked, and it still works'
      : `nobody can tell whether it works: ${last?.detail}`
  return new StintError('upstream_failed', saw)
}

/** Doubles, and is spread by half so that a provider that comes back is not asked by all at once. */
function backoff(attempts: number): number {
  return Math.min(BACKOFF_MS.first * 2 ** Math.min(attempts, 16), BACKOFF_MS.longest) * (0.75 + Math.random() / 2)
}
