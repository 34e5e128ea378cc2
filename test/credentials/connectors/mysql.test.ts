import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { describe, test } from 'node:test'
import client from 'mysql2/promise'
import { mysql } from '../../../src/credentials/connectors/mysql.ts'
import type { Io, Issued, MintOrder } from '../../../src/credentials/minting.ts'
import { asStintError, StintError } from '../../../src/errors.ts'
import type { Target } from '../../../src/model.ts'
import { Secret } from '../../../src/secret.ts'
import { listening } from '../../gateway/rig.ts'
import { mysqlClient, mysqlTarget } from '../../providers/mysql.ts'
import { ioFor } from '../../providers/own-io.ts'
import { startMariaDb } from '../../services/mariadb.ts'
import { TASK } from '../permit.ts'

const { minting } = mysql
assert.ok(minting?.prepare)
const { grant, prepare, mint, place, probe, revoke } = minting
const PASSWORD = 'a password, so long'
let made = 0

function orderFor(target: Target, access: 'read' | 'write', database: string, password: string): MintOrder {
  made += 1
  const action = { id: `mysql:Session::${access}`, access, resource: database, parameters: { database } }
  return {
    leaseId: `lease_abcdef${String.fromCharCode(96 + made).repeat(16)}`,
    target,
    taskId: TASK.id,
    owner: TASK.owner,
    grant: grant({ task: TASK, target, action }) ?? assert.fail(),
    standing: new Secret(password),
    expiresAt: Date.now() + 60_000,
  }
}

async function carryOut(order: MintOrder): Promise<Issued & { material: Secret }> {
  return { ...order, ...(await mint(order, await prepare?.(order), ioFor(order.target))) }
}

const service = await startMariaDb()

describe('a user of MySQL that was minted', { skip: service.skip }, () => {
  const target = service.skip === false ? mysqlTarget(service.running) : mysql.example.target
  const login = ({ leaseId, material }: Issued & { material: Secret }) => {
    const { host, port } = service.running
    return { host, port, user: leaseId, password: material.reveal() }
  }

  const HOSTILE = ['s_op', 's%', "a`b'c\\", "x` TO 'root'@'%'; DROP DATABASE shop; -- x", 'o\\_k', 'dotted.name', 'größe']
  test('is bound to its database, however that is called', async () => {
    const { running } = service
    const names = ['shop', 'sxop', ...HOSTILE]
    for (const name of names) {
      await running.query(`create database ${client.escapeId(name, true)}`)
      await running.query(`create table ${client.escapeId(name, true)}.t (id int)`)
    }
    const all = { ...target, settings: { ...target.settings, databases: names } }
    for (const name of HOSTILE) {
      const issued = await carryOut(orderFor(all, 'write', name, running.password))
      const ask = (sql: string): Promise<string> => mysqlClient(running, place(issued), sql)
      await ask(`insert into ${client.escapeId(name, true)}.t values (1)`)
      for (const other of names.filter((one) => one !== name))
        await assert.rejects(ask(`select * from ${client.escapeId(other, true)}.t`), /ERROR 1142/, `${name} opens ${other}`)
      for (const sql of ['create table t2 (id int)', 'select * from mysql.user', 'create user x', 'drop database shop'])
        await assert.rejects(ask(`use ${client.escapeId(name, true)}; ${sql}`), /ERROR 1(142|227|044)/, sql)
      await revoke(issued, ioFor(target))
    }
  })

  test('has the privileges that its target names, and reads with no more than those that read', async () => {
    const { running } = service
    const named = { ...target, settings: { ...target.settings, privileges: ['SELECT', 'INSERT', 'DROP'] } }
    for (const [access, refused] of [
      ['write', ['update', 'delete']],
      ['read', ['insert', 'drop']],
    ] as const) {
      const issued = await carryOut(orderFor(named, access, 'shop', running.password))
      const STATEMENTS = {
        insert: 'insert into t values (1)',
        update: 'update t set id = 2',
        delete: 'delete from t',
        drop: 'drop table t',
      }
      await mysqlClient(running, place(issued), 'use shop; select * from t')
      for (const one of refused)
        await assert.rejects(
          mysqlClient(running, place(issued), `use shop; ${STATEMENTS[one]}`),
          /ERROR 1142/,
          `${access} ${one}`,
        )
      await revoke(issued, ioFor(target))
    }
  })

  test('loses its open sessions when it is revoked, busy ones too', async (context) => {
    const issued = await carryOut(orderFor(target, 'read', 'shop', service.running.password))
    const [busy, idle] = [await client.createConnection(login(issued)), await client.createConnection(login(issued))]
    for (const one of [busy, idle]) one.on('error', () => {})
    context.after(() => [busy, idle].forEach((one) => void one.destroy()))
    const asleep = assert.rejects(busy.query('select sleep(5)'))
    await revoke(issued, ioFor(target))
    await asleep
    await assert.rejects(idle.query('select 1'))
    const open = `select count(*) as n from information_schema.processlist where user = '${issued.leaseId}'`
    assert.deepEqual(await service.running.query(open), [{ n: 0 }])
  })

  test('is not said to be gone by one who cannot see its sessions', async (context) => {
    const { running } = service
    await running.query(`create user blind identified by '${PASSWORD}'`)
    await running.query('grant create user, select on *.* to blind with grant option')
    const asBlind: Target = { ...target, settings: { ...target.settings, username: 'blind' } }
    const issued = await carryOut(orderFor(asBlind, 'read', 'shop', PASSWORD))
    const session = await client.createConnection(login(issued))
    session.on('error', () => {})
    context.after(() => session.destroy())
    await assert.rejects(revoke(issued, ioFor(target)), { code: 'upstream_failed' })
    await session.query('select 1')
    await revoke({ ...issued, target, standing: new Secret(running.password) }, ioFor(target))
    await assert.rejects(session.query('select 1'))
  })

  test('is not left behind where it may not be granted what it needs, nor made with a wrong password', async () => {
    const { running } = service
    await running.query(`create user stingy identified by '${PASSWORD}'`)
    await running.query('grant create user on *.* to stingy')
    const asStingy: Target = { ...target, settings: { ...target.settings, username: 'stingy' } }
    for (const order of [orderFor(asStingy, 'read', 'shop', PASSWORD), orderFor(asStingy, 'read', 'shop', 'another password')]) {
      const thrown = await carryOut(order).catch(asStintError)
      assert.ok(thrown instanceof StintError && thrown.code === 'mint_refused', String(thrown))
      assert.match(thrown.operatorDetail ?? '', /^10(44|45): Access denied/)
      const known = { ...order, target, standing: new Secret(running.password), material: undefined, handle: {} }
      assert.equal(await probe(known, ioFor(target)), 'refused')
    }
  })

  test('lives on a server that is reached by TLS, and only by one whose certificate is trusted', async () => {
    const { port, ca, password, user } = service.running
    const settings = { databases: ['shop'], username: user }
    const hosts = [{ scheme: 'mysql', host: 'localhost', port }] as const
    const secured: Target = { ...target, hosts, trustedCa: ca, settings }
    const issued = await carryOut(orderFor(secured, 'read', 'shop', password))
    await service.running.query(`alter user '${issued.leaseId}'@'%' require ssl`)
    assert.equal(await probe(issued, ioFor(secured)), 'live')
    const { trustedCa: _, ...stranger } = secured
    await assert.rejects(probe({ ...issued, target: stranger }, ioFor(stranger)), { code: 'upstream_failed' })
    const numbered: Target = { ...secured, hosts: [{ scheme: 'mysql', host: '127.0.0.1', port }] }
    await assert.rejects(probe({ ...issued, target: numbered }, ioFor(numbered)), { code: 'upstream_failed' })
    await revoke(issued, ioFor(secured))
    assert.equal(await probe(issued, ioFor(secured)), 'refused')
  })
})

describe('a MySQL that answers something else', () => {
  const settings = { databases: ['shop'], username: 'stint', tls: 'off' }
  const target: Target = { ...mysql.example.target, privateNetworks: ['127.0.0.0/8'], settings }
  const issued: Issued = { ...orderFor(target, 'read', 'shop', PASSWORD), material: new Secret(PASSWORD), handle: {} }
  const packet = (number: number, ...parts: readonly (string | number[])[]): Buffer => {
    const body = Buffer.concat(parts.map((part) => Buffer.from(part as string)))
    return Buffer.concat([Buffer.from([body.length & 255, (body.length >> 8) & 255, body.length >> 16, number]), body])
  }
  const capabilities = [0xff, 0xf7, 8, 2, 0, 0xff, 0x81, 21] // all but TLS and compression, utf8, plugins
  const greeting = packet(
    0,
    [10],
    '8.0.0\0',
    [1, 0, 0, 0],
    '12345678\0',
    capabilities,
    '\0'.repeat(10),
    '123456789012\0',
    'mysql_native_password\0',
  )
  const answering = async (context: { after(work: () => void): void }, ...answers: readonly Buffer[]): Promise<Io> => {
    const server = createServer((socket) => {
      const [first = Buffer.alloc(0), ...rest] = answers
      socket.on('error', () => {}).write(first)
      socket.on('data', () => {
        const next = rest.shift()
        if (next === undefined) socket.end()
        else socket.write(next)
      })
      if (answers.length < 2) socket.end()
    })
    context.after(() => server.close())
    const port = await listening(server)
    const io = ioFor({ ...target, hosts: [{ scheme: 'mysql', host: '127.0.0.1', port }] })
    return { ...io, connect: () => io.connect({ host: '127.0.0.1', port, tls: false }) }
  }
  const error = (number: number, text: string): Buffer => packet(2, [0xff, number & 255, number >> 8], '#HY000', text)

  for (const [what, answers] of [
    ['too many connections', [packet(0, [0xff, 0x10, 0x04], 'Too many connections')]],
    ['nothing', []],
    ['a page', [Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')]],
    ['half a greeting', [greeting.subarray(0, 30)]],
    ['another error', [greeting, error(1040, 'Too many connections')]],
    ['a plugin that nobody knows', [greeting, packet(2, [0xfe], '__proto__\0', '12345678901234567890\0')]],
    ['a wish for the password in the clear', [greeting, packet(2, [0xfe], 'mysql_clear_password\0', '\0')]],
    ['a wish for a file', [greeting, packet(2, [0xfb], '/etc/passwd')]],
    ['a packet that never ends', [greeting, Buffer.alloc(10 * 1024 * 1024, 0xff)]],
  ] as const)
    test(`is neither live nor dead: ${what}`, async (context) => {
      const io = await answering(context, ...answers)
      await assert.rejects(probe(issued, io), { code: 'upstream_failed' })
      await assert.rejects(probe({ ...issued, material: undefined }, io), { code: 'upstream_failed' })
      await assert.rejects(revoke(issued, io), { code: 'upstream_failed' })
      await assert.rejects(mint(issued, { material: new Secret(PASSWORD), handle: {} }, io), { code: 'upstream_failed' })
    })

  test('learns the password and says it: it reaches nobody', async (context) => {
    const io = await answering(context, greeting, error(1040, `I know ${PASSWORD}\u0007`))
    const thrown = await probe(issued, io).catch(asStintError)
    assert.ok(thrown instanceof StintError)
    assert.equal(thrown.operatorDetail, '1040: I know [secret]?')
  })

  test('has no TLS: the password is not sent', async (context) => {
    const io = await answering(context, greeting, error(1045, 'no'))
    const secured = { ...target, settings: { ...settings, tls: 'on' } }
    await assert.rejects(probe({ ...issued, target: secured }, io), { code: 'upstream_failed' })
  })
})

test('a target of MySQL takes none of the databases that say who may do what', () => {
  const { target } = mysql.example
  for (const name of ['mysql', 'MySQL', 'sys', 'INFORMATION_SCHEMA'])
    assert.throws(() => minting.checkTarget?.({ ...target, settings: { ...target.settings, databases: ['shop', name] } }), {
      code: 'invalid_argument',
    })
})
