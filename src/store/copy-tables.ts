import { sql, type Transaction } from 'kysely'
import { forgetAllChanges } from './changes.ts'
import { clearRows, type MovedTable, moveRows, STATE } from './move-rows.ts'
import { isThere, readRoll } from './roll.ts'
import type { Store } from './store.ts'
import type { Tables } from './tables.ts'

type Tx = Transaction<Tables>

/** Hears how many rows of a table have arrived. */
export type OnRows = (table: string, rows: number, all: number) => void

/** Puts the state of one transaction in the place of that of another. Throws `store_unavailable`, naming the table. */
export async function copyTables(
  source: Tx,
  destination: Tx,
  { defer, settle }: Ways,
  onRows: OnRows,
): Promise<readonly MovedTable[]> {
  for (const one of STATE) await clearRows(destination, one)
  await defer(destination)
  const tables: MovedTable[] = []
  for (const one of STATE) {
    tables.push(await moveRows(source, destination, one, (rows, all) => onRows(one.table, rows, all)))
  }
  await forgetAllChanges(destination)
  await settle(destination)
  return tables
}

/** What SQLite and PostgreSQL do not say alike. */
export interface Ways {
  readonly name: string
  /** Begins at either end: the other one may be at work for a while. */
  enter(tx: Tx): Promise<void>
  /** Ids of the gateways that are there. A file has none: it is locked. */
  running(tx: Tx): Promise<readonly string[]>
  /** A child's row may come before its parent's. */
  defer(tx: Tx): Promise<void>
  /** All rows are there. */
  settle(tx: Tx): Promise<void>
}

/** Those of a store. */
export function waysOf(store: Store): Ways {
  return 'channel' in store ? POSTGRES : SQLITE
}

const nothing = async (): Promise<void> => undefined

const SQLITE: Ways = {
  name: 'SQLite',
  enter: nothing,
  running: async () => [],
  defer: async (tx) => void (await sql`pragma defer_foreign_keys = on`.execute(tx)),
  settle: nothing,
}

const PARENT = sql`alter table tasks alter constraint tasks_parent_id_fkey`
/** For so long the other end may be at work. */
const IDLE = '60s'

const POSTGRES: Ways = {
  name: 'PostgreSQL',
  enter: async (tx) => void (await sql`select set_config('idle_in_transaction_session_timeout', ${IDLE}, true)`.execute(tx)),
  running: async (tx) => (await readRoll({ db: tx })).filter(isThere).map(({ id }) => id),
  defer: async (tx) => void (await sql`${PARENT} deferrable initially deferred`.execute(tx)),
  async settle(tx) {
    await sql`set constraints all immediate`.execute(tx)
    await sql`${PARENT} not deferrable`.execute(tx)
    await countOn(tx, 'revocations', 'number')
    await countOn(tx, 'changes', 'seq')
  },
}

/** The next number is one that was never given: rows brought theirs along. */
async function countOn(tx: Tx, table: 'revocations' | 'changes', column: 'number' | 'seq'): Promise<void> {
  const highest = sql`(select coalesce(max(${sql.ref(column)}), 0) from ${sql.table(table)})`
  await sql`select setval(pg_get_serial_sequence(${table}, ${column}), greatest(${highest}, 1), ${highest} > 0)`.execute(tx)
}
