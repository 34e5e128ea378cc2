import type { Kysely, Transaction } from 'kysely'
import type { Tables } from './tables.ts'

/** What a write changed: a row of a kind. */
export interface Change {
  readonly kind: string
  readonly id: string
}

/** Notes, inside a write, that a row changed; watchers of the kind hear of it after the commit. */
export type Changed = (kind: string, id: string) => void

/**
 * Hears of changes after their commit: the ids of one kind, in the order of the commits, each named once. It may hear of a change again,
 * so it looks at what the row is now. What it returns is awaited before the write that made the change answers.
 */
export type Watcher = (ids: readonly string[]) => void | Promise<void>

/** Who hears of what. */
export interface Watchers {
  watch(kind: string, onChange: Watcher): void
  /** Tells every watcher, also after one failed; the first failure is then thrown, since memory may differ from what was written. */
  tell(changes: readonly Change[]): Promise<void>
}

/** Nobody yet. */
export function createWatchers(): Watchers {
  const watchers = new Map<string, Watcher[]>()
  return {
    watch(kind, onChange) {
      watchers.set(kind, [...(watchers.get(kind) ?? []), onChange])
    },
    async tell(changes) {
      const failures: unknown[] = []
      for (const { kind, ids } of runsOf(changes)) {
        const told = (watchers.get(kind) ?? []).map(async (watcher) => watcher(ids))
        for (const one of await Promise.allSettled(told)) if (one.status === 'rejected') failures.push(one.reason)
      }
      if (failures.length > 0) throw failures[0]
    },
  }
}

/** Neighbours of the same kind together, in order. */
function runsOf(changes: readonly Change[]): readonly { readonly kind: string; readonly ids: readonly string[] }[] {
  const runs: { kind: string; ids: Set<string> }[] = []
  for (const { kind, id } of changes) {
    const last = runs.at(-1)
    if (last?.kind === kind) last.ids.add(id)
    else runs.push({ kind, ids: new Set([id]) })
  }
  return runs.map(({ kind, ids }) => ({ kind, ids: [...ids] }))
}

const ROWS_A_STATEMENT = 500

/** Writes the changes into the feed, in the transaction that made them. */
export async function recordChanges(tx: Transaction<Tables>, changes: readonly Change[]): Promise<void> {
  for (let at = 0; at < changes.length; at += ROWS_A_STATEMENT) {
    await tx
      .insertInto('changes')
      .values(changes.slice(at, at + ROWS_A_STATEMENT))
      .execute()
  }
}

/** How many rows of the feed survive a start. */
const KEPT_CHANGES = 10_000
/** Under this key of `meta`: up to which number the feed is forgotten. */
export const FORGOTTEN = 'changes_forgotten'

/** Forgets all but the newest changes, and notes up to where, so that a reader who was further behind finds out. */
export async function forgetOldChanges(db: Kysely<Tables>): Promise<void> {
  const newest = await db.selectFrom('changes').select('seq').orderBy('seq', 'desc').limit(1).executeTakeFirst()
  const upTo = (newest?.seq ?? 0) - KEPT_CHANGES
  if (upTo <= 0) return
  await db.deleteFrom('changes').where('seq', '<=', upTo).execute()
  const value = String(upTo)
  await db
    .insertInto('meta')
    .values({ key: FORGOTTEN, value })
    .onConflict((on) => on.column('key').doUpdateSet({ value }))
    .execute()
}

/** Numbers go on past all that was ever kept, so that whoever still follows from before finds out that it missed something. */
export async function forgetAllChanges(tx: Transaction<Tables>): Promise<void> {
  const newest = await tx.selectFrom('changes').select('seq').orderBy('seq', 'desc').limit(1).executeTakeFirst()
  const seq = (newest?.seq ?? 0) + KEPT_CHANGES + 1
  await tx.insertInto('changes').values({ seq, kind: 'state', id: 'moved' }).execute()
  await forgetOldChanges(tx)
}
