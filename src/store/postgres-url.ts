import { readFileSync } from 'node:fs'
import type { ClientConfig } from 'pg'
import { StintError } from '../errors.ts'
import type { Secret } from '../secret.ts'

type Ssl = Exclude<ClientConfig['ssl'], boolean | undefined> | false

/** Where a PostgreSQL is and how it is reached, as `pg` takes it. */
export type Place = Required<Pick<ClientConfig, 'host' | 'port' | 'user' | 'database'>> & {
  readonly password: string
  readonly ssl: Ssl
}

const MODES = ['disable', 'require', 'verify-ca', 'verify-full'] as const
const PARAMETERS = ['host', 'port', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey']

/**
 * Reads a connection URI (PostgreSQL manual, section 34.1.1.2): one host, or the directory of a socket as `%2Frun%2F…`,
 * and the TLS parameters of libpq.
 * Without `sslmode` it is `verify-full`, or `disable` on loopback and sockets; `prefer` and `allow` are not taken, since anyone in between
 * could turn them off. Throws `invalid_config`, never with any of the text: it holds a password.
 */
export function readPostgresUrl(secret: Secret): Place {
  const url = parse(secret.reveal())
  for (const key of url.searchParams.keys())
    if (!PARAMETERS.includes(key)) throw invalid(`knows the parameters ${PARAMETERS.join(', ')}, and no other`)
  const host = url.searchParams.get('host') ?? (decode(url.hostname.replace(/^\[(.*)\]$/, '$1')) || '127.0.0.1')
  const user = decode(url.username)
  const database = decode(url.pathname.slice(1)) || user
  if (user === '') throw invalid('names no user')
  const port = Number(url.searchParams.get('port') ?? (url.port || 5432))
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw invalid('names a port that is none')
  return { host, port, user, database, password: decode(url.password), ssl: readTls(url.searchParams, host) }
}

function parse(text: string): URL {
  const url = URL.parse(text)
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol))
    throw invalid('takes postgres://USER:PASSWORD@HOST:PORT/DATABASE, with %xx for what is special in a URL')
  return url
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid('has a % that two hexadecimal digits do not follow')
  }
}

/** libpq’s meaning of each mode (PostgreSQL manual, section 34.19.1). */
function readTls(given: URLSearchParams, host: string): Ssl {
  const mode = given.get('sslmode') ?? (isHere(host) ? 'disable' : 'verify-full')
  const known = MODES.find((one) => one === mode)
  if (known === undefined) throw invalid(`takes sslmode ${MODES.join(', ')}`)
  if (known === 'disable') return false
  const root = given.get('sslrootcert')
  const ca = root === null || root === 'system' ? undefined : readFile(root, 'sslrootcert')
  const [cert, key] = (['sslcert', 'sslkey'] as const).map((name) => readOptional(given.get(name), name))
  const isVerified = known !== 'require' || ca !== undefined
  return {
    host, // what the certificate must name, also where it is an address
    rejectUnauthorized: isVerified,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(isVerified && known !== 'verify-full' && { checkServerIdentity: () => undefined }),
  }
}

function isHere(host: string): boolean {
  return host.startsWith('/') || ['localhost', '127.0.0.1', '::1'].includes(host)
}

function readOptional(path: string | null, name: string): string | undefined {
  return path === null ? undefined : readFile(path, name)
}

function readFile(path: string, name: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'error'
    throw invalid(`names a file for ${name} that cannot be read (${code})`)
  }
}

function invalid(what: string): StintError {
  return new StintError('invalid_config', `the database URL (STINT_DATABASE_URL) ${what}`)
}
