import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import { StintError } from '../errors.ts'
import { pageOf, readCursor } from '../store/cursor.ts'
import type { Changed, Store } from '../store/store.ts'
import type { Tables } from '../store/tables.ts'
import type { LeaseState } from './lease.ts'
import { type LeaseRecord, moveTo } from './lease-record.ts'
import { createSharing } from './lease-sharing.ts'

/** A record with its sealed material, while there is any. */
export interface Entry {
  readonly record: LeaseRecord
  readonly sealed: string | undefined
}

/** Which leases to list. */
export interface LeaseFilter {
  readonly limit: number
  readonly cursor?: string
  readonly state?: LeaseState
  readonly taskId?: string
  readonly targetId?: string
  readonly owner?: string
}

/** Every lease, durable; those that this gateway keeps and that are not dead in memory too. */
export interface Ledger {
  /** The record with what it has in common with others kept once. */
  share(record: LeaseRecord): LeaseRecord
  /** The entry, if it is kept here and not dead. */
  get(id: string): Entry | undefined
  ofTask(taskId: string): readonly Entry[]
  all(): IterableIterator<Entry>
  /** Not dead ones. */
  readonly size: number
  /** In memory at once, durable when it resolves; many that wait are written together. Throws `store_unavailable`; the entry then counts as written in memory. */
  save(entry: Entry): Promise<void>
  /** How many are not dead, whoever keeps them, and need this standing credential. Throws `store_unavailable`. */
  countDependingOn(credentialId: string): Promise<number>
  /** Takes over what a gateway kept that is not there any more; answers the entries. */
  adopt(isHere: (keeper: string) => boolean): Promise<readonly Entry[]>
  /** Dead ones and other gateways’ too; undefined when there never was one. Throws `store_unavailable`. */
  find(id: string): Promise<LeaseRecord | undefined>
  /** `find`, or throws `not_found`. */
  load(id: string): Promise<LeaseRecord>
  /** Newest first, dead ones too. */
  list(filter: LeaseFilter): Promise<{ readonly items: readonly LeaseRecord[]; readonly next?: string }>
}

/** Rows of one statement; SQLite and PostgreSQL both bound how many values it takes. */
const CHUNK = 500

/** Reads the leases that `self` keeps and that are not dead. */
export async function openLedger(store: Store, self: string): Promise<Ledger> {
  const entries = new Map<string, Entry>()
  const byTask = new Map<string, Set<string>>()
  const share = createSharing()
  const write = createBatches((batch: readonly Entry[]) => writeAll(store, batch))
  for (const entry of await living(store.db)) if (entry.record.keeper === self) keep({ ...entry, record: share(entry.record) })
  return {
    share,
    get: (id) => entries.get(id),
    ofTask: (taskId) => [...(byTask.get(taskId) ?? [])].flatMap((id) => entries.get(id) ?? []),
    all: () => entries.values(),
    get size() {
      return entries.size
    },
    save(entry) {
      const isNew = entries.get(entry.record.id) !== entry
      if (isNew) keep(entry)
      return write(entry, isNew)
    },
    countDependingOn: async (credentialId) =>
      (await living(store.db)).filter(({ record }) => record.target.credentialId === credentialId).length,
    async adopt(isHere) {
      const isOrphan = ({ record: { id, keeper } }: Entry): boolean => keeper !== self && !entries.has(id) && !isHere(keeper)
      if (!(await living(store.db)).some(isOrphan)) return []
      const adopted = await store.write(async (tx, changed) => {
        const orphans = (await living(tx))
          .filter(isOrphan)
          .map((entry) => ({ ...entry, record: share({ ...entry.record, keeper: self }) }))
        await insert(tx, orphans, changed)
        return orphans
      })
      for (const entry of adopted) keep(entry)
      return adopted
    },
    find,
    async load(id) {
      const found = await find(id)
      if (found === undefined) throw new StintError('not_found', `there is no lease ${id}`)
      return found
    },
    list: (filter) => list(store.db, filter),
  }

  async function find(id: string): Promise<LeaseRecord | undefined> {
    const held = entries.get(id)
    if (held !== undefined) return held.record
    const row = await store.db.selectFrom('leases').select('record_json').where('id', '=', id).executeTakeFirst()
    return row && parse(row.record_json)
  }

  function keep(entry: Entry): void {
    const { id, taskId, state } = entry.record
    const ofTask = byTask.get(taskId)
    if (state !== 'dead') {
      entries.set(id, entry)
      if (ofTask === undefined) byTask.set(taskId, new Set([id]))
      else ofTask.add(id)
      return
    }
    entries.delete(id)
    ofTask?.delete(id)
    if (ofTask?.size === 0) byTask.delete(taskId)
  }
}

/** A write that nobody's request waits for comes no sooner than so many times what the one before took, at most so many milliseconds. */
const [REST, MAX_REST_MS] = [8, 10]

/**
 * Writes what comes within a turn of the event loop, or while a write is under way or rested from, in one transaction, the newest of
 * each: SQLite keeps everybody waiting while the disk does. What was written and is not new is not written again.
 */
function createBatches(writeAll: (batch: readonly Entry[]) => Promise<void>) {
  const writes = new WeakMap<Entry, Promise<void>>()
  let waiting = new Map<string, Entry>()
  let next: Promise<void> | undefined
  let last: Promise<unknown> = Promise.resolve()
  let rest = createRest(0)
  return (entry: Entry, isNew: boolean): Promise<void> => {
    const before = isNew ? undefined : writes.get(entry)
    if (before !== undefined) return before
    waiting.set(entry.record.id, entry)
    next ??= last
      .then(() => rest.over)
      .then(() => nextTurn())
      .then(write)
    if (isWaitedFor(entry)) rest.end()
    writes.set(entry, next)
    next.catch(() => writes.delete(entry))
    return next
  }

  function write(): Promise<void> {
    const batch = [...waiting.values()]
    waiting = new Map()
    next = undefined
    const startedAt = performance.now()
    const written = writeAll(batch).finally(() => {
      rest = createRest(Math.min(REST * (performance.now() - startedAt), MAX_REST_MS))
      if ([...waiting.values()].some(isWaitedFor)) rest.end()
    })
    last = written.catch(() => undefined)
    return written
  }
}

/** By a request; the rest is on its way to its death. */
function isWaitedFor({ record: { state } }: Entry): boolean {
  return state === 'minting' || state === 'active'
}

/** Over after so many milliseconds, or at `end`. */
function createRest(ms: number): { readonly over: Promise<unknown>; end(): void } {
  const ended = new AbortController()
  const over = sleep(ms, undefined, { signal: ended.signal }).catch(() => undefined)
  return { over, end: () => ended.abort() }
}

async function living(db: Kysely<Tables>): Promise<readonly Entry[]> {
  const rows = await db.selectFrom('leases').select(['record_json', 'sealed']).where('state', '!=', 'dead').execute()
  return rows.map(({ record_json, sealed }) => ({ record: parse(record_json), sealed: sealed ?? undefined }))
}

async function writeAll(store: Store, batch: readonly Entry[]): Promise<void> {
  await store.write((tx, changed) => insert(tx, batch, changed))
}

async function insert(tx: Kysely<Tables>, batch: readonly Entry[], changed: Changed): Promise<void> {
  for (let at = 0; at < batch.length; at += CHUNK) {
    const chunk = batch.slice(at, at + CHUNK)
    await tx
      .insertInto('leases')
      .values(chunk.map(toRow))
      .onConflict((on) =>
        on.column('id').doUpdateSet((of) => ({
          state: of.ref('excluded.state'),
          record_json: of.ref('excluded.record_json'),
          sealed: of.ref('excluded.sealed'),
        })),
      )
      .execute()
    for (const { record } of chunk) changed('lease', record.id)
  }
}

function toRow({ record, sealed }: Entry) {
  const { id, taskId, target, owner, state, requestedAt } = record
  return {
    ...{ id, task_id: taskId, target_id: target.id, owner, state, requested_at: requestedAt },
    ...{ record_json: JSON.stringify(record), sealed: sealed ?? null },
  }
}

async function list(db: Kysely<Tables>, filter: LeaseFilter): ReturnType<Ledger['list']> {
  const { limit, cursor, state, taskId, targetId, owner } = filter
  let query = db.selectFrom('leases').select(['id', 'requested_at', 'record_json'])
  if (state !== undefined) query = query.where('state', '=', state)
  if (taskId !== undefined) query = query.where('task_id', '=', taskId)
  if (targetId !== undefined) query = query.where('target_id', '=', targetId)
  if (owner !== undefined) query = query.where('owner', '=', owner)
  if (cursor !== undefined) {
    const { at, id } = readCursor(cursor)
    query = query.where((eb) => eb.or([eb('requested_at', '<', at), eb.and([eb('requested_at', '=', at), eb('id', '<', id)])]))
  }
  const rows = await query
    .orderBy('requested_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute()
  return pageOf(
    rows,
    limit,
    ({ record_json }) => parse(record_json),
    ({ requested_at: at, id }) => ({ at, id }),
  )
}

function parse(json: string): LeaseRecord {
  try {
    return JSON.parse(json)
  } catch (thrown) {
    throw new StintError('store_unavailable', 'a stored lease is damaged', { operatorDetail: String(thrown), cause: thrown })
  }
}

/** The entry one step on, its material kept. */
export function advance(entry: Entry, ...step: Parameters<typeof moveTo> extends [unknown, ...infer Rest] ? Rest : never): Entry {
  return { ...entry, record: moveTo(entry.record, ...step) }
}
