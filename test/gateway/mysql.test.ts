import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { connect } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import fc from 'fast-check'
import client from 'mysql2/promise'
import { mysql } from '../../src/credentials/connectors/mysql.ts'
import { createMysql } from '../../src/gateway/mysql.ts'
import { createMysqlScreen } from '../../src/gateway/mysql-commands.ts'
import { writePacket } from '../../src/gateway/mysql-packets.ts'
import type { Target } from '../../src/model.ts'
import { Secret } from '../../src/secret.ts'
import { mysqlTarget } from '../providers/mysql.ts'
import { startMariaDb } from '../services/mariadb.ts'
import { startEntrance, type WireRig } from './wire-rig.ts'

const run = promisify(execFile)

describe('what a client of MySQL sends', () => {
  const REFUSED = writePacket(0, Buffer.from('\u0003stint refuses COM_CHANGE_USER'))

  test('goes on as it is, but for a change of the user, wherever it is cut', () => {
    const payload = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constant(Uint8Array.of(0x11)),
      fc.constant(Uint8Array.of(0x11, 97, 0)),
    )
    fc.assert(
      fc.property(fc.array(payload, { maxLength: 6 }), fc.array(fc.nat(200)), (payloads, cuts) => {
        const packets = payloads.map((one) => writePacket(0, Buffer.from(one)))
        const bytes = Buffer.concat(packets)
        const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length]
        const screen = createMysqlScreen()
        const seen = Buffer.concat(at.slice(1).map((end, i) => screen(bytes.subarray(at[i], end))))
        const expected = packets.map((packet) => (packet[4] === 0x11 ? REFUSED : packet))
        assert.equal(seen.toString('hex'), Buffer.concat(expected).toString('hex'))
      }),
    )
  })

  test('begins once, however many packets it needs', () => {
    const full = writePacket(0, Buffer.alloc(0xffffff, 0x11))
    const long = Buffer.concat([writePacket(0, Buffer.alloc(0xffffff, 3)), full, writePacket(2, Buffer.from([0x11]))])
    assert.equal(createMysqlScreen()(long).length, long.length, 'what follows is no command')
    const change = Buffer.concat([full, full, writePacket(2, Buffer.from('end')), writePacket(0, Buffer.from([14]))])
    assert.equal(createMysqlScreen()(change).length, REFUSED.length + 5)
  })
})

const service = await startMariaDb()

describe('the MySQL entrance', { skip: service.skip }, () => {
  const enter = async (t: TestContext, change: Partial<Target> = {}): Promise<WireRig> => {
    await service.running.query('create database if not exists shop')
    await service.running.query('create table if not exists shop.orders (id int, text longtext)')
    const target = { ...mysqlTarget(service.running), ...change }
    return startEntrance(t, createMysql, { connector: mysql, target, standing: new Secret(service.running.password) })
  }
  const cli = async (port: number, sql: string, ...more: string[]): Promise<string> => {
    const place = ['--host=127.0.0.1', `--port=${port}`, '--protocol=TCP', '--batch', '--skip-column-names']
    const { stdout } = await run('mysql', ['--no-defaults', ...place, ...more, '-e', sql], { env: { PATH: process.env.PATH } })
    return stdout.trim()
  }

  test('lets an unmodified mysql work without a password, as far as its user may', async (t) => {
    const { port, asked, ended } = await enter(t)
    assert.equal(
      await cli(port, 'insert into orders values (7, "a"); select id from orders; select database()', 'shop'),
      '7\nshop',
    )
    assert.equal(await cli(port, 'select id from shop.orders', '--user=read', '--password=whatever'), '7')
    await assert.rejects(cli(port, 'delete from orders', '--user=read', 'shop'), /ERROR 1142/)
    await assert.rejects(cli(port, 'select 1', 'mysql'), /ERROR 1045 .*Stint: .*database/)
    assert.deepEqual(asked, ['mysql:Session::write', 'mysql:Session::read', 'mysql:Session::read'])
    assert.ok(ended.slice(0, 3).every((one) => 'outcome' in one && one.outcome.result === 'completed'))
  })

  test('serves other drivers, prepared statements and large values', async (t) => {
    const { port } = await enter(t)
    const session = await client.createConnection({ host: '127.0.0.1', port, user: 'ann', password: 'any', database: 'shop' })
    t.after(() => session.destroy())
    const text = 'ü'.repeat(1_000_000)
    await session.execute('insert into orders values (?, ?)', [8, text])
    const [rows] = await session.execute('select text from orders where id = ?', [8])
    assert.deepEqual(rows, [{ text }])
    await assert.rejects(session.changeUser({ user: 'operator', password: service.running.password }), /COM_CHANGE_USER/)
    await session.end()
  })

  test('logs in over TLS where the target says nothing else', async (t) => {
    const { port: serverPort, ca, user } = service.running
    const hosts = [{ scheme: 'mysql', host: 'localhost', port: serverPort }] as const
    const { port } = await enter(t, { hosts, trustedCa: ca, settings: { databases: ['shop'], username: user } })
    assert.match(await cli(port, "show status like 'ssl_version'", 'shop'), /TLSv1/)
  })

  test('cuts what is open, and says why it refuses', async (t) => {
    const rig = await enter(t)
    const session = await client.createConnection({ host: '127.0.0.1', port: rig.port, user: 'ann', database: 'shop' })
    t.after(() => session.destroy())
    const closed = new Promise((done) => session.on('error', done))
    rig.cut()
    await closed
    rig.deny()
    await assert.rejects(cli(rig.port, 'select 1', 'shop'), /ERROR 1045 \(28000\): Stint: not today/)
  })

  for (const [what, bytes] of [
    ['garbage', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a wish for TLS', writePacket(1, Buffer.from([0x00, 0x8a, 0, 0]), Buffer.alloc(28))],
    ['an old handshake', writePacket(1, Buffer.alloc(40))],
    [
      'an end in the middle of the password',
      writePacket(1, Buffer.from([0x00, 0x82, 0, 0]), Buffer.alloc(28), Buffer.from('ann\0\u0014abc')),
    ],
  ] as const)
    test(`opens nothing for ${what}`, async (t) => {
      const rig = await enter(t)
      const socket = connect(rig.port, '127.0.0.1')
      socket.on('error', () => {}).end(bytes)
      await socket.toArray()
      assert.deepEqual(rig.asked, [])
    })
})
