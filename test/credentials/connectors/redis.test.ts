import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { describe, test } from 'node:test'
import { redis } from '../../../src/credentials/connectors/redis.ts'
import type { Io, Issued, MintOrder } from '../../../src/credentials/minting.ts'
import { encodeCommand } from '../../../src/credentials/protocols/resp.ts'
import { asStintError, StintError } from '../../../src/errors.ts'
import type { Target } from '../../../src/model.ts'
import { Secret } from '../../../src/secret.ts'
import { listening } from '../../gateway/rig.ts'
import { ioFor } from '../../providers/own-io.ts'
import { redisCli, redisTarget } from '../../providers/redis.ts'
import { startRedis } from '../../services/redis.ts'
import { TASK } from '../permit.ts'

const { minting } = redis
assert.ok(minting?.prepare)
const { grant, prepare, mint, place, probe, revoke } = minting
const PASSWORD = 'a password, so long'
let made = 0

function orderFor(target: Target, access: 'read' | 'write', password: string): MintOrder {
  made += 1
  const action = { id: `redis:Session::${access}`, access, resource: target.id, parameters: {} }
  return {
    leaseId: `lease_abcdef${String.fromCharCode(96 + made).repeat(12)}`,
    target,
    taskId: TASK.id,
    owner: TASK.owner,
    grant: grant({ task: TASK, target, action }) ?? assert.fail(),
    standing: new Secret(password),
    expiresAt: Date.now() + 60_000,
  }
}

async function mintOn(target: Target, access: 'read' | 'write', password: string): Promise<Issued & { material: Secret }> {
  const order = orderFor(target, access, password)
  return { ...order, ...(await mint(order, await prepare?.(order), ioFor(target))) }
}

const service = await startRedis()

describe('a user of Redis that was minted', { skip: service.skip }, () => {
  const target = service.skip === false ? redisTarget(service.running) : redis.example.target

  test('is bound to its keys and commands', async () => {
    const { running } = service
    const issued = await mintOn(target, 'write', running.password)
    const ask = (...command: string[]): Promise<string> => redisCli(running, place(issued), ...command)
    assert.equal(await ask('SET', 'cache:1', 'x'), 'OK')
    assert.equal(await ask('GET', 'session:1'), '')
    for (const command of [
      ...['GET other', 'SET session:12 x', 'SCAN 0', 'RANDOMKEY', 'DBSIZE', 'KEYS *', 'FLUSHALL', 'SELECT 1', 'CONFIG GET *'],
      ...['ACL LIST', 'ACL SETUSER default nopass', 'CLIENT KILL TYPE normal', 'EVAL return(1) 0', 'PUBLISH news x', 'MONITOR'],
      ...['SORT cache:1 BY other*', 'MIGRATE 127.0.0.1 1 cache:1 0 10', 'COPY cache:1 other'],
    ])
      await assert.rejects(ask(...command.split(' ')), /NOPERM/, command)
    await revoke(issued, ioFor(target))
  })

  test('is allowed the named commands alone, and none of them writes in a session that reads', async () => {
    const { running } = service
    const named = { ...target, settings: { ...target.settings, keys: ['*'], commands: ['get', 'set', 'scan', 'acl', 'sort'] } }
    for (const [access, refused] of [
      ['write', ['DEL a', 'ACL LIST']],
      ['read', ['DEL a', 'ACL LIST', 'SET a b', 'SORT a STORE b']],
    ] as const) {
      const issued = await mintOn(named, access, running.password)
      const ask = (...command: string[]): Promise<string> => redisCli(running, place(issued), ...command)
      await ask('GET', 'a')
      assert.match(await ask('SCAN', '0'), /cache:1/)
      for (const command of refused) await assert.rejects(ask(...command.split(' ')), /NOPERM/, `${access} ${command}`)
      await revoke(issued, ioFor(target))
    }
  })

  test('loses its open connections when it is revoked', async () => {
    const io = ioFor(target)
    const issued = await mintOn(target, 'read', service.running.password)
    const open = await io.connect({ host: service.running.host, port: service.running.port, tls: false })
    const closed = new Promise((done) => open.once('close', done))
    open.write(encodeCommand(['AUTH', issued.leaseId, issued.material.reveal()]))
    const greeting = await new Promise((done) => open.once('data', done))
    assert.equal(String(greeting), '+OK\r\n')
    await revoke(issued, io)
    open.resume()
    await closed
  })

  test('lives on a server that is reached by TLS, and only by one whose certificate is trusted', async () => {
    const { tlsPort, ca, password } = service.running
    const secured: Target = {
      ...target,
      hosts: [{ scheme: 'redis', host: 'localhost', port: tlsPort }],
      trustedCa: ca,
      settings: { keys: ['*'] },
    }
    const issued = await mintOn(secured, 'read', password)
    assert.equal(await probe(issued, ioFor(secured)), 'live')
    const { trustedCa: _, ...stranger } = secured
    await assert.rejects(probe({ ...issued, target: stranger }, ioFor(stranger)), { code: 'upstream_failed' })
    await revoke(issued, ioFor(secured))
    assert.equal(await probe(issued, ioFor(secured)), 'refused')
  })

  test('is not made with a wrong password, a user that may not, or a rule that Redis does not know', async () => {
    const { password } = service.running
    const weak = await mintOn(target, 'write', password)
    const asWeak = { ...target, settings: { ...target.settings, username: weak.leaseId } }
    const unheard = { ...target, settings: { ...target.settings, commands: ['nosuchcommand'] } }
    for (const order of [
      orderFor(target, 'read', 'not the password'),
      { ...orderFor(asWeak, 'read', password), standing: weak.material },
      orderFor(unheard, 'read', password),
    ]) {
      const thrown = await mint(order, await prepare?.(order), ioFor(order.target)).catch(asStintError)
      assert.ok(thrown instanceof StintError && thrown.code === 'mint_refused', String(thrown))
      assert.equal(
        await probe({ ...order, standing: new Secret(password), target, material: undefined, handle: {} }, ioFor(target)),
        'refused',
      )
    }
    await revoke(weak, ioFor(target))
  })

  test('is not said to be dead by one who may not look', async () => {
    const { password } = service.running
    const issued = await mintOn(target, 'read', password)
    const blind = { ...issued, standing: new Secret('not the password'), material: undefined }
    await assert.rejects(probe(blind, ioFor(target)), { code: 'upstream_failed' })
    await assert.rejects(revoke(blind, ioFor(target)), { code: 'upstream_failed' })
    await revoke(issued, ioFor(target))
  })
})

describe('a Redis that answers something else', () => {
  const target: Target = { ...redis.example.target, privateNetworks: ['127.0.0.0/8'], settings: { keys: ['*'], tls: 'off' } }
  const issued: Issued = { ...orderFor(target, 'read', PASSWORD), material: new Secret(PASSWORD), handle: {} }
  const answering = async (context: { after(work: () => void): void }, bytes: string): Promise<Io> => {
    const server = createServer((socket) => void socket.on('error', () => {}).once('data', () => socket.end(bytes)))
    context.after(() => server.close())
    const port = await listening(server)
    const io = ioFor({ ...target, hosts: [{ scheme: 'redis', host: '127.0.0.1', port }] })
    return { ...io, connect: () => io.connect({ host: '127.0.0.1', port, tls: false }) }
  }

  for (const [what, bytes] of [
    ['an error without a meaning', '-ERR max number of clients reached\r\n'],
    ['that it is starting', '-LOADING Redis is loading the dataset in memory\r\n'],
    ['a page', 'HTTP/1.1 200 OK\r\n\r\n'],
    ['half an answer', '-WRONGPASS inv'],
    ['another yes', '+QUEUED\r\n'],
    ['nothing', ''],
    ['a number', ':1\r\n'],
  ] as const)
    test(`is neither live nor dead: ${what}`, async (context) => {
      const io = await answering(context, bytes)
      await assert.rejects(probe(issued, io), { code: 'upstream_failed' })
      await assert.rejects(probe({ ...issued, material: undefined }, io), { code: 'upstream_failed' })
      await assert.rejects(revoke(issued, io), { code: 'upstream_failed' })
      await assert.rejects(mint(issued, { material: new Secret(PASSWORD), handle: {} }, io), { code: 'upstream_failed' })
    })

  test('learns the password and says it: it reaches nobody', async (context) => {
    const io = await answering(context, `-ERR I know ${PASSWORD}\u0007\r\n`)
    const thrown = await probe(issued, io).catch(asStintError)
    assert.ok(thrown instanceof StintError)
    assert.equal(thrown.operatorDetail, 'Redis: ERR I know [secret]?')
  })
})

describe('a target of Redis', () => {
  const { target } = redis.example
  for (const [what, change] of [
    ['two servers', { hosts: [...target.hosts, { scheme: 'redis', host: 'other.example.com', port: 6379 }] }],
    ['any server of a domain', { hosts: [{ scheme: 'redis', host: '*.example.com', port: 6379 }] }],
    ['clear text to everywhere', { settings: { ...target.settings, tls: 'off' } }],
  ] as const)
    test(`takes no ${what}`, () => {
      assert.throws(() => minting.checkTarget?.({ ...target, ...change }), { code: 'invalid_argument' })
    })

  test('gives read sessions to who asks for them, and to all until it says write', () => {
    const { access: _, ...settings } = target.settings ?? {}
    const open = (user: string, of: Target): string | undefined => redis.describeSession?.({ user, database: '' }, of).id
    assert.equal(open('read', target), 'redis:Session::read')
    assert.equal(open('', target), 'redis:Session::write')
    assert.equal(open('', { ...target, settings }), 'redis:Session::read')
    const strange = { id: 'redis:Session::admin', access: 'admin', resource: 'cache', parameters: {} } as const
    assert.throws(() => grant({ task: TASK, target, action: strange }), { code: 'unknown_action' })
  })
})
