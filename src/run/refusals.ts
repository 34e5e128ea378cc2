import type { Task } from '../model.ts'
import type { Call } from './task-session.ts'

/** An entry of the log as far as it says what was refused. */
interface Refused {
  readonly index: number
  readonly action?: string
  readonly resource?: string
  readonly target?: string | null
  readonly reasons?: readonly string[]
  readonly detail?: string
}

const MOST_LINES = 5
const MOST_ENTRIES = 200

/**
 * What the task was refused, a line for each kind of refusal, in the order they first came. Programs often hide a proxy's answer, so the
 * run tells at its end. Throws StintError.
 */
export async function refusalsOf(call: Call, { id, startedAt }: Pick<Task, 'id' | 'startedAt'>): Promise<string[]> {
  const found = await Promise.all(
    ['kind=attempt', 'effect=deny', 'effect=needs-approval'].map((which) =>
      call<{ items: readonly Refused[] }>(
        'GET',
        `/v1/audit/entries?task=${encodeURIComponent(id)}&since=${startedAt}&limit=${MOST_ENTRIES}&${which}`,
      ),
    ),
  )
  const entries = found.flatMap(({ items }) => items).sort((a, b) => a.index - b.index)
  const counts = new Map<string, number>()
  for (const entry of entries) counts.set(lineOf(entry), (counts.get(lineOf(entry)) ?? 0) + 1)
  const lines = [...counts].map(([line, count]) => (count === 1 ? `refused: ${line}` : `refused ${count} times: ${line}`))
  const left = lines.length - MOST_LINES
  return left > 0 ? [...lines.slice(0, MOST_LINES), `and ${left} more; see: stint audit search --task ${id}`] : lines
}

function lineOf({ action, resource, target, reasons, detail }: Refused): string {
  if (action === undefined) return detail ?? 'for no recorded reason'
  return `${action} ${resource} on ${target}: ${reasons?.[0] ?? 'no policy permits it'}`
}
