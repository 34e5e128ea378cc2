import type { Duplex } from 'node:stream'
import { StintError } from '../../errors.ts'
import type { Secret } from '../../secret.ts'
import type { Io } from '../minting.ts'
import type { Server } from './one-server.ts'
import { checkAnswers } from './postgres-answers.ts'

/** Who logs in, and where. */
export interface Login {
  readonly username: string
  readonly password: Secret
  readonly database: string
}

/** What the catalogue answers. Attacker-controlled. */
export type Row = Readonly<Record<string, unknown>>

/** One connection, logged in. */
export interface Session {
  readonly isOpen: boolean
  /** The rows of a statement, or of none where there are several: then all of them happen or none. Throws `PostgresError`. */
  ask(sql: string, values?: readonly string[]): Promise<readonly Row[]>
  end(): void
}

/** What PostgreSQL refused, by its SQLSTATE (PostgreSQL, appendix A); its words are the operator's alone. */
export class PostgresError extends StintError {
  readonly sqlState: string

  constructor(sqlState: string, words: string) {
    const isLate = sqlState === '57014'
    super(isLate ? 'upstream_timeout' : 'upstream_failed', `PostgreSQL answered with the error ${sqlState}`, {
      operatorDetail: words,
    })
    this.sqlState = sqlState
  }
}

const TIMEOUT_MS = 10_000
/** "SSLRequest": its length, then 80877103. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])

/**
 * Connects and logs in, over TLS unless the server is spoken to in the clear. Throws `PostgresError` where PostgreSQL refuses,
 * `upstream_timeout` after 10 s, and what `io` throws.
 */
export async function openSession(io: Io, server: Server, { username: user, password, database }: Login): Promise<Session> {
  const { default: pg } = await import('pg')
  const connection = await io.connect({ ...server, tls: false })
  connection.on('error', () => {}) // whoever waits for the connection is told
  const secured = server.tls ? await io.secure(await within(connection, askForTls(connection)), server.host) : connection
  const { stream, reset } = checkAnswers(secured, !server.tls)
  const client = new pg.Client({
    stream: () => stream,
    ...{ host: server.host, port: server.port, user, password: password.reveal(), database, ssl: false },
    application_name: 'stint',
    statement_timeout: TIMEOUT_MS,
    client_encoding: 'UTF8',
    options: '-c search_path=pg_catalog',
  })
  client.on('error', () => secured.destroy()) // and who asks is told by then
  try {
    await within(secured, client.connect())
  } catch (thrown) {
    secured.destroy()
    throw thrown
  }
  return {
    get isOpen() {
      return !secured.destroyed
    },
    async ask(sql, values) {
      reset()
      const answer = await within(secured, client.query(sql, values && [...values]))
      return Array.isArray(answer) ? [] : answer.rows
    },
    end: () => void client.end().catch(() => secured.destroy()),
  }
}

/** An answer with more than its one byte is refused: what follows would be taken for words of the verified server. */
async function askForTls(connection: Duplex): Promise<Duplex> {
  const answered = new Promise<Buffer>((answer, fail) => {
    const onClose = () => fail(new StintError('upstream_failed', 'PostgreSQL closed the connection'))
    connection.once('data', answer).once('data', () => connection.pause())
    connection.once('error', fail).once('close', onClose)
  })
  connection.write(SSL_REQUEST)
  if ((await answered).toString('latin1') === 'S') return connection
  throw new StintError('upstream_failed', 'PostgreSQL does not speak TLS here')
}

/** The work of a connection, which is over when that breaks. A refusal by SQLSTATE leaves it as it was; any other failure ends it. */
async function within<T>(connection: Duplex, work: Promise<T>): Promise<T> {
  const giveUp = () => connection.destroy(new StintError('upstream_timeout', 'PostgreSQL did not answer in time'))
  const timer = setTimeout(giveUp, TIMEOUT_MS)
  try {
    return await work
  } catch (thrown) {
    const failure = failureOf(thrown)
    if (!(failure instanceof PostgresError)) connection.destroy()
    throw failure
  } finally {
    clearTimeout(timer)
  }
}

/** Whatever `pg` throws. Its errors hold what the server said; the rest is the connection's. */
function failureOf(thrown: unknown): StintError {
  if (thrown instanceof StintError) return thrown
  const { code, message, severity } = thrown as { code?: unknown; message?: unknown; severity?: unknown }
  const words = String(message)
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .slice(0, 300)
  const isSaid = typeof severity === 'string' && typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)
  if (isSaid) return new PostgresError(code, `PostgreSQL: ${words}`)
  return new StintError('upstream_failed', 'the connection to PostgreSQL broke', { operatorDetail: words })
}
