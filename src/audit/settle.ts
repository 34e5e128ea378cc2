import { type EntryOf, LIMITS } from './entry.ts'
import { spell, spellCallerId, spellTarget, spellTask } from './parts.ts'
import { Permit } from './permit.ts'
import type { Decidable } from './record.ts'
import { cut, cutOrNull, timestamp, whole } from './spell.ts'

/** How an allowed request ended. The broker's `Outcome` has this shape. Byte counts are of bodies. */
export interface Settled {
  readonly result: EntryOf<'outcome'>['result']
  readonly status?: number | undefined
  readonly bytesIn: number
  readonly bytesOut: number
  readonly durationMs: number
  readonly code?: string | undefined
}

/**
 * Makes `settle`, which writes the outcome of a Permit without anyone waiting. While the log cannot be written it is kept, in order,
 * and written as soon as it can be. Throws TypeError for a forged Permit.
 */
export function createSettle(log: { appendLater(entry: string): void }, { now }: { now(): number }) {
  return function settle(permit: Permit<Decidable>, outcome: Settled, lease?: { readonly id: string }): void {
    if (!Permit.check(permit)) throw new TypeError('not a Permit')
    log.appendLater(outcomeEntry(permit, outcome, lease, now()))
  }
}

function outcomeEntry(
  permit: Permit<Decidable>,
  outcome: Settled,
  lease: { readonly id: string } | undefined,
  at: number,
): string {
  const { correlationId, caller, task, target, action } = permit.decided
  const head = spell<'outcome'>({
    v: 1,
    kind: 'outcome',
    at: timestamp(at),
    correlationId: cut(correlationId, LIMITS.id),
    decision: permit.index,
  })
  const end = spell<'outcome'>({
    action: cut(action.id, LIMITS.name),
    lease: cutOrNull(lease?.id, LIMITS.id),
    result: outcome.result,
    status: outcome.status === undefined ? null : whole(outcome.status),
    bytesIn: whole(outcome.bytesIn),
    bytesOut: whole(outcome.bytesOut),
    durationMs: whole(outcome.durationMs),
    code: cutOrNull(outcome.code, LIMITS.id),
  })
  return `{${head},${spellCallerId(caller)},${spellTask(task)},${spellTarget(target)},${end}}`
}
