import { Kysely, sql, type Transaction } from 'kysely'
import { StintError } from '../errors.ts'
import type { Secret } from '../secret.ts'
import { createWatchers, forgetOldChanges } from './changes.ts'
import { createFeed } from './feed.ts'
import { type Accept, acceptOlder, migrate, numberedInPostgres } from './migrate.ts'
import { postgresDialect } from './postgres.ts'
import { type Place, readPostgresUrl } from './postgres-url.ts'
import { noting, type Store } from './store.ts'
import { TABLES, type Tables } from './tables.ts'
import { createTurns } from './turns.ts'

/** A store that several processes share. */
export interface SharedStore extends Store {
  readonly place: Place
  /** What LISTEN and NOTIFY call it: one for each schema that holds a state. */
  readonly channel: string
  /** The number of the last change that every watcher took. */
  readonly followed: number
  /**
   * Tells the watchers what was committed before now, whoever wrote it. Nobody is told anything before the first call, which is made when
   * everything that watches has read what it keeps. Throws `store_unavailable`, or what a watcher threw; called again, it tells again.
   */
  follow(): Promise<void>
}

/** What is said on the channel when a write changed something. */
export const CHANGED = 'changed'

/** Opens the state in a PostgreSQL, 14 or newer, and brings its schema up to date. Throws `invalid_config`, `store_unavailable`. */
export async function openSharedStore(url: Secret, accept: Accept = acceptOlder): Promise<SharedStore> {
  const place = readPostgresUrl(url)
  const db = new Kysely<Tables>({ dialect: postgresDialect(place) })
  try {
    const channel = `stint.${await schemaOf(db)}`
    await alone(db, channel, async (tx) => {
      await migrate(tx, numberedInPostgres, accept)
      await suit(tx)
      await forgetOldChanges(tx)
    })
    const { seq } = await db.selectFrom('changes').select(sql<number>`coalesce(max(seq), 0)`.as('seq')).executeTakeFirstOrThrow()
    return over(db, place, channel, seq)
  } catch (thrown) {
    await db.destroy()
    throw thrown
  }
}

function over(db: Kysely<Tables>, place: Place, channel: string, seq: number): SharedStore {
  const { watch, tell } = createWatchers()
  const feed = createFeed(db, seq, tell)
  const inTurn = createTurns()
  let isFollowing = false
  return {
    ...{ db, place, channel, watch },
    get followed() {
      return feed.followed
    },
    async write(work) {
      const { result, changes } = await inTurn(() =>
        alone(db, channel, async (tx) => {
          const noted = await noting(tx, work)
          if (noted.changes.length > 0) await sql`select pg_notify(${channel}, ${CHANGED})`.execute(tx)
          return noted
        }),
      )
      if (changes.length > 0 && isFollowing && !feed.isTelling) await feed.advance()
      return result
    },
    follow() {
      isFollowing = true
      return feed.advance()
    },
    close: () => db.destroy(),
  }
}

/**
 * One transaction, while no other process writes: so numbers are given in the order of commits, and what was checked is still so when it
 * is written. READ COMMITTED, whatever the role’s default: each statement sees all that was committed before the lock was given. What a
 * role made asynchronous is waited for again.
 */
function alone<T>(db: Kysely<Tables>, channel: string, work: (tx: Transaction<Tables>) => Promise<T>): Promise<T> {
  return db
    .transaction()
    .setIsolationLevel('read committed')
    .execute(async (tx) => {
      await sql`select pg_advisory_xact_lock(hashtextextended(${channel}, 0)),
        case current_setting('synchronous_commit') when 'off' then set_config('synchronous_commit', 'on', true) end`.execute(tx)
      return work(tx)
    })
}

async function schemaOf(db: Kysely<Tables>): Promise<string> {
  const { rows } = await sql<{
    schema: string | null
    version: number
  }>`select current_schema() as schema, current_setting('server_version_num')::int as version`.execute(db)
  const { schema = null, version = 0 } = rows[0] ?? {}
  if (version < 140_000) throw new StintError('store_unavailable', 'Stint needs PostgreSQL 14 or newer')
  if (schema === null) throw new StintError('store_unavailable', 'there is no schema to be in (search_path)')
  return schema
}

/**
 * What the migrations cannot say in both dialects: names sort by their bytes as in SQLite, whatever the database’s collation, and
 * numbers that count up have 64 bits.
 */
async function suit(tx: Transaction<Tables>): Promise<void> {
  const { rows } = await sql<{ table_name: string; column_name: string; data_type: string }>`
    select table_name, column_name, data_type from information_schema.columns
    where table_schema = current_schema() and table_name in (${sql.join(Object.keys(TABLES))})
      and (data_type = 'text' and collation_name is distinct from 'C' or data_type = 'integer' and is_identity = 'YES')`.execute(
    tx,
  )
  for (const { table_name, column_name, data_type } of rows) {
    const [table, column] = [sql.table(table_name), sql.ref(column_name)]
    const type = data_type === 'text' ? sql`text collate "C"` : sql`bigint`
    await sql`alter table ${table} alter column ${column} type ${type}`.execute(tx)
  }
}
