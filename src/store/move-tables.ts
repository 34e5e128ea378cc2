import type { Transaction } from 'kysely'
import { StintError } from '../errors.ts'
import { copyTables, type OnRows, waysOf } from './copy-tables.ts'
import { countRows, type MovedTable, STATE } from './move-rows.ts'
import { MOVED, markMoved, readMoved, refuseMoved } from './moved.ts'
import type { Store } from './store.ts'
import type { Tables } from './tables.ts'

/** What to move, where to, and who hears of it. */
export interface Move {
  readonly from: Store
  readonly to: Store
  readonly now: number
  /** How the names of credentials begin that a first start makes by itself: where there is nothing else there is no state. */
  readonly inner: string
  readonly onProgress: OnRows
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
      await enterAlone(source, from)
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
  await enterAlone(destination, to)
  if ((await readMoved(destination)) === undefined) await refuseState(destination, inner, waysOf(to).name)
  await destination.deleteFrom('meta').where('key', '=', MOVED).execute()
  const tables = await copyTables(source, destination, waysOf(to), onProgress)
  await onArrived(tables)
  return tables
}

async function enterAlone(tx: Tx, store: Store): Promise<void> {
  const { enter, running } = waysOf(store)
  await enter(tx)
  const others = await running(tx)
  if (others.length > 0) throw new StintError('already_running', `Stint runs on the database as ${others.join(', ')}`)
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
