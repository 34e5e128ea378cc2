import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { StintError } from '../errors.ts'
import type { Line } from './listen.ts'
import { MOVED, refuseMoved } from './moved.ts'
import type { SharedStore } from './postgres-store.ts'

/** Who joins. */
export interface Joining {
  readonly id: string
  /** One for each start. */
  readonly session: string
  readonly boundMs: number
  /** What must be equal in every process that shares the state, by name: a digest or an id, never a key. */
  readonly keys: Readonly<Record<string, string>>
}

/** A gateway on the roll. `silentMs` by the database’s clock, since it was last there. */
export interface Enrolled {
  readonly id: string
  readonly session: string
  readonly keys: Readonly<Record<string, string>>
  readonly boundMs: number
  readonly followed: number
  readonly silentMs: number
}

/** Whoever was silent for so long is struck off; should it come back, it enrols again before it serves. */
const FORGOTTEN_MS = 600_000
const LOOK_MS = 100

const NOW = `(extract(epoch from clock_timestamp()) * 1000)::bigint`

/** Everyone on the roll, the long silent aside. Throws `store_unavailable`. */
export async function readRoll({ db }: Pick<SharedStore, 'db'>): Promise<readonly Enrolled[]> {
  const rows = await db
    .selectFrom('gateways')
    .select(['id', 'session', 'keys_json', 'bound_ms', 'followed', sql<number>`${sql.raw(NOW)} - seen_at`.as('silent_ms')])
    .where(sql<boolean>`${sql.raw(NOW)} - seen_at < ${FORGOTTEN_MS}`)
    .orderBy('id')
    .execute()
  return rows.map(({ id, session, keys_json, bound_ms, followed, silent_ms }) => {
    return { id, session, keys: JSON.parse(keys_json), boundMs: bound_ms, followed, silentMs: silent_ms }
  })
}

/** Whether it may still be serving: past its bound it refuses everything. */
export function isThere({ silentMs, boundMs }: Pick<Enrolled, 'silentMs' | 'boundMs'>): boolean {
  return silentMs <= boundMs
}

/**
 * Puts this process on the roll. One that crashed is waited for until its bound has passed; one that goes on is another process with the
 * same id. Throws `already_running`, `state_unsafe` where keys differ, `conflict` where the state was moved away, `store_unavailable`.
 */
export async function enrol(store: SharedStore, joining: Joining): Promise<void> {
  let before: Enrolled | undefined
  for (;;) {
    const namesake = await store.write(async (tx) => {
      await refuseMoved(tx)
      const there = (await readRoll({ db: tx })).filter(isThere)
      const same = there.find(({ id }) => id === joining.id)
      if (same !== undefined) return same
      for (const other of there) refuseDifferent(joining, other)
      await tx.deleteFrom('gateways').where('id', '=', joining.id).execute()
      const { id, session, keys, boundMs } = joining
      const row = { id, session, keys_json: JSON.stringify(keys), bound_ms: boundMs, followed: 0 }
      await tx
        .insertInto('gateways')
        .values({ ...row, seen_at: sql<number>`${sql.raw(NOW)}` })
        .execute()
      return undefined
    })
    if (namesake === undefined) return
    if (before !== undefined && namesake.silentMs < before.silentMs)
      throw new StintError('already_running', `another Stint is ${joining.id} on this database`)
    before = namesake
    await sleep(LOOK_MS)
  }
}

function refuseDifferent(own: Joining, other: Enrolled): void {
  const names = Object.keys(own.keys).filter((name) => own.keys[name] !== other.keys[name])
  if (names.length === 0) return
  const what = `${names.join(', ')} differ${names.length === 1 ? 's' : ''} from what gateway ${other.id} has`
  throw new StintError('state_unsafe', `${what}; processes that share a database share these: copy them from its data directory`)
}

/** Says nothing where the state was moved away: whoever slept meanwhile hears nothing of itself, and is cut off. */
const BEAT = `with own as (
    insert into gateways (id, session, keys_json, bound_ms, followed, seen_at)
    select $1, $2, $3, $4::bigint, $5::bigint, ${NOW} where not exists (select from meta where key = '${MOVED}')
    on conflict (id) do update set followed = excluded.followed, seen_at = excluded.seen_at where gateways.session = excluded.session
    returning id)
  select pg_notify($6, $7) from own`

/** Says that this process is there and how far it has followed, on the roll and aloud, in one. Throws `already_running`, `store_unavailable`. */
export async function beat(line: Line, channel: string, joining: Joining, followed: number, message: string): Promise<void> {
  const { id, session, keys, boundMs } = joining
  const said = await line.query(BEAT, [id, session, JSON.stringify(keys), boundMs, followed, channel, message])
  if (said.length === 0)
    throw new StintError('already_running', `another Stint is ${id} on this database, or the state was moved away from it`)
}

/** Takes this process off the roll. Throws `store_unavailable`. */
export async function strike({ db, channel }: SharedStore, { session }: Joining, message: string): Promise<void> {
  await db.deleteFrom('gateways').where('session', '=', session).execute()
  await sql`select pg_notify(${channel}, ${message})`.execute(db)
}
