import type { Transaction } from 'kysely'
import type { Store } from '../store/store.ts'
import type { Tables } from '../store/tables.ts'
import type { Gain } from './labels.ts'

/** Writes a label once: the first that gained it stays. */
export async function markRow(tx: Transaction<Tables>, { root, task, target, label, correlationId, at }: Gain): Promise<void> {
  await tx
    .insertInto('task_labels')
    .values({ root_id: root, label, task_id: task, target_id: target, correlation_id: correlationId, at })
    .onConflict((on) => on.columns(['root_id', 'label']).doNothing())
    .execute()
}

const READ_AT_ONCE = 500

/** The labels of the trees that live, or of these among them. */
export async function liveGains({ db }: Store, roots?: readonly string[]): Promise<{ root: string; label: string }[]> {
  const live = db
    .selectFrom('task_labels')
    .innerJoin('tasks', 'tasks.id', 'task_labels.root_id')
    .where('tasks.state', '=', 'live')
    .select(['root_id as root', 'label'])
  if (roots === undefined) return live.execute()
  const found: { root: string; label: string }[] = []
  for (let at = 0; at < roots.length; at += READ_AT_ONCE) {
    found.push(...(await live.where('root_id', 'in', roots.slice(at, at + READ_AT_ONCE)).execute()))
  }
  return found
}

/** Sorted: what the tree of `root` had gained before a decision, and not by it. */
export async function gainsOf(
  { db }: Store,
  root: string,
  { correlationId, at }: { readonly correlationId: string; readonly at: number },
): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('task_labels')
    .select('label')
    .where('root_id', '=', root)
    .where('at', '<=', at)
    .where('correlation_id', '!=', correlationId)
    .execute()
  return rows.map(({ label }) => label).sort()
}
