import { createDeadlines } from '../../deadlines.ts'
import { asStintError, StintError } from '../../errors.ts'
import { Secret } from '../../secret.ts'
import { backoff } from '../backoff.ts'
import { step } from './rotate.ts'
import type { RotationEntry, RotationLedger } from './rotation-ledger.ts'
import { isOver, type RotationRecord } from './rotation-record.ts'
import { type Keys, type StepVerbs, turn } from './turning.ts'
import { graceMs, propagationMs } from './windows.ts'

/** When not even that an attempt failed can be written. */
const UNWRITTEN_MS = 30_000
/** One that takes longer than this past its own windows is alerted on. */
const LATE_MS = 60_000

export interface DriveVerbs extends Omit<StepVerbs, 'save'> {
  /** This gateway among those that share the state. */
  readonly self: string
  seal(id: string, keys: Secret): string
  /** Throws `state_unsafe`. */
  unseal(id: string, sealed: string): Secret
  /** One is over: its recipe changed with it. Throws `store_unavailable`. */
  onOver(): Promise<void>
  /** For what the operator should look at. */
  report(thrown: unknown): void
}

/** Takes rotations through their steps. Nothing is ever given up. */
export interface Drive {
  /** Takes it up, if it is kept here and is not yet. */
  run(id: string): void
  /** A record with its keys sealed, until it is over. */
  sealed(record: RotationRecord, keys: Keys): RotationEntry
  /** Credentials whose rotation here does not get on. */
  readonly stuck: ReadonlySet<string>
  close(): Promise<void>
}

/** A drive over the ledger, which is its outbox. */
export function createDrive(ledger: RotationLedger, verbs: DriveVerbs): Drive {
  const { now, report } = verbs
  const due = createDeadlines(now, (ids) => ids.forEach(run))
  const running = new Map<string, Promise<void>>()
  const stuck = new Set<string>()
  let closed = false
  return {
    ...{ run, sealed, stuck },
    async close() {
      closed = true
      due.close()
      await Promise.all(running.values())
    },
  }

  function run(id: string): void {
    if (closed || running.has(id)) return
    const goes = go(id).then((at) => {
      running.delete(id)
      if (at !== undefined && !closed) due.set(id, at)
    })
    running.set(id, goes)
  }

  /** Takes steps until it is over, or has to wait; answers until when. Throws nothing. */
  async function go(id: string): Promise<number | undefined> {
    while (!closed) {
      try {
        const entry = await ledger.load(id)
        if (entry.record.keeper !== verbs.self) return undefined
        if (isOver(entry.record)) return await end(entry.record)
        const save = (record: RotationRecord, keys: Keys) => ledger.save(sealed(record, keys))
        const at = await step(turn(entry.record, keysOf(entry), { ...verbs, save }), verbs)
        if (at !== undefined) return at
      } catch (thrown) {
        return postpone(id, thrown)
      }
    }
    return undefined
  }

  async function end({ credentialId, unaccounted }: RotationRecord): Promise<undefined> {
    stuck.delete(credentialId)
    if (unaccounted !== undefined)
      report(new StintError('upstream_failed', `${unaccounted} may exist: look for it there, and end it`))
    await verbs.onOver()
  }

  async function postpone(id: string, thrown: unknown): Promise<number> {
    const { code, detail } = asStintError(thrown)
    if (code === 'internal') report(thrown)
    try {
      const entry = await ledger.load(id)
      const attempts = entry.record.attempts + 1
      const late = await alertIfLate({ ...entry.record, attempts, lastError: detail })
      await ledger.save({ ...entry, record: late })
      return now() + backoff(attempts)
    } catch (worse) {
      report(worse)
      return now() + UNWRITTEN_MS
    }
  }

  async function alertIfLate(record: RotationRecord): Promise<RotationRecord> {
    const since = record.storedAt ?? record.startedAt
    if (now() - since < LATE_MS + graceMs(record) + 2 * propagationMs(record)) return record
    stuck.add(record.credentialId)
    if (record.lateAt !== undefined) return record
    report(new StintError('upstream_failed', `${record.id} of ${record.credentialId} does not get on: ${record.lastError}`))
    const late = { ...record, lateAt: now() }
    await verbs.told('late', late)
    return late
  }

  function sealed(record: RotationRecord, { old, new: made }: Keys): RotationEntry {
    if (isOver(record)) return { record, sealed: undefined }
    const text = JSON.stringify({ old: old.reveal(), ...(made && { new: made.reveal() }) })
    return { record, sealed: verbs.seal(record.id, new Secret(text)) }
  }

  function keysOf({ record: { id }, sealed: text = '' }: RotationEntry): Keys {
    const { old, new: made } = JSON.parse(verbs.unseal(id, text).reveal())
    return { old: new Secret(old), ...(made !== undefined && { new: new Secret(made) }) }
  }
}
