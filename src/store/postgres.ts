import { PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely'
import pg from 'pg'
import { StintError } from '../errors.ts'
import type { Place } from './postgres-url.ts'

const CONNECT_MS = 5000
/** A process that was cut off inside its write keeps the others from writing for so long. */
const IDLE_IN_WRITE_MS = 3000
const LOCK_MS = 6000
const STATEMENT_MS = 8000
/** Beyond what the server itself breaks off: then it is the connection that does not answer. */
const ANSWER_MS = 10_000

/** SQLSTATEs by class, or whole (PostgreSQL manual, appendix A), in words for people. */
const WHY: Readonly<Record<string, string>> = {
  '08': 'the database cannot be reached',
  '25006': 'it is read-only: a standby?',
  '25P03': 'a write took too long',
  '28': 'the database does not let this user in',
  '3D': 'there is no such database',
  '3F': 'there is no schema to be in (search_path)',
  '42501': 'this user may not do that in the database; make it the owner of its schema',
  '53100': 'the disk of the database is full',
  '53': 'the database has no room for another connection',
  '55P03': 'another process is writing',
  '57014': 'the database took too long',
  '57': 'the database is stopping or starting',
}
const TAKEN = '23505'

/** bigint (and count) as numbers: times and counters are far below 2^53. */
const TYPES: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) => (oid === pg.types.builtins.INT8 ? wholeNumber : pg.types.getTypeParser(oid, format)),
}

function wholeNumber(text: string): number {
  const number = Number(text)
  if (Number.isSafeInteger(number)) return number
  throw new StintError('store_unavailable', 'a stored number is too large', { operatorDetail: `int8 ${text}` })
}

/** What every connection of Stint is given. No time limit is left to the network. */
export function clientConfig(place: Place): pg.ClientConfig {
  return {
    ...place,
    types: TYPES,
    application_name: 'stint',
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: ANSWER_MS,
    statement_timeout: STATEMENT_MS,
    lock_timeout: LOCK_MS,
    idle_in_transaction_session_timeout: IDLE_IN_WRITE_MS,
  }
}

/**
 * PostgreSQL as the dialect of the store. Throws `store_unavailable`, from connecting and from every query; `conflict` where a key is
 * taken already.
 */
export function postgresDialect(place: Place): PostgresDialect {
  const pool = new pg.Pool(clientConfig(place))
  pool.on('error', () => undefined) // an idle connection that breaks is replaced; who needs one finds out
  pool.on('connect', (client) => client.on('error', () => undefined)) // the query that runs on it says so
  const spoken: PostgresPool = {
    connect: async () => speaking(await inWords(() => pool.connect())),
    end: () => pool.end(),
  }
  return new PostgresDialect({ pool: spoken })
}

/** A connection in our words. One that broke is not used again, and does not go back into the pool. */
function speaking(client: pg.PoolClient): PostgresPoolClient {
  let isBroken = false
  const query = (sql: string, parameters: readonly unknown[]) => {
    if (isBroken && sql === 'rollback') return NOTHING // Kysely’s own must not hide why
    return inWords(async () => {
      try {
        return await client.query(sql, [...parameters])
      } catch (thrown) {
        isBroken ||= !isAnswer(thrown)
        throw thrown
      }
    })
  }
  return { query: query as unknown as PostgresPoolClient['query'], release: () => client.release(isBroken) }
}

const NOTHING = Promise.resolve({ command: 'ROLLBACK', rowCount: 0, rows: [] })

/** The server refused the statement, and goes on: its severity is ERROR and not FATAL. */
function isAnswer(thrown: unknown): boolean {
  return thrown instanceof pg.DatabaseError && thrown.severity === 'ERROR'
}

/**
 * Runs it, with what PostgreSQL throws turned into a StintError. Its further fields stay behind (`detail` shows whole rows), and so does
 * the error itself: the log prints every field of a cause.
 */
export async function inWords<T>(query: () => Promise<T>): Promise<T> {
  try {
    return await query()
  } catch (thrown) {
    if (thrown instanceof StintError || !(thrown instanceof Error)) throw thrown
    const code = thrown instanceof pg.DatabaseError ? (thrown.code ?? '') : '08'
    const operatorDetail = `PostgreSQL ${code}: ${thrown.message || ('code' in thrown ? String(thrown.code) : thrown.name)}`
    if (code === TAKEN) throw new StintError('conflict', 'it exists already', { operatorDetail })
    throw new StintError('store_unavailable', WHY[code] ?? WHY[code.slice(0, 2)] ?? 'the database refused', { operatorDetail })
  }
}
