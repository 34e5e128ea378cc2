import type { Io } from '../minting.ts'
import type { Server } from './one-server.ts'
import { type Login, openSession, PostgresError, type Session } from './postgres-session.ts'

/** A session that is kept open for a moment, for whoever comes next. */
export interface KeptSession extends Session {
  /** How far the server's clock is ahead of ours, in milliseconds. */
  readonly clockAheadMs: number
}

/** What a session is for. Changes wait for one another, since grants on the same objects do not go together; questions do not wait for them. */
export type Lane = 'change' | 'ask'

/** One login to one server: its users take turns. */
interface Kept {
  readonly login: Login
  session: KeptSession | undefined
  turn: Promise<unknown>
  users: number
  idle: NodeJS.Timeout | undefined
}

const IDLE_MS = 5000
const MAX_TRIES = 6
const MAX_CLOCK_AHEAD_MS = 366 * 24 * 3_600_000
/** Two changes of one object at a time: `tuple concurrently updated` comes as an internal error; 40 is for transactions that may be tried again. */
const MAY_BE_TRIED_AGAIN = /^(?:XX000|40...)$/
const kept = new WeakMap<Io, Map<string, Kept>>()

/**
 * Does `work` in a session that was kept open for this login, or in a new one; one at a time in each lane. Tries again where another
 * change came between. Throws what `openSession` and `work` throw.
 */
export async function inKeptSession<T>(
  io: Io,
  server: Server,
  login: Login,
  lane: Lane,
  work: (session: KeptSession) => Promise<T>,
): Promise<T> {
  const entry = entryOf(io, login, lane)
  clearTimeout(entry.idle)
  entry.users += 1
  const turn = entry.turn.then(() => doIn(entry, () => openTimed(io, server, login), work))
  entry.turn = turn.catch(() => undefined) // told to whoever waits for this turn
  try {
    return await turn
  } finally {
    entry.users -= 1
    if (entry.users === 0) entry.idle = setTimeout(() => forget(entry), IDLE_MS).unref()
  }
}

async function doIn<T>(entry: Kept, open: () => Promise<KeptSession>, work: (session: KeptSession) => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    if (entry.session?.isOpen !== true) entry.session = await open()
    try {
      return await work(entry.session)
    } catch (thrown) {
      const mayTry = thrown instanceof PostgresError && MAY_BE_TRIED_AGAIN.test(thrown.sqlState)
      if (!mayTry || tried === MAX_TRIES) throw thrown
    }
  }
}

/** A changed password means another session. */
function entryOf(io: Io, login: Login, lane: Lane): Kept {
  const entries = kept.get(io) ?? new Map<string, Kept>()
  kept.set(io, entries)
  const key = JSON.stringify([lane, login.username, login.database])
  const found = entries.get(key)
  if (found?.login.password.reveal() === login.password.reveal()) return found
  if (found !== undefined) void found.turn.then(() => forget(found))
  const entry: Kept = { login, session: undefined, turn: Promise.resolve(), users: 0, idle: undefined }
  entries.set(key, entry)
  return entry
}

function forget(entry: Kept): void {
  entry.session?.end()
  entry.session = undefined
}

async function openTimed(io: Io, server: Server, login: Login): Promise<KeptSession> {
  const session = await openSession(io, server, login)
  const [row] = await session.ask('SELECT (extract(epoch from clock_timestamp()) * 1000)::float8 AS now')
  const ahead = Number(row?.now) - io.now()
  const clockAheadMs = Number.isNaN(ahead) ? 0 : Math.min(Math.max(ahead, -MAX_CLOCK_AHEAD_MS), MAX_CLOCK_AHEAD_MS)
  return Object.defineProperty(session, 'clockAheadMs', { value: clockAheadMs }) as KeptSession
}
