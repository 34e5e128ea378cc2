import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import pg from 'pg'
import { postgres } from '../../../src/credentials/connectors/postgres.ts'
import type { Io, Issued, MintOrder } from '../../../src/credentials/minting.ts'
import { StintError } from '../../../src/errors.ts'
import type { Target } from '../../../src/model.ts'
import { Secret } from '../../../src/secret.ts'
import { checkTarget } from '../../../src/targets/check-target.ts'
import { ioFor } from '../../providers/own-io.ts'
import { fillShop, OPERATOR, queryAs, shopTarget } from '../../providers/postgres.ts'
import { startPostgres } from '../../services/postgres.ts'
import { TASK } from '../permit.ts'

const { minting } = postgres
assert.ok(minting?.prepare && minting.strays)
const { prepare, mint, place, probe, revoke, strays } = minting
let made = 0

type Live = Issued & { readonly material: Secret }

function orderFor(target: Target, access: 'read' | 'write', change: Partial<MintOrder> = {}): MintOrder {
  made += 1
  const name = String.fromCharCode(97 + Math.floor(made / 26), 97 + (made % 26))
  const action = { id: `postgres:Session::${access}`, access, resource: 'shop', parameters: {} }
  return {
    leaseId: `lease_abcdef${name.repeat(6)}`,
    target,
    taskId: TASK.id,
    owner: TASK.owner,
    grant: minting?.grant({ task: TASK, target, action }) ?? assert.fail(),
    standing: new Secret(OPERATOR.password),
    expiresAt: Date.now() + 60_000,
    ...change,
  }
}

async function mintBy(io: Io, order: MintOrder): Promise<Live> {
  return { ...order, ...(await mint(order, await prepare?.(order), io)) }
}

function isError(code: string) {
  return (thrown: unknown) => thrown instanceof StintError && thrown.code === code
}

const service = await startPostgres({ tls: true })

describe('a role of PostgreSQL that was minted', { skip: service.skip }, async () => {
  if (service.skip !== false) return
  const { running } = service
  after(() => running.stop())
  await fillShop(running)
  const target = shopTarget(running)
  const io = ioFor(target)
  const mintOn = (order: MintOrder, by = io): Promise<Live> => mintBy(by, order)
  const withSettings = (settings: NonNullable<Target['settings']>): Target => ({
    ...target,
    settings: { ...target.settings, ...settings },
  })
  const as = (issued: Live, sql: string, database?: string) => queryAs(running, place(issued), sql, database)
  const roles = async (): Promise<string[]> =>
    (await running.query("select rolname from pg_roles where rolname like 'lease%'")).map(({ rolname }) => String(rolname))

  test('reads and writes what its template says, and no more', async () => {
    const issued = await mintOn(orderFor(target, 'write'))
    await as(issued, "insert into app.orders (item) values ('milk')")
    await as(issued, "update app.orders set item = 'tea' where item = 'milk'; delete from app.orders where id > 1")
    await as(issued, 'select * from app.notes')
    for (const sql of [
      ...["insert into app.notes values ('x')", 'truncate app.orders', 'drop table app.orders', 'select * from hidden.keys'],
      ...['set role stint', 'create table app.more ()', "copy app.notes to program 'id'"],
      ...[`alter role ${issued.leaseId} createdb`, `alter role ${issued.leaseId} valid until 'infinity'`, 'create role r'],
      ...['select * from pg_authid', "select pg_read_file('/etc/passwd')"],
    ])
      await assert.rejects(as(issued, sql), { code: /^(42501|0LP01)$/ }, sql)
    await revoke(issued, io)
  })

  test('is one whole schema where the template says so', async () => {
    const schema = withSettings({ grants: ['write schema app'] })
    const [reader, writer] = [await mintOn(orderFor(schema, 'read')), await mintOn(orderFor(schema, 'write'))]
    await as(writer, "insert into app.orders (item) values ('milk'); insert into app.notes values ('n')")
    await as(reader, 'select * from app.orders, app.notes')
    await assert.rejects(as(reader, "insert into app.notes values ('x')"), { code: '42501' })
    for (const issued of [reader, writer]) await revoke(issued, io)
  })

  test('cannot be talked into other statements by a template, a database or a role of any name', async () => {
    const [schema, table, database] = [
      `a"; drop table app.orders; --`,
      `t'; select pg_sleep(9); "x.y`,
      `d"b'; drop role stint; --`,
    ]
    const quoted = (name: string): string => pg.escapeIdentifier(name)
    await running.query(`create database ${quoted(database)} owner stint`)
    const sql = `create schema ${quoted(schema)} authorization stint; create table ${quoted(schema)}.${quoted(table)} (a int);
      alter table ${quoted(schema)}.${quoted(table)} owner to stint; create table ${quoted(schema)}.other (a int)`
    await running.query(sql, [], database)
    const odd = withSettings({ database, grants: [`read table ${quoted(schema)}.${quoted(table)}`] })
    assert.deepEqual(checkTarget(odd, { postgres }), odd)
    const issued = await mintOn(orderFor(odd, 'read'))
    await as(issued, `select * from ${quoted(schema)}.${quoted(table)}`, database)
    await assert.rejects(as(issued, `select * from ${quoted(schema)}.other`, database), { code: '42501' })
    await revoke(issued, io)
    assert.equal(await probe(issued, io), 'refused')
    const [row] = await running.query("select count(*)::int4 as n from pg_tables where tablename = 'orders'", [], 'shop')
    assert.deepEqual(row, { n: 1 })
    const evil = orderFor(target, 'read', { leaseId: `lease_abcdef"; drop role stint; --` })
    await assert.rejects(async () => mintOn(evil), isError('internal'))
    await assert.rejects(async () => revoke({ ...evil, material: undefined, handle: {} }, io), isError('internal'))
  })

  test('does not come from a template that names PostgreSQL’s own schemas, or says anything else', () => {
    for (const line of [
      ...[
        'read schema pg_catalog',
        'read table pg_catalog.pg_authid',
        'read table "pg_catalog".pg_authid',
        'read schema PG_TOAST',
      ],
      ...[
        'read schema information_schema',
        'admin schema app',
        'read schema',
        'read  schema app',
        'read table orders',
        'read schema a.b',
      ],
      ...['read table a.b.c', 'read schema app; drop role x', 'read schema "app', 'read schema a"b', 'read schema "a\nb"'],
      ...[`read schema ${'a'.repeat(64)}`, `read table app.${'é'.repeat(32)}`, 'read role stint', 'GRANT ALL ON SCHEMA app'],
    ])
      assert.throws(() => checkTarget(withSettings({ grants: [line] }), { postgres }), isError('invalid_argument'), line)
    assert.throws(() => checkTarget(withSettings({ username: 'é'.repeat(32) }), { postgres }), isError('invalid_argument'))
  })

  test('is refused for good where an object is missing or the standing password is wrong, and then nothing is made', async () => {
    const before = await roles()
    const missing = withSettings({ grants: ['read table app.orders', 'read table app.missing'] })
    await assert.rejects(mintOn(orderFor(missing, 'read')), isError('mint_refused'))
    const foreign = withSettings({ grants: ['read table hidden.keys'] })
    await assert.rejects(mintOn(orderFor(foreign, 'read')), isError('mint_refused'))
    const standing = new Secret('not the password')
    await assert.rejects(mintOn(orderFor(target, 'read', { standing })), (thrown) => {
      assert.ok(isError('mint_refused')(thrown) && thrown instanceof StintError)
      assert.match(thrown.operatorDetail ?? '', /password authentication failed/)
      return true
    })
    await assert.rejects(mintOn(orderFor(target, 'read', { standing: undefined })), isError('credential_missing'))
    assert.deepEqual(await roles(), before)
    const issued = await mintOn(orderFor(target, 'read'))
    await assert.rejects(revoke({ ...issued, standing }, io), isError('upstream_failed'))
    await assert.rejects(strays?.({ target, standing, installation: 'abcdef' }, io) ?? assert.fail(), isError('upstream_failed'))
    await revoke(issued, io)
  })

  test('is made once, and completed, when it is ordered again after a crash', async () => {
    const order = orderFor(target, 'read')
    const prepared = await prepare?.(order)
    for (let time = 0; time < 2; time += 1) await mint(order, prepared, io)
    await running.query(`alter role ${order.leaseId} nologin`)
    const issued = { ...order, ...(await mint(order, prepared, io)) }
    await as(issued, 'select * from app.orders')
    const gone = { ...order, grant: { ...order.grant, terms: { ...order.grant.terms, grants: ['read table app.missing'] } } }
    await assert.rejects(mint(gone, prepared, io), isError('upstream_failed'), 'it is not said that nothing was made')
    await revoke(issued, io)
    assert.deepEqual(await roles(), [])
  })

  test('never shows its password to the server’s log or lists', async () => {
    const issued = await mintOn(orderFor(target, 'read'))
    const seen = await running.query('select query from pg_stat_activity')
    const kept = await running.query('select rolpassword from pg_authid where rolname = $1', [issued.leaseId])
    assert.ok(seen.some(({ query }) => String(query).includes(`CREATE ROLE "${issued.leaseId}"`)))
    assert.match(String(kept[0]?.rolpassword), /^SCRAM-SHA-256\$4096:/)
    assert.ok(!JSON.stringify([seen, kept]).includes(issued.material.reveal()))
    await revoke(issued, io)
  })

  test('ends by itself, also where the server’s clock is not ours', async () => {
    for (const skewMs of [-300_000, 300_000]) {
      const skewed = { ...io, now: () => Date.now() + skewMs }
      const ends = await mintOn(orderFor(target, 'read', { expiresAt: skewed.now() + 1500 }), skewed)
      await as(ends, 'select 1')
      while ((await probe(ends, io)) === 'live') await new Promise((later) => setTimeout(later, 50))
      await assert.rejects(as(ends, 'select 1'), { code: '28P01' })
      assert.deepEqual(await roles(), [ends.leaseId])
      await revoke(ends, io)
    }
  })

  test('takes its open sessions with it, and what it made, in other databases too', async () => {
    await running.query('create database open')
    await running.query('grant create on schema public to public', [], 'open')
    await running.query('grant create on schema public to public', [], 'shop')
    const issued = await mintOn(orderFor(target, 'read'))
    const client = new pg.Client({
      host: running.host,
      port: running.port,
      user: issued.leaseId,
      password: issued.material.reveal(),
      database: 'shop',
    })
    client.on('error', () => undefined)
    await client.connect()
    await client.query('begin; create table public.mine (a int); lock table public.mine')
    const ended = new Promise<void>((done) => client.on('end', done))
    for (const database of ['open', 'shop']) await as(issued, 'create table public.left (a int)', database)
    await revoke(issued, io)
    await ended
    assert.equal(await probe(issued, io), 'refused')
    for (const database of ['open', 'shop'])
      assert.deepEqual(await running.query("select 1 from pg_tables where tablename in ('left', 'mine')", [], database), [])
  })

  test('leaves what it made to the owner that the target names', async () => {
    await running.query('create role parking nologin; grant parking to stint')
    const owned = withSettings({ owner: 'parking' })
    const issued = await mintOn(orderFor(owned, 'read'))
    await as(issued, 'create table public.kept (a int)')
    await revoke(issued, io)
    const rows = await running.query("select tableowner from pg_tables where tablename = 'kept'", [], 'shop')
    assert.deepEqual(rows, [{ tableowner: 'parking' }])
    const wrong = await mintOn(orderFor(withSettings({ owner: 'nobody at all' }), 'read'))
    await assert.rejects(revoke(wrong, io), isError('upstream_failed'), 'an owner that is missing is not a role that is gone')
    await revoke({ ...wrong, target }, io)
    assert.deepEqual(await roles(), [])
  })

  test('is live while it is there, whatever password it gave itself', async () => {
    const issued = await mintOn(orderFor(target, 'read'))
    await as(issued, `alter role ${issued.leaseId} password 'its own choice'`)
    await assert.rejects(as(issued, 'select 1'), { code: '28P01' })
    assert.equal(await probe(issued, io), 'live')
    await revoke(issued, io)
    assert.equal(await probe(issued, io), 'refused')
  })

  test('is one of many, made and revoked at once by two processes on the same tables', async () => {
    const ios = [{ ...io }, { ...io }]
    const [start] = await running.query('select clock_timestamp()::text as at')
    const orders = Array.from({ length: 24 }, () => orderFor(target, 'write'))
    const issued = await Promise.all(orders.map((order, at) => mintOn(order, ios[at % 2])))
    const sessions = await running.query("select 1 from pg_stat_activity where usename = 'stint' and backend_start > $1", [
      start?.at,
    ])
    assert.equal(sessions.length, 2, 'each keeps one connection')
    await Promise.all(issued.map((one, at) => revoke(one, ios[at % 2] ?? io)))
    assert.deepEqual(await roles(), [])
  })
})
