import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { Kysely, type Transaction } from 'kysely'
import { StintError } from '../errors.ts'
import { refuseUnsafe } from '../private-file.ts'
import { type Change, type Changed, createWatchers, forgetOldChanges, recordChanges, type Watcher } from './changes.ts'
import { type Accept, acceptOlder, migrate, numberedInSqlite } from './migrate.ts'
import { sqliteDialect } from './sqlite.ts'
import type { Tables } from './tables.ts'

export type { Changed, Watcher } from './changes.ts'

/**
 * The durable state. Every method throws `store_unavailable`, and then nothing was changed; save where the connection to a database
 * broke during a commit, which then happened or not, and is heard of if it did.
 */
export interface Store {
  /** For reads. Inside `write`, use its `tx` alone: this one waits for the write to end. */
  readonly db: Kysely<Tables>
  /** One transaction, on disk when it resolves; writes run one after another, whichever process makes them. All of `work` is kept, or nothing. */
  write<T>(work: Work<T>): Promise<T>
  watch(kind: string, onChange: Watcher): void
  close(): Promise<void>
}

export type Work<T> = (tx: Transaction<Tables>, changed: Changed) => Promise<T>

/** Opens or creates the database, its file for the owner alone, its schema up to date. Throws `store_unavailable`, `state_unsafe`. */
export async function openStore(path: string, accept: Accept = acceptOlder): Promise<Store> {
  await claim(path)
  const db = new Kysely<Tables>({ dialect: sqliteDialect(path) })
  try {
    await db.transaction().execute((tx) => migrate(tx, numberedInSqlite, accept))
    await db.transaction().execute(forgetOldChanges)
  } catch (thrown) {
    await db.destroy()
    throw thrown
  }
  return over(db)
}

function over(db: Kysely<Tables>): Store {
  const { watch, tell } = createWatchers()
  return {
    db,
    async write(work) {
      const { result, changes } = await db.transaction().execute((tx) => noting(tx, work))
      await tell(changes)
      return result
    },
    watch,
    close: () => db.destroy(),
  }
}

/** Runs the work of a write inside its transaction, with what it changed written into the feed. */
export async function noting<T>(tx: Transaction<Tables>, work: Work<T>): Promise<{ result: T; changes: readonly Change[] }> {
  const changes: Change[] = []
  const result = await work(tx, (kind, id) => changes.push({ kind, id }))
  await recordChanges(tx, changes)
  return { result, changes }
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
