import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { accessSync, chownSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { makeTestCa } from '../gateway/dial-rig.ts'
import { freePort } from './free-port.ts'
import { NotInstalled, type Service, serviceOrSkip } from './service.ts'
import { type Account, type Supervised, supervise } from './supervise.ts'

/** A throwaway PostgreSQL: loopback and a Unix socket, SCRAM passwords, its own directory. */
export interface Postgres {
  /** As in `15.18`. */
  readonly version: string
  readonly host: string
  readonly port: number
  /** The directory of the Unix socket; passwords there too. */
  readonly socketDirectory: string
  /** The superuser. */
  readonly user: string
  readonly password: string
  /** PEM of the CA that signed the certificate for 127.0.0.1 and localhost, when started with `tls`. */
  readonly ca: string | undefined
  /** `postgres://…` of a database. */
  url(database?: string): string
  /** Makes an empty database and answers its URL. `options` are those of CREATE DATABASE. */
  createDatabase(options?: string): Promise<string>
  /** One statement as the superuser. */
  query(sql: string, parameters?: readonly unknown[], database?: string): Promise<readonly Record<string, unknown>[]>
  stop(): Promise<void>
}

export interface PostgresOptions {
  /** A certificate, and TLS for who asks for it. */
  readonly tls?: boolean
  /** Commits reach the disk: for tests that kill it. */
  readonly fsync?: boolean
  /** More settings, as `name=value`. */
  readonly settings?: readonly string[]
}

/** Starts one for a test file; it stops with the file's process. */
export function startPostgres(options: PostgresOptions = {}): Promise<Service<Postgres>> {
  return serviceOrSkip(() => start(options))
}

const USER = 'postgres'
const run = promisify(execFile)

/** It cannot pick a port itself, so one that was taken meanwhile means another try. */
async function start(options: PostgresOptions, triesLeft = 3): Promise<Postgres> {
  const bin = findPrograms()
  const account = accountToRunAs()
  const directory = mkdtempSync(join(tmpdir(), 'pg-'))
  const cluster = { bin, account, directory, data: join(directory, 'data'), password: randomBytes(18).toString('base64url') }
  try {
    if (account !== undefined) chownSync(directory, account.uid, account.gid)
    await makeCluster(cluster)
    const ca = options.tls ? await writeCertificate(cluster) : undefined
    return await boot(cluster, ca, options)
  } catch (thrown) {
    rmSync(directory, { recursive: true, force: true })
    if (!/Address already in use/.test(String(thrown)) || triesLeft === 1) throw thrown
    return start(options, triesLeft - 1)
  }
}

interface Cluster {
  readonly bin: string
  readonly account: Account | undefined
  readonly directory: string
  readonly data: string
  readonly password: string
}

/** STINT_TEST_POSTGRES names them, for another version. Debian keeps each version apart; elsewhere they are in the PATH. The newest wins. */
function findPrograms(): string {
  const named = process.env.STINT_TEST_POSTGRES
  if (named !== undefined) return join(named, 'bin')
  const versions = globSync('/usr/lib/postgresql/*/bin/initdb').map((path) => path.slice(0, -'/initdb'.length))
  const version = (path: string): number => Number(path.split('/')[4])
  const newest = versions.toSorted((a, b) => version(b) - version(a))[0]
  if (newest !== undefined) return newest
  for (const directory of (process.env.PATH ?? '').split(':')) {
    try {
      accessSync(join(directory, 'initdb'))
      return directory
    } catch {}
  }
  throw new NotInstalled('PostgreSQL is not installed (Debian: apt-get install postgresql)')
}

/** PostgreSQL refuses root: it then runs as its own user or as nobody. */
function accountToRunAs(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined
  const users = readFileSync('/etc/passwd', 'utf8').split('\n')
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = users.find((line) => line.startsWith(`${name}:`))?.split(':') ?? []
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new NotInstalled('PostgreSQL refuses root, and there is no user postgres or nobody to run it as')
}

async function makeCluster({ bin, account, directory, data, password }: Cluster): Promise<void> {
  const passwordFile = join(directory, 'password')
  give(passwordFile, `${password}\n`, account)
  const secured = ['--auth=scram-sha-256', `--username=${USER}`, `--pwfile=${passwordFile}`]
  const plain = ['--encoding=UTF8', '--locale=C', '--no-sync', `--pgdata=${data}`]
  await run(join(bin, 'initdb'), [...secured, ...plain], { cwd: '/', env: { PATH: process.env.PATH }, ...account })
}

async function writeCertificate({ data, account }: Cluster): Promise<string> {
  const ca = await makeTestCa()
  const { key, cert } = await ca.leafFor('localhost')
  give(join(data, 'server.key'), key, account)
  give(join(data, 'server.crt'), cert, account)
  return ca.certificatePem
}

/** A file that only the server's user can read, as PostgreSQL wants its key. */
function give(path: string, text: string, account: Account | undefined): void {
  writeFileSync(path, text, { mode: 0o600 })
  if (account !== undefined) chownSync(path, account.uid, account.gid)
}

const QUICK = ['fsync=off', 'full_page_writes=off', 'synchronous_commit=off']

async function boot(
  cluster: Cluster,
  ca: string | undefined,
  { fsync = false, settings = [] }: PostgresOptions,
): Promise<Postgres> {
  const { bin, directory, data, account } = cluster
  const port = await freePort()
  const places = [`port=${port}`, 'listen_addresses=127.0.0.1', `unix_socket_directories=${directory}`]
  const all = [...places, 'shared_buffers=16MB', ...(fsync ? [] : QUICK), ...(ca === undefined ? [] : ['ssl=on']), ...settings]
  const command = [join(bin, 'postgres'), '-D', data, ...all.flatMap((setting) => ['-c', setting])] as const
  const server = supervise([command[0], ...command.slice(1)], { directory, signal: 'QUIT', account })
  const postgres = reach(cluster, port, ca, server)
  for (;;) {
    try {
      const [row] = await postgres.query('show server_version')
      return { ...postgres, version: String(row?.server_version).split(' ', 1).join() }
    } catch (thrown) {
      if (server.hasEnded || !isStarting(thrown)) throw new Error(`PostgreSQL does not start: ${server.said}`, { cause: thrown })
      await sleep(20)
    }
  }
}

/** Nobody listens yet, or SQLSTATE 57P03: it is starting up. */
function isStarting(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && (thrown.code === 'ECONNREFUSED' || thrown.code === '57P03')
}

function reach({ directory, password }: Cluster, port: number, ca: string | undefined, server: Supervised): Postgres {
  const url = (database = USER): string => `postgres://${USER}:${password}@127.0.0.1:${port}/${database}`
  let databases = 0
  const postgres: Postgres = {
    ...{ version: '', host: '127.0.0.1', port, socketDirectory: directory, user: USER, password, ca, url, stop: server.stop },
    async createDatabase(options = '') {
      databases += 1
      await postgres.query(`create database test${databases} ${options}`)
      return url(`test${databases}`)
    },
    async query(sql, parameters = [], database = USER) {
      const client = new pg.Client({ connectionString: url(database) })
      client.on('error', () => undefined) // a server that stops breaks it off; the query says so as well
      try {
        await client.connect()
        return (await client.query(sql, [...parameters])).rows
      } finally {
        await client.end()
      }
    },
  }
  return postgres
}
