import { sql, type Transaction } from 'kysely'
import { StintError } from '../errors.ts'
import { forgetAllChanges } from './changes.ts'
import { clearRows, countRows, type MovedTable, moveRows, STATE } from './move-rows.ts'
import { MOVED, markMoved, readMoved, refuseMoved } from './moved.ts'
import { isThere, readRoll } from './roll.ts'
import type { Store } from './store.ts'
import type { Tables } from './tables.ts'

/** What to move, where to, and who hears of it. */
export interface Move {
  readonly from: Store
  readonly to: Store
  readonly now: number
  /** How the names of credentials begin that a first start makes by itself: where there is nothing else there is no state. */
  readonly inner: string
  onProgress(table: string, rows: number, all: number): void
  /** Called when all of it has arrived and is equal, before it is kept; what it throws undoes everything. */
  onArrived(tables: readonly MovedTable[]): Promise<void>
}

type Tx = Transaction<Tables>

/**
 * Moves the state: one transaction at each end, while nobody else writes at either, and what stays behind is marked as moved. Nobody has
 * either open: a file is locked by who calls this, the roll tells of a database. Throws `already_running`; `conflict` where there is a
 * state already, or none to move; `store_unavailable`. Then nothing was changed.
 */
export async function moveTables(move: Move): Promise<readonly MovedTable[]> {
  const { from, to, now } = move
  let hasArrived = false
  try {
    return await from.write(async (source) => {
      await waysOf(from).enter(source)
      await refuseMoved(source)
      await markMoved(source, now)
      const tables = await to.write((destination) => receive(source, destination, move))
      hasArrived = true
      return tables
    })
  } catch (thrown) {
    if (!hasArrived) throw thrown
    const words = `the state arrived in ${waysOf(to).name}, but what is left in ${waysOf(from).name} could not be marked; do not start Stint there`
    throw new StintError('conflict', words, { cause: thrown })
  }
}

async function receive(source: Tx, destination: Tx, { to, inner, onProgress, onArrived }: Move): Promise<readonly MovedTable[]> {
  const { name, enter, defer, settle } = waysOf(to)
  await enter(destination)
  if ((await readMoved(destination)) === undefined) await refuseState(destination, inner, name)
  for (const one of STATE) await clearRows(destination, one)
  await destination.deleteFrom('meta').where('key', '=', MOVED).execute()
  await defer(destination)
  const tables: MovedTable[] = []
  for (const one of STATE) {
    tables.push(await moveRows(source, destination, one, (rows, all) => onProgress(one.table, rows, all)))
  }
  await forgetAllChanges(destination)
  await settle(destination)
  await onArrived(tables)
  return tables
}

/** What a first start makes is no state yet. */
async function refuseState(tx: Tx, inner: string, name: string): Promise<void> {
  const held: string[] = []
  for (const one of STATE.filter(({ table }) => table !== 'meta')) {
    const rows = one.table === 'credentials' ? await countCredentials(tx, inner) : await countRows(tx, one)
    if (rows > 0) held.push(`${rows} ${one.table}`)
  }
  if (held.length > 0) throw new StintError('conflict', `there is a state in ${name} already: ${held.join(', ')}`)
}

async function countCredentials(tx: Tx, inner: string): Promise<number> {
  const rows = await tx.selectFrom('credentials').select('id').where('id', 'not like', `${inner}%`).execute()
  return rows.length
}

/** What SQLite and PostgreSQL do not say alike. */
interface Ways {
  readonly name: string
  /** Begins at either end. Throws `already_running`. */
  enter(tx: Tx): Promise<void>
  /** A child's row may come before its parent's. */
  defer(tx: Tx): Promise<void>
  /** All rows are there. */
  settle(tx: Tx): Promise<void>
}

function waysOf(store: Store): Ways {
  return 'channel' in store ? POSTGRES : SQLITE
}

const nothing = async (): Promise<void> => undefined

const SQLITE: Ways = {
  name: 'SQLite',
  enter: nothing,
  defer: async (tx) => void (await sql`pragma defer_foreign_keys = on`.execute(tx)),
  settle: nothing,
}

const PARENT = sql`alter table tasks alter constraint tasks_parent_id_fkey`
/** For so long the other end may be at work. */
const IDLE = '60s'

const POSTGRES: Ways = {
  name: 'PostgreSQL',
  async enter(tx) {
    await sql`select set_config('idle_in_transaction_session_timeout', ${IDLE}, true)`.execute(tx)
    const running = (await readRoll({ db: tx })).filter(isThere).map(({ id }) => id)
    if (running.length > 0) throw new StintError('already_running', `Stint runs on the database as ${running.join(', ')}`)
  },
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
