import type { EntryOf } from '../audit/entry.ts'
import type { FoundEntry } from '../audit/search.ts'
import { table } from './table.ts'

/** One line: when, what became of it, what it was, and why or how it ended. */
type Line = readonly [time: string, what: string, which: string, detail: string]

/** What a task did, oldest first: each request with its outcome, what it touched, its leases, its end. `entries` are newest first. */
export function drawTimeline(entries: readonly FoundEntry[]): string {
  const inOrder = entries.toReversed()
  const outcomes = new Map(inOrder.flatMap((one) => (one.kind === 'outcome' ? [[one.decision, one] as const] : [])))
  const decisions = new Set(inOrder.flatMap((one) => (one.kind === 'decision' ? [one.index] : [])))
  const isTold = (one: FoundEntry): boolean => one.kind === 'outcome' && decisions.has(one.decision)
  const lines = inOrder.filter((one) => !isTold(one)).map((one) => lineOf(one, outcomes.get(one.index)))
  return table(['TIME', 'WHAT', 'WHICH', 'DETAIL'], lines, 'It has done nothing.')
}

/** Acts of Stint that are told in a word of their own; of others, what was done to which noun. */
const ACTS: ReadonlyMap<string, string> = new Map([
  ['stint:Task::touch', 'touched'],
  ['stint:Task::start', 'started'],
  ['stint:Task::end', 'ended'],
])

function lineOf(entry: FoundEntry, outcome: EntryOf<'outcome'> | undefined): Line {
  const time = entry.at.replace('T', ' ').replace('Z', '')
  switch (entry.kind) {
    case 'decision': {
      const which = `${entry.action} ${entry.resource}${entry.target === null ? '' : ` on ${entry.target}`}`
      const end = outcome === undefined ? 'no outcome here' : sayOutcome(outcome)
      return [time, entry.effect, which, entry.effect === 'allow' ? end : (entry.reasons[0] ?? entry.code)]
    }
    case 'outcome':
      return [time, entry.result, `${entry.action} on ${entry.target ?? '-'} (entry ${entry.decision})`, sayOutcome(entry)]
    case 'attempt':
      return [time, 'refused', '', `${entry.code}: ${entry.detail}`]
    case 'act': {
      const by = entry.target === null ? '' : ` at ${entry.target}`
      return [time, ACTS.get(entry.action) ?? sayAct(entry.action), `${entry.subject ?? ''}${by}`, entry.reason ?? '']
    }
    case 'system':
      return [time, entry.code, '', entry.detail]
  }
}

/** `stint:Lease::revoke` as `lease revoke`. */
function sayAct(action: string): string {
  return action
    .replace(/^stint:/, '')
    .replace('::', ' ')
    .toLowerCase()
}

function sayOutcome({ result, status, code, bytesIn, bytesOut, durationMs }: EntryOf<'outcome'>): string {
  const how = code ?? (result === 'completed' ? undefined : result)
  const parts = [how, status === null ? undefined : String(status), `${bytesOut} B out`, `${bytesIn} B in`, `${durationMs} ms`]
  return parts.filter((part) => part !== undefined).join(', ')
}
