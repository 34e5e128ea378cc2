import { randomBytes } from 'node:crypto'
import pg from 'pg'
import type { Injection } from '../../src/credentials/connector.ts'
import type { Target } from '../../src/model.ts'
import { Secret } from '../../src/secret.ts'
import { type Postgres, startPostgres } from '../services/postgres.ts'
import { ioFor } from './own-io.ts'
import type { StartProvider } from './provider.ts'

/** Who may make roles on it, and nothing that it does not need. */
export const OPERATOR = { username: 'stint', password: randomBytes(18).toString('base64url') }

/** A database `shop` with a schema and a table to read, one to write, and one that nobody grants; `stint` owns the first two. */
export async function fillShop({ query }: Postgres): Promise<void> {
  await query(`create role stint login createrole password '${OPERATOR.password}'`)
  await query('create database shop owner stint')
  await query(
    `create schema app authorization stint; create schema hidden;
     create table app.orders (id serial primary key, item text);
     create table app.notes (line text);
     create table hidden.keys (key text);
     alter table app.orders owner to stint; alter table app.notes owner to stint;
     insert into app.orders (item) values ('tea')`,
    [],
    'shop',
  )
}

export function shopTarget({ port, ca }: Pick<Postgres, 'port' | 'ca'>): Target {
  return {
    id: 'shop',
    connector: 'postgres',
    hosts: [{ scheme: 'postgres', host: 'localhost', port }],
    environment: 'development',
    sensitivity: 'internal',
    labels: [],
    privateNetworks: ['127.0.0.0/8'],
    ...(ca !== undefined && { trustedCa: ca }),
    credentialId: 'shop-roles',
    placement: { kind: 'none' },
    settings: {
      database: 'shop',
      username: OPERATOR.username,
      grants: ['read table app.notes', 'write table app.orders', 'write sequence app.orders_id_seq'],
      ...(ca === undefined && { tls: 'off' }),
    },
  }
}

/** One statement as the role that was minted, by an ordinary client. Rejects with what PostgreSQL says. */
export async function queryAs(
  { port }: Postgres,
  injections: readonly Injection[],
  sql: string,
  database = 'shop',
): Promise<readonly Record<string, unknown>[]> {
  const [login] = injections
  if (login?.kind !== 'login') throw new Error('PostgreSQL takes a login')
  const { username: user, value } = login
  const client = new pg.Client({ host: '127.0.0.1', port, user, password: value.reveal(), database })
  client.on('error', () => undefined) // the query says so as well
  try {
    await client.connect()
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

export const start: StartProvider = async () => {
  const service = await startPostgres({ tls: true })
  if (service.skip !== false) return { missing: service.skip }
  const { running } = service
  await fillShop(running)
  const target = shopTarget(running)
  return {
    target,
    standing: new Secret(OPERATOR.password),
    scope: { targets: ['shop'], actions: ['postgres:Session::read'] },
    action: { id: 'postgres:Session::read', access: 'read', resource: 'shop', parameters: {} },
    io: ioFor(target),
    use: async (injections) => void (await queryAs(running, injections, 'select * from app.orders, app.notes')),
    async exceed(injections) {
      const tried = [
        "insert into app.orders (item) values ('x')",
        'select * from hidden.keys',
        'create role other',
        'create table app.t ()',
      ]
      const results = await Promise.allSettled(tried.map((sql) => queryAs(running, injections, sql)))
      const [refused] = results.filter((result) => result.status === 'rejected')
      if (refused !== undefined && results.every(({ status }) => status === 'rejected')) throw refused.reason
    },
    async leases() {
      const rows = await running.query("select rolname from pg_roles where rolname like 'lease\\_%'")
      return rows.map(({ rolname }) => String(rolname))
    },
    close: () => running.stop(),
  }
}
