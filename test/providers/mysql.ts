import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Injection } from '../../src/credentials/connector.ts'
import type { Target } from '../../src/model.ts'
import { Secret } from '../../src/secret.ts'
import { type MariaDb, startMariaDb } from '../services/mariadb.ts'
import { ioFor } from './own-io.ts'
import type { StartProvider } from './provider.ts'

const run = promisify(execFile)

/** One statement by the real mysql client, as the user that was minted. Rejects with what the server says when it is refused. */
export async function mysqlClient(
  { host, port }: Pick<MariaDb, 'host' | 'port'>,
  injections: readonly Injection[],
  sql: string,
): Promise<string> {
  const [login] = injections
  if (login?.kind !== 'login') throw new Error('MySQL takes a login')
  const place = [
    `--host=${host}`,
    `--port=${port}`,
    '--protocol=TCP',
    '--default-character-set=utf8mb4',
    `--user=${login.username}`,
  ]
  const { stdout } = await run('mysql', ['--no-defaults', ...place, '--batch', '--skip-column-names', '-e', sql], {
    env: { PATH: process.env.PATH, MYSQL_PWD: login.value.reveal() },
  })
  return stdout.trim()
}

export function mysqlTarget({ host, port, user }: MariaDb): Target {
  return {
    id: 'shop',
    connector: 'mysql',
    hosts: [{ scheme: 'mysql', host, port }],
    environment: 'development',
    sensitivity: 'internal',
    labels: [],
    privateNetworks: ['127.0.0.0/8'],
    credentialId: 'shop-operator',
    placement: { kind: 'none' },
    settings: { databases: ['shop'], access: 'write', username: user, tls: 'off' },
  }
}

export const start: StartProvider = async () => {
  const service = await startMariaDb()
  if (service.skip !== false) return { missing: service.skip }
  const { running } = service
  for (const sql of ['create database shop', 'create table shop.orders (id int)', 'insert into shop.orders values (7)'])
    await running.query(sql)
  const target = mysqlTarget(running)
  return {
    target,
    standing: new Secret(running.password),
    scope: { targets: ['shop'], actions: ['mysql:Session::read'] },
    action: { id: 'mysql:Session::read', access: 'read', resource: 'shop', parameters: { database: 'shop' } },
    io: ioFor(target),
    use: async (injections) => void (await mysqlClient(running, injections, 'select id from shop.orders')),
    exceed: async (injections) => void (await mysqlClient(running, injections, 'insert into shop.orders values (8)')),
    async leases() {
      const rows = await running.query("select user as name from mysql.user where user like 'lease%'")
      return rows.map(({ name }) => String(name))
    },
    close: () => running.stop(),
  }
}
