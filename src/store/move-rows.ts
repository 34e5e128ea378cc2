import { createHash } from 'node:crypto'
import { type RawBuilder, sql, type Transaction } from 'kysely'
import { StintError } from '../errors.ts'
import { FORGOTTEN } from './changes.ts'
import { SCHEMA } from './migrate.ts'
import { MOVED } from './moved.ts'
import { TABLES, type Tables } from './tables.ts'

/** What arrived of a table. */
export interface MovedTable {
  readonly table: string
  readonly rows: number
  /** SHA-256 over the rows in the order of their keys, hexadecimal: equal where they are. */
  readonly digest: string
}

/** A table that is the state. */
export interface StateTable {
  readonly table: string
  readonly key: readonly string[]
}

type Row = Readonly<Record<string, unknown>>
type Tx = Transaction<Tables>

/** What a move takes along. */
export const STATE: readonly StateTable[] = Object.entries(TABLES).flatMap(([table, key]) =>
  key === 'own' ? [] : [{ table, key }],
)

/** Rows in memory at a time; times columns far below what a statement can bind (SQLite 32,766, PostgreSQL 65,535). */
const PAGE = 500
/** Keys of `meta` that are about one database. */
const OWN = [SCHEMA, FORGOTTEN, MOVED]

/**
 * Copies one table, reads it again where it arrived, and answers what is there. Throws `store_unavailable`, naming the table, when a value
 * cannot be stored there or not all is equal.
 */
export async function moveRows(
  from: Tx,
  to: Tx,
  moved: StateTable,
  onRows: (rows: number, all: number) => void,
): Promise<MovedTable> {
  const { table } = moved
  try {
    const all = await countRows(from, moved)
    const sent = createTally()
    for await (const page of pagesOf(from, moved)) {
      await insert(to, table, page)
      sent.add(page)
      onRows(sent.rows, all)
    }
    const arrived = createTally()
    for await (const page of pagesOf(to, moved)) arrived.add(page)
    const digest = arrived.digest()
    if (sent.rows !== all || arrived.rows !== all || digest !== sent.digest())
      throw new StintError('store_unavailable', `of ${all} rows ${arrived.rows} arrived, or not as they were`)
    return { table, rows: all, digest }
  } catch (thrown) {
    if (!(thrown instanceof StintError)) throw thrown
    const { detail, operatorDetail } = thrown
    throw new StintError(thrown.code, `${table}: ${detail}`, {
      cause: thrown,
      ...(operatorDetail !== undefined && { operatorDetail }),
    })
  }
}

/** How many rows of the state a table holds. */
export async function countRows(tx: Tx, { table }: StateTable): Promise<number> {
  const counted = sql<{ rows: number }>`select count(*) as "rows" from ${sql.table(table)} where ${stateOf(table)}`
  return (await counted.execute(tx)).rows[0]?.rows ?? 0
}

/** Deletes them. */
export async function clearRows(tx: Tx, { table }: StateTable): Promise<void> {
  await sql`delete from ${sql.table(table)} where ${stateOf(table)}`.execute(tx)
}

async function* pagesOf(tx: Tx, { table, key }: StateTable): AsyncGenerator<readonly Row[]> {
  const columns = sql.join(key.map((column) => sql.ref(column)))
  let after: RawBuilder<unknown> = stateOf(table)
  for (;;) {
    const { rows } = await sql<Row>`select * from ${sql.table(table)} where ${after} order by ${columns} limit ${PAGE}`.execute(
      tx,
    )
    const last = rows.at(-1)
    if (last === undefined) return
    yield rows
    after = sql`${stateOf(table)} and (${columns}) > (${sql.join(key.map((column) => last[column]))})`
  }
}

function stateOf(table: string): RawBuilder<unknown> {
  return table === 'meta' ? sql`"key" not in (${sql.join(OWN)})` : sql`true`
}

async function insert(tx: Tx, table: string, rows: readonly Row[]): Promise<void> {
  const columns = columnsOf(rows[0])
  const values = rows.map((row) => sql`(${sql.join(columns.map((column) => row[column]))})`)
  const names = sql.join(columns.map((column) => sql.ref(column)))
  await sql`insert into ${sql.table(table)} (${names}) values ${sql.join(values)}`.execute(tx)
}

/** Counts rows and takes them into one digest: each a line of JSON, which tells texts, numbers and nothing apart. */
function createTally() {
  const hash = createHash('sha256')
  let rows = 0
  return {
    get rows() {
      return rows
    },
    add(page: readonly Row[]): void {
      const columns = columnsOf(page[0])
      for (const row of page) hash.update(`${JSON.stringify(columns.map((column) => row[column]))}\n`)
      rows += page.length
    },
    digest: () => hash.copy().digest('hex'),
  }
}

/** By name: the order they were made in may differ. */
function columnsOf(row: Row | undefined): readonly string[] {
  return Object.keys(row ?? {}).sort()
}
