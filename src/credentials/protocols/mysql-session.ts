import type { Connection, ConnectionOptions, QueryError, RowDataPacket } from 'mysql2'
import { StintError } from '../../errors.ts'
import type { Io } from '../minting.ts'
import { LimitedWire } from './limited-wire.ts'
import type { Server } from './one-server.ts'

/** Who logs in; `secrets` are what else the server may repeat in its errors. */
export interface Login {
  readonly user: string
  readonly password: string
  readonly secrets?: readonly string[]
}

/** What the server itself refused: its error number, and its words for the operator, without the session's secrets. */
export class MysqlRefusal extends Error {
  readonly number: number
  readonly words: string

  constructor(number: number, words: string) {
    super(`the server answered with error ${number}`)
    this.name = 'MysqlRefusal'
    this.number = number
    this.words = words
  }
}

/** Sends one statement, each `?` a value as the driver quotes it, and answers its rows. Throws MysqlRefusal. */
export type Query = (sql: string, ...values: readonly string[]) => Promise<readonly (readonly unknown[])[]>

const TIMEOUT_MS = 10_000
/** What one session may answer in all. */
const MAX_BYTES = 8 * 1024 * 1024

/**
 * One short session: logs in, works, and closes. Throws what `connect` throws, MysqlRefusal, `upstream_failed` for a connection or an
 * answer that breaks, and `upstream_timeout` when all of it takes longer than 10 s.
 */
export async function withMysql<T>(io: Io, server: Server, login: Login, work: (query: Query) => Promise<T>): Promise<T> {
  const { createConnection } = await import('mysql2')
  const { host, port } = server
  const wire = new LimitedWire(await io.connect({ host, port, tls: false }), MAX_BYTES)
  const late = new StintError('upstream_timeout', `the server at ${host}:${port} did not answer in time`)
  const timer = setTimeout(() => wire.destroy(late), TIMEOUT_MS)
  const session = open(createConnection, { io, server, wire, login })
  try {
    await new Promise<void>((done, fail) => session.connect((thrown) => (thrown ? fail(thrown) : done())))
    return await work((sql, ...values) => ask(session, sql, values, login))
  } catch (thrown) {
    throw wire.errored instanceof StintError ? wire.errored : inWords(thrown, login)
  } finally {
    clearTimeout(timer)
    wire.destroy()
  }
}

/** TLS is Stint's own, since the driver would trust other roots. Local files are never read for a server. */
function open(
  createConnection: (options: ConnectionOptions) => Connection,
  { io, server, wire, login }: { io: Io; server: Server; wire: LimitedWire; login: Login },
): Connection {
  const [{ host, tls }, { user, password }] = [server, login]
  const options: ConnectionOptions = {
    ...{ stream: wire, user, password, charset: 'utf8mb4', rowsAsArray: true, flags: ['-LOCAL_FILES'] },
    ...{ connectTimeout: 0, disableEval: true, ...(tls && { ssl: {} }) },
  }
  const session = createConnection(options) as Connection & Upgradable
  session.on('error', () => {}) // whoever waits is told
  session.startTLS = (done) => {
    io.secure(wire.below, host).then(
      (secured) => {
        wire.use(secured)
        done()
      },
      (thrown: Error) => wire.destroy(thrown),
    )
  }
  return session
}

/** What the driver does between the server's greeting and the password when it is told to use TLS. */
interface Upgradable {
  startTLS(done: (thrown?: Error) => void): void
}

function ask(session: Connection, sql: string, values: readonly string[], login: Login): ReturnType<Query> {
  return new Promise((done, fail) =>
    session.query<RowDataPacket[][]>(sql, [...values], (thrown, rows) => {
      if (thrown) fail(inWords(thrown, login))
      else done(Array.isArray(rows) ? rows : [])
    }),
  )
}

/** An error with an SQL state came from the server; all others are of the connection. Their texts may hold the statement. */
function inWords(thrown: unknown, { password, secrets = [] }: Login): Error {
  if (thrown instanceof StintError || thrown instanceof MysqlRefusal) return thrown
  const { sqlState, errno, message, code }: Partial<QueryError> = thrown instanceof Error ? thrown : {}
  if (typeof sqlState !== 'string' || sqlState === '' || errno === undefined)
    return new StintError('upstream_failed', `the session with the server broke${code === undefined ? '' : ` (${code})`}`)
  const words = [password, ...secrets].reduce((text, secret) => text.replaceAll(secret, '[secret]'), message ?? '')
  return new MysqlRefusal(errno, `${errno}: ${words.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 300)}`)
}
