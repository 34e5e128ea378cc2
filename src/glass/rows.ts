import { StintError } from '../errors.ts'
import { pageOf, readCursor } from '../store/cursor.ts'
import type { Store, Work } from '../store/store.ts'
import { type Change, isUnsettled, OPENING_STATES, type Opening, type OpeningState } from './opening.ts'
import type { Seal } from './seal.ts'

/** Which openings to list; what is absent does not narrow. */
export interface OpeningFilter {
  readonly limit: number
  readonly cursor?: string
  readonly credentialId?: string
}

/** Seals and openings in the store. Everything throws `store_unavailable`. */
export interface GlassRows {
  seals(): Promise<readonly Seal[]>
  /** Throws `conflict` for one that is sealed. */
  addSeal(seal: Seal): Promise<void>
  removeSeal(credentialId: string): Promise<void>
  /** Throws what `mayBegin` throws, given the newest opening of the credential that is not `lapsed`, in the same transaction. */
  begin(opening: Opening, mayBegin: (last: Opening | undefined) => void): Promise<void>
  /** Compare and set: undefined where it is in another state by now, or `change` has nothing to change in it. */
  move(id: string, from: OpeningState, to: OpeningState, change: ChangeOf): Promise<Opening | undefined>
  /** Throws `not_found`. */
  load(id: string): Promise<Opening>
  /** The newest drill that came to its end. */
  lastDrill(credentialId: string): Promise<Opening | undefined>
  /** The newest that was asked for, or was open. */
  last(credentialId: string): Promise<Opening | undefined>
  /** Those that Stint still has to do something about. */
  unsettled(): Promise<readonly Opening[]>
  list(filter: OpeningFilter): Promise<{ items: Opening[]; next?: string }>
}

/** What changes, in what there is now. */
export type ChangeOf = (found: Opening) => Change | undefined

type Tx = Parameters<Work<unknown>>[0]

/** The rows of a store. */
export function openRows(store: Store): GlassRows {
  const { db } = store
  return {
    seals: async () => (await db.selectFrom('seals').selectAll().execute()).map(({ record_json }) => parse<Seal>(record_json)),
    addSeal: (seal) =>
      store.write(async (tx, changed) => {
        const { credentialId: credential_id } = seal
        const known = await tx.selectFrom('seals').select('credential_id').where('credential_id', '=', credential_id).execute()
        if (known.length > 0) throw new StintError('conflict', `${credential_id} is sealed; a seal is never changed`)
        await tx
          .insertInto('seals')
          .values({ credential_id, record_json: JSON.stringify(seal) })
          .execute()
        changed('seal', credential_id)
      }),
    removeSeal: (credentialId) =>
      store.write(async (tx, changed) => {
        await tx.deleteFrom('seals').where('credential_id', '=', credentialId).execute()
        changed('seal', credentialId)
      }),
    begin: (opening, mayBegin) =>
      store.write(async (tx, changed) => {
        mayBegin(await lastIn(tx, opening.credentialId))
        const { id, state, credentialId, createdAt } = opening
        const row = { id, state, credential_id: credentialId, created_at: createdAt, record_json: JSON.stringify(opening) }
        await tx
          .insertInto('openings')
          .values({ ...row, unsettled: 1 })
          .execute()
        changed('opening', id)
      }),
    move: (id, from, to, change) =>
      store.write(async (tx, changed) => {
        const found = await loadIn(tx, id)
        const changes = found.state === from ? change(found) : undefined
        if (changes === undefined) return undefined
        const next: Opening = { ...found, ...changes, state: to }
        const set = { state: to, unsettled: isUnsettled(next) ? 1 : 0, record_json: JSON.stringify(next) }
        await tx.updateTable('openings').set(set).where('id', '=', id).execute()
        changed('opening', id)
        return next
      }),
    load: (id) => loadIn(db, id),
    lastDrill: (credentialId) => newestIn(db, credentialId, ['drilled']),
    last: (credentialId) => lastIn(db, credentialId),
    unsettled: async () => (await db.selectFrom('openings').selectAll().where('unsettled', '=', 1).execute()).map(openingOf),
    list: (filter) => listIn(db, filter),
  }
}

async function loadIn(db: Store['db'] | Tx, id: string): Promise<Opening> {
  const row = await db.selectFrom('openings').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw new StintError('not_found', `there is no opening ${id}`)
  return openingOf(row)
}

function lastIn(db: Store['db'] | Tx, credentialId: string): Promise<Opening | undefined> {
  return newestIn(db, credentialId, ['asked', 'opening', 'open', 'closed'])
}

async function newestIn(
  db: Store['db'] | Tx,
  credentialId: string,
  states: readonly OpeningState[],
): Promise<Opening | undefined> {
  const row = await db
    .selectFrom('openings')
    .selectAll()
    .where('credential_id', '=', credentialId)
    .where('state', 'in', states)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row && openingOf(row)
}

/** One page, newest first. Throws `invalid_argument` for a cursor that is not ours. */
async function listIn(db: Store['db'], { limit, cursor, credentialId }: OpeningFilter) {
  let query = db.selectFrom('openings').selectAll()
  if (credentialId !== undefined) query = query.where('credential_id', '=', credentialId)
  if (cursor !== undefined) {
    const { at, id } = readCursor(cursor)
    query = query.where((eb) => eb.or([eb('created_at', '<', at), eb.and([eb('created_at', '=', at), eb('id', '<', id)])]))
  }
  const rows = await query
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute()
  return pageOf(rows, limit, openingOf, ({ created_at: at, id }) => ({ at, id }))
}

/** Throws `store_unavailable` for a row that Stint did not write. */
function openingOf({ id, state, record_json }: { id: string; state: string; record_json: string }): Opening {
  const known = OPENING_STATES.find((one) => one === state)
  if (known === undefined) throw new StintError('store_unavailable', `a stored opening is in no known state: ${state}`)
  return { ...parse<Opening>(record_json), id, state: known }
}

function parse<T>(text: string): T {
  try {
    return JSON.parse(text)
  } catch (thrown) {
    throw new StintError('store_unavailable', 'a stored seal is damaged', { operatorDetail: String(thrown), cause: thrown })
  }
}
