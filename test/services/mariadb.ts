import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import mysql from 'mysql2/promise'
import { makeTestCa } from '../gateway/dial-rig.ts'
import { findProgram } from './find-program.ts'
import { freePort } from './free-port.ts'
import { type Service, serviceOrSkip } from './service.ts'
import { supervise } from './supervise.ts'
import { untilOpen } from './until-open.ts'

/** A throwaway MariaDB on loopback, with TLS for who asks for it, in its own directory. */
export interface MariaDb {
  readonly host: string
  readonly port: number
  /** PEM of the CA that signed its certificate, for `localhost`. */
  readonly ca: string
  /** May do everything, from everywhere. */
  readonly user: string
  readonly password: string
  /** One statement as that user; rows as objects. */
  query(sql: string): Promise<readonly Record<string, unknown>[]>
  stop(): Promise<void>
}

/** Starts one for a test file; it stops with the file's process. */
export function startMariaDb(): Promise<Service<MariaDb>> {
  return serviceOrSkip(() => start())
}

const USER = 'operator'
const HINT = 'MariaDB is not installed (Debian: apt-get install mariadb-server)'
const run = promisify(execFile)

/** It cannot pick a port itself, so one that was taken meanwhile means another try. */
async function start(triesLeft = 3): Promise<MariaDb> {
  const [program, installer] = [findProgram('mariadbd', HINT), findProgram('mariadb-install-db', HINT)]
  const directory = mkdtempSync(join(tmpdir(), 'mariadb-'))
  chmodSync(directory, 0o700)
  const data = join(directory, 'data')
  const password = randomBytes(18).toString('base64url')
  const account = process.getuid?.() === 0 ? ['--user=root'] : []
  const seeded = ['--auth-root-authentication-method=normal', '--skip-test-db', '--skip-name-resolve']
  await run(installer, ['--no-defaults', `--datadir=${data}`, ...account, ...seeded], { cwd: '/' })
  const { certificatePem: ca, leafFor } = await makeTestCa()
  const { key, cert } = await leafFor('localhost')
  const init = [
    "delete from mysql.global_priv where user = '' or user = 'root'",
    'flush privileges',
    `create user '${USER}'@'%' identified by '${password}'`,
    `grant all privileges on *.* to '${USER}'@'%' with grant option`,
  ]
  for (const [name, text] of Object.entries({ key, cert, init: `${init.join(';\n')};\n` }))
    writeFileSync(join(directory, name), text, { mode: 0o600 })
  const port = await freePort()
  const server = supervise(
    [
      ...([program, '--no-defaults', `--datadir=${data}`, ...account] as [string, ...string[]]),
      ...[`--port=${port}`, '--bind-address=127.0.0.1', `--socket=${join(directory, 'socket')}`, '--skip-name-resolve'],
      ...[
        `--init-file=${join(directory, 'init')}`,
        `--ssl-key=${join(directory, 'key')}`,
        `--ssl-cert=${join(directory, 'cert')}`,
      ],
      ...['--innodb-buffer-pool-size=16M', '--innodb-log-file-size=8M', '--innodb-flush-log-at-trx-commit=0'],
    ],
    { directory, signal: 'TERM' },
  )
  try {
    await untilOpen(port, server)
  } catch (thrown) {
    rmSync(directory, { recursive: true, force: true })
    if (!/Address already in use/.test(String(thrown)) || triesLeft === 1) throw thrown
    return start(triesLeft - 1)
  }
  const place = { host: '127.0.0.1', port, user: USER, password }
  return {
    ...{ ...place, ca, stop: server.stop },
    async query(sql) {
      const connection = await mysql.createConnection(place)
      try {
        const [rows] = await connection.query(sql)
        return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : []
      } finally {
        await connection.end()
      }
    },
  }
}
