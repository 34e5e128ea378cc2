import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { Kysely, type Transaction } from 'kysely'
import { StintError } from '../errors.ts'
import { refuseUnsafe } from '../private-file.ts'
import { migrate, numberedInSqlite } from './migrate.ts'
import { sqliteDialect } from './sqlite.ts'
import type { Tables } from './tables.ts'

/** How many rows of the change feed survive a start. */
const KEPT_CHANGES = 10_000

/** Notes, inside a write, that a row changed; watchers of the kind hear of it after the commit. */
export type Changed = (kind: string, id: string) => void

/** Hears of a change after its commit. What it returns is awaited before the write that made the change answers. */
export type Watcher = (id: string) => void | Promise<void>

/** The durable state. Every method throws `store_unavailable`, and then nothing was changed. */
export interface Store {
  /** For reads. Inside `write`, use its `tx` alone: this one waits for the write to end. */
  readonly db: Kysely<Tables>
  /** One transaction, on disk when it resolves; writes run one after another. All of `work` is kept, or nothing. */
  write<T>(work: Work<T>): Promise<T>
  watch(kind: string, onChange: Watcher): void
  close(): Promise<void>
}

/** Opens or creates the database, its file for the owner alone, its schema up to date. Throws `store_unavailable`, `state_unsafe`. */
export async function openStore(path: string): Promise<Store> {
  await claim(path)
  const db = new Kysely<Tables>({ dialect: sqliteDialect(path) })
  try {
    await migrate(db, numberedInSqlite)
    await forgetOldChanges(db)
  } catch (thrown) {
    await db.destroy()
    throw thrown
  }
  return over(db)
}

function over(db: Kysely<Tables>): Store {
  const watchers = new Map<string, Watcher[]>()
  return {
    db,
    async write(work) {
      const { result, changes } = await transact(db, work)
      await deliver(changes, watchers)
      return result
    },
    watch(kind, onChange) {
      watchers.set(kind, [...(watchers.get(kind) ?? []), onChange])
    },
    close: () => db.destroy(),
  }
}

interface Change {
  readonly kind: string
  readonly id: string
}

type Work<T> = (tx: Transaction<Tables>, changed: Changed) => Promise<T>

async function transact<T>(db: Kysely<Tables>, work: Work<T>): Promise<{ result: T; changes: readonly Change[] }> {
  const changes: Change[] = []
  const result = await db.transaction().execute(async (tx) => {
    const result = await work(tx, (kind, id) => changes.push({ kind, id }))
    for (let at = 0; at < changes.length; at += 500) {
      await tx
        .insertInto('changes')
        .values(changes.slice(at, at + 500))
        .execute()
    }
    return result
  })
  return { result, changes }
}

/** Tells every watcher, also after one failed; a failure then surfaces, since memory may differ from what was written. */
async function deliver(changes: readonly Change[], watchers: ReadonlyMap<string, readonly Watcher[]>): Promise<void> {
  const told = changes.flatMap(({ kind, id }) => (watchers.get(kind) ?? []).map(async (watcher) => watcher(id)))
  const failed = (await Promise.allSettled(told)).find((one) => one.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

async function forgetOldChanges(db: Kysely<Tables>): Promise<void> {
  const newest = await db.selectFrom('changes').select('seq').orderBy('seq', 'desc').limit(1).executeTakeFirst()
  if (newest === undefined) return
  await db
    .deleteFrom('changes')
    .where('seq', '<=', newest.seq - KEPT_CHANGES)
    .execute()
}

/** Creates the file 0600, or refuses one that others could read or that is not a plain file of ours. */
async function claim(path: string): Promise<void> {
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants
  try {
    await using file = await open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
    refuseUnsafe(path, await file.stat())
  } catch (thrown) {
    if (thrown instanceof StintError) throw thrown
    throw new StintError('store_unavailable', 'the database file cannot be opened', {
      operatorDetail: String(thrown),
      cause: thrown,
    })
  }
}
