import { createDeadlines } from '../deadlines.ts'
import { asStintError, StintError } from '../errors.ts'
import { backoff } from './backoff.ts'
import { type BuryVerbs, bury, lookAgain, lookOnce } from './bury.ts'
import { type Cause, hasControl, type LeaseRecord, moveTo } from './lease-record.ts'
import { advance } from './ledger.ts'

/** A new credential is looked at once, a little later, so that minting is not held up by it. */
const CONTROL_AFTER_MS = 1000
/** Leases of one target that are worked on at once; new ones are looked at only beside fewer, since the target mints for requests meanwhile. */
const [AT_ONCE, LOOKS_AT_ONCE] = [16, 2]
/** A death that takes longer than this past the provider’s window is alerted on. */
const LATE_MS = 60_000

/** Takes leases to their death and proves it. Nothing is ever given up. */
export interface Undertaker {
  /** The lease is to be revoked, from now on and after every restart. It is no longer used when this returns. */
  undertake(id: string, cause: Cause): void
  /** Looks once whether it works, so that a later refusal means something. */
  control(id: string): void
  /**
   * Looks again at a credential in use that its target refused. True when its provider refuses it, which once took it: someone else took
   * it back, so that it is of no use, and is to be revoked as any other.
   */
  doubt(id: string): Promise<boolean>
  /** Those on their way that are late. */
  readonly late: number
  /** Resolves when the lease is dead or irrevocable; at once for one that is not known. */
  settled(id: string): Promise<void>
  /** Takes up every lease that is not active. */
  start(): void
  /** The same for one that another gateway kept, which is revoked when it is still active. */
  takeUp(id: string, cause: Cause): void
  close(): Promise<void>
}

/** What becomes of a lease that is to be heard of. */
export type LeaseStep = 'mint' | 'revoke' | 'dead' | 'irrevocable' | 'late'

export interface UndertakerVerbs extends BuryVerbs {
  /** Hears of every step, for the log and for people. */
  told(step: LeaseStep, record: LeaseRecord): void
}

/** Of one target. */
interface Queue {
  readonly target: string
  readonly dying: string[]
  readonly new: string[]
  /** Those that paused and go on. */
  readonly rested: (() => void)[]
  resting: number
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
    doubt,
    get late() {
      let count = 0
      for (const { record } of ledger.all()) if (record.lateAt !== undefined) count += 1
      return count
    },
    settled: (id) =>
      isSettled(id) && !busy.has(id)
        ? Promise.resolve()
        : new Promise((done) => waiters.set(id, [...(waiters.get(id) ?? []), done])),
    start() {
      for (const { record } of ledger.all())
        if (record.state !== 'active') takeUp(record.id, { why: 'Stint stopped while it was being made' })
    },
    takeUp,
    async close() {
      closed = true
      due.close()
      await Promise.all(under)
    },
  }

  function undertake(id: string, cause: Cause): void {
    const entry = ledger.get(id)
    if (entry === undefined || entry.record.state === 'revoking' || entry.record.state === 'irrevocable') return
    const revoking = advance(entry, 'revoking', { revokingAt: now(), ...cause })
    ledger.save(revoking).catch(report) // `work` saves it again before anything is done
    told('revoke', revoking.record)
    enqueue(id)
  }

  async function doubt(id: string): Promise<boolean> {
    const entry = ledger.get(id)
    if (entry?.record.state !== 'active' || !hasControl(entry.record)) return false
    if ((await lookAgain(entry, verbs)) !== 'refused' || ledger.get(id)?.record.state !== 'active') return false
    const why = 'its provider refuses it, and nobody here took it back'
    undertake(id, { why })
    report(new StintError('upstream_failed', `lease ${id} of the target ${entry.record.target.id}: ${why}`))
    return true
  }

  function takeUp(id: string, cause: Cause): void {
    const record = ledger.get(id)?.record
    if (record?.state === 'irrevocable') due.set(id, record.irrevocableUntil ?? now())
    else if (record?.state === 'revoking') enqueue(id)
    else undertake(id, cause)
  }

  function enqueue(id: string): void {
    const record = ledger.get(id)?.record
    if (record === undefined || closed) return
    if (busy.has(id)) return void again.add(id)
    const queue = queues.get(record.target.id) ?? {
      target: record.target.id,
      dying: [],
      new: [],
      rested: [],
      resting: 0,
      running: 0,
    }
    queues.set(record.target.id, queue)
    queue[record.state === 'active' ? 'new' : 'dying'].push(id)
    drain(queue)
  }

  function drain(queue: Queue): void {
    while (queue.running < AT_ONCE || closed) {
      const goOn = queue.rested.shift()
      if (goOn !== undefined) {
        queue.resting -= 1
        queue.running += 1
        goOn()
        continue
      }
      if (closed) break
      const id = queue.dying.shift() ?? (queue.running < LOOKS_AT_ONCE ? queue.new.shift() : undefined)
      if (id === undefined) break
      if (busy.has(id)) continue // it stood there twice
      queue.running += 1
      busy.add(id)
      const working = work(id, queue).finally(() => {
        under.delete(working)
        busy.delete(id)
        if (isSettled(id)) settle(id) // durably: what is dead in memory is being written while it is worked on
        queue.running -= 1
        drain(queue)
        if (again.delete(id)) enqueue(id)
      })
      under.add(working)
    }
    if (queue.running + queue.resting === 0) queues.delete(queue.target)
  }

  /** Lets another have its place meanwhile. */
  function pause(ms: number, queue: Queue): Promise<void> {
    queue.running -= 1
    queue.resting += 1
    drain(queue)
    return new Promise((goOn) => {
      const again = () => {
        queue.rested.push(goOn)
        drain(queue)
      }
      setTimeout(again, ms)
    })
  }

  /** One attempt. Never rejects: what fails is tried again. */
  async function work(id: string, queue: Queue): Promise<void> {
    const entry = ledger.get(id)
    if (entry === undefined) return
    try {
      if (entry.record.state === 'active') return await lookOnce(entry, verbs)
      const at = await bury(entry, verbs, (ms) => pause(ms, queue))
      if (at !== undefined) due.set(id, at)
    } catch (thrown) {
      await postpone(id, thrown)
    }
  }

  function isSettled(id: string): boolean {
    const state = ledger.get(id)?.record.state
    return state === undefined || state === 'irrevocable'
  }

  function settle(id: string): void {
    for (const done of waiters.get(id) ?? []) done()
    waiters.delete(id)
  }

  async function postpone(id: string, thrown: unknown): Promise<void> {
    const entry = ledger.get(id)
    if (entry === undefined) return
    if (entry.record.state === 'active') return report(thrown)
    const record = alertIfLate(failedOnce(entry.record, asStintError(thrown).detail))
    await ledger.save({ ...entry, record }).catch(report)
    due.set(id, now() + backoff(record.attempts))
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

/** After an attempt that did not end in its death: it is to be revoked anew. */
function failedOnce({ revokedAt: _, ...record }: LeaseRecord, lastError: string): LeaseRecord {
  const attempt = { attempts: record.attempts + 1, lastError }
  return record.state === 'irrevocable' ? moveTo(record, 'revoking', attempt) : { ...record, ...attempt }
}
