import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { ssh } from '../../../src/credentials/connectors/ssh.ts'
import type { Issued, MintOrder } from '../../../src/credentials/minting.ts'
import { certify, makeKey } from '../../../src/credentials/protocols/ssh-certificate.ts'
import { runCommand } from '../../../src/credentials/protocols/ssh-command.ts'
import { beginLogin } from '../../../src/credentials/protocols/ssh-login.ts'
import { readPrivateKey } from '../../../src/credentials/protocols/ssh-private-key.ts'
import { withSsh } from '../../../src/credentials/protocols/ssh-transport.ts'
import { asStintError, StintError } from '../../../src/errors.ts'
import type { Target } from '../../../src/model.ts'
import { Secret } from '../../../src/secret.ts'
import { listening } from '../../gateway/rig.ts'
import { ioFor } from '../../providers/own-io.ts'
import { sshClient, sshTarget } from '../../providers/ssh.ts'
import { type OpenSsh, startOpenSsh, USERS } from '../../services/openssh.ts'
import { TASK } from '../permit.ts'

const { minting } = ssh
assert.ok(minting?.prepare)
const { grant, prepare, mint, place, probe, revoke } = minting
let made = 0

function orderFor(target: Target, ca: string, more: Partial<MintOrder> = {}): MintOrder {
  made += 1
  const action = { id: 'ssh:Session::open', access: 'write', resource: USERS.deploy, parameters: {} } as const
  return {
    leaseId: `lease_abcdef${made.toString(2).padStart(16, '0').replaceAll('0', 'a').replaceAll('1', 'b')}`,
    target,
    taskId: TASK.id,
    owner: TASK.owner,
    grant: grant({ task: TASK, target, action }) ?? assert.fail(),
    standing: new Secret(ca),
    expiresAt: Date.now() + 600_000,
    ...more,
  }
}

async function mintFor(order: MintOrder, io = ioFor(order.target)): Promise<Issued & { material: Secret }> {
  const minted = await mint(order, await prepare?.(order), io)
  return { ...order, ...minted, expiresAt: minted.expiresAt ?? order.expiresAt }
}

async function failureOf(work: Promise<unknown>): Promise<StintError> {
  const thrown = await work.catch(asStintError)
  assert.ok(thrown instanceof StintError, `it ended with ${JSON.stringify(thrown)}`)
  return thrown
}

const service = await startOpenSsh()
after(async () => service.skip === false && (await service.running.stop()))

describe('a certificate on a real sshd', { skip: service.skip }, () => {
  const server = service.skip === false ? service.running : undefined
  const target = server === undefined ? ssh.example.target : sshTarget(server)
  const withSettings = (settings: object): Target => ({ ...target, settings: { ...target.settings, ...settings } })
  const order = (more: Partial<MintOrder> = {}, of = target): MintOrder => orderFor(of, service.running.ca, more)
  const as = (user: string, issued: Issued & { material: Secret }, ...command: string[]) =>
    sshClient(service.running, user, place(issued), ...command)

  test('logs in as the login name that was decided, and as no other', async () => {
    const issued = await mintFor(order())
    assert.equal(await as(USERS.deploy, issued, 'echo "$LOGNAME"'), USERS.deploy)
    for (const user of [USERS.other, USERS.revoker, 'root']) await assert.rejects(as(user, issued, 'true'), /Permission denied/)
    await revoke(issued, ioFor(target))
    await assert.rejects(as(USERS.deploy, issued, 'true'), /Permission denied/)
  })

  test('runs the forced command, whatever is asked for', async () => {
    const issued = await mintFor(order({}, withSettings({ force_command: 'echo "forced: $SSH_ORIGINAL_COMMAND"' })))
    assert.equal(await as(USERS.deploy, issued, 'cat', '/etc/passwd'), 'forced: cat /etc/passwd')
  })

  test('is good from its source addresses only', async () => {
    const near = await mintFor(order({}, withSettings({ source_address: ['10.0.0.0/8', '127.0.0.0/8', '::1/128'] })))
    assert.equal(await as(USERS.deploy, near, 'echo near'), 'near')
    const far = await mintFor(order({}, withSettings({ source_address: ['10.0.0.0/8'] })))
    await assert.rejects(as(USERS.deploy, far, 'true'), /Permission denied/)
  })

  test('permits no forwarding until its target says so', async () => {
    const open = async (settings: object): Promise<boolean> => {
      const issued = await mintFor(order({}, withSettings(settings)))
      const to = `${service.running.host}:${service.running.port}`
      return as(USERS.deploy, issued, '-W', to).then(
        () => true,
        (thrown) => (/administratively prohibited/.test(String(thrown)) ? false : Promise.reject(thrown)),
      )
    }
    assert.equal(await open({}), false)
    assert.equal(await open({ extensions: ['permit-port-forwarding'] }), true)
  })

  test('ends with its lease and within a quarter of an hour, and begins six minutes before', async () => {
    const [now, io] = [Date.now(), ioFor(target)]
    const at = { ...io, now: () => now }
    const validity = async (more: Partial<MintOrder>): Promise<readonly number[]> => {
      const issued = await mintFor(order(more), at)
      const [placed] = place(issued)
      assert.ok(placed?.kind === 'ssh')
      const bytes = Buffer.from(placed.certificate.split(' ')[1] ?? '', 'base64')
      const found = [Math.floor((now - 360_000) / 1000), Math.floor(issued.expiresAt / 1000)]
      const both = Buffer.alloc(16)
      for (const [index, seconds] of found.entries()) both.writeBigUInt64BE(BigInt(seconds), index * 8)
      assert.ok(bytes.includes(both), 'the certificate says what the lease says')
      return [issued.expiresAt - now]
    }
    assert.deepEqual(await validity({ expiresAt: now + 30_000 }), [30_000])
    assert.deepEqual(await validity({ expiresAt: now + 86_400_000 }), [900_000])
    const past = await mintFor(order({ expiresAt: now - 600_000 }), { ...io, now: () => now - 1_200_000 })
    await assert.rejects(as(USERS.deploy, past, 'true'), /Permission denied/)
    assert.deepEqual(await revoke(past, io), {})
    assert.equal(await probe(past, io), 'refused')
    assert.doesNotMatch(readFileSync(join(service.running.directory, 'ids'), 'utf8'), new RegExp(past.leaseId))
  })

  test('is revoked also when it is over by our clock alone, since the server’s may be five minutes behind', async () => {
    const now = () => Date.now() + 300_000
    const at = { ...ioFor(target), now }
    const over = await mintFor(order({ expiresAt: now() - 1000 }), at)
    assert.equal(await probe(over, at), 'live')
    await revoke(over, at)
    assert.equal(await probe(over, at), 'refused')
  })

  test('is made for each of the server’s host keys, and shown to no server that proves another', async () => {
    const { hostKeys } = service.running
    const issued = await mintFor(order())
    for (const key of hostKeys) {
      const of = withSettings({ host_keys: [key] })
      assert.equal(await probe({ ...issued, target: of }, ioFor(of)), 'live', key.slice(0, 20))
    }
    const stranger = withSettings({ host_keys: ssh.example.target.settings?.host_keys ?? [] })
    for (const verb of [probe, revoke]) {
      const { code, detail } = await failureOf(verb({ ...issued, target: stranger }, ioFor(stranger)))
      assert.deepEqual([code, /host key/.test(detail)], ['upstream_failed', true])
    }
    await revoke(issued, ioFor(target))
  })

  test('is told from its like when many are revoked at once', async () => {
    const io = ioFor(target)
    const issued = await Promise.all(Array.from({ length: 12 }, () => mintFor(order())))
    const [kept, ...revoked] = issued
    assert.ok(kept)
    await Promise.all(revoked.map((one) => revoke(one, io)))
    assert.deepEqual(
      await Promise.all(revoked.map((one) => probe(one, io))),
      revoked.map(() => 'refused'),
    )
    assert.equal(await probe(kept, io), 'live')
    const [one] = revoked
    assert.ok(one)
    assert.deepEqual(await revoke({ ...one, material: undefined }, io), {}, 'once more')
    assert.equal(await probe({ ...one, material: undefined, handle: {} }, io), 'refused')
    assert.equal(await probe({ ...kept, material: undefined, handle: {} }, io), 'live')
    await revoke(kept, io)
  })

  test('is forgotten by the list when it is over anyway', async () => {
    const ids = join(service.running.directory, 'ids')
    const old = `${Math.floor(Date.now() / 1000) - 3601} id: lease_abcdefold234\n`
    writeFileSync(ids, old + readFileSync(ids, 'utf8'))
    const issued = await mintFor(order())
    await revoke(issued, ioFor(target))
    const kept = readFileSync(ids, 'utf8')
    assert.ok(kept.includes(issued.leaseId) && !kept.includes('old234'))
  })

  test('is neither live nor dead while the server refuses all of its kind', async () => {
    const io = ioFor(target)
    const krl = join(service.running.directory, 'krl')
    const issued = await mintFor(order())
    const whole = readFileSync(krl)
    writeFileSync(krl, 'half a list')
    try {
      const { code, detail } = await failureOf(probe(issued, io))
      assert.deepEqual([code, /says nothing about one of them/.test(detail)], ['upstream_failed', true])
    } finally {
      writeFileSync(krl, whole)
    }
    assert.equal(await probe(issued, io), 'live')
    await revoke(issued, io)
  })

  test('is not revoked where the command that revokes fails, or nobody may run it', async () => {
    const io = ioFor(target)
    const issued = await mintFor(order())
    for (const [settings, operatorDetail] of [
      [{ revoke_command: 'echo no room; exit 7' }, 'exit status 7: no room '],
      [{ revoke_command: 'kill -9 $$' }, 'exit status none: '],
    ] as const) {
      const failed = await failureOf(revoke({ ...issued, target: withSettings(settings) }, io))
      assert.deepEqual([failed.code, failed.operatorDetail], ['upstream_failed', operatorDetail])
    }
    const nobody = { ...issued, target: withSettings({ revoke_as: 'nosuchuser' }) }
    assert.match((await failureOf(revoke(nobody, io))).detail, /does not let nosuchuser log in/)
    assert.equal(await probe(issued, io), 'live')
    await revoke(issued, io)
  })

  test('of Stint’s own can do nothing but revoke', async () => {
    const { host, port, ca, directory } = service.running
    const claims = { validAfter: Date.now() - 1000, validBefore: Date.now() + 60_000, extensions: [] }
    const critical = { 'force-command': 'cat' }
    const key = makeKey()
    const own = { ...claims, keyId: 'own', principal: USERS.revoker, critical }
    const certified = { key, certificate: certify(key, own, readPrivateKey(new Secret(ca))) }
    const blob = Buffer.from(String(target.settings?.host_keys?.[0]).split(' ')[1] ?? '', 'base64')
    const ended = await withSsh(ioFor(target), { host, port, hostKeys: [blob] }, async (session) => {
      assert.equal(await (await beginLogin(session)).logIn(USERS.revoker, certified), true)
      return runCommand(session, `rm ${directory}/krl`, 'still here')
    })
    assert.deepEqual(ended, { status: 0, said: 'still here' })
  })

  test('without a way to revoke is irrevocable until its end, and dead after it', async () => {
    const { revoke_as: _, revoke_command: __, ...settings } = target.settings ?? {}
    const plain = { ...target, settings }
    const issued = await mintFor(order({}, plain))
    assert.deepEqual(await revoke(issued, ioFor(plain)), { irrevocableUntil: issued.expiresAt })
    const lost = { ...issued, material: undefined, expiresAt: Date.now() + 86_400_000 }
    const { irrevocableUntil = 0 } = await revoke(lost, ioFor(plain))
    assert.ok(irrevocableUntil <= Date.now() + 900_000)
  })

  test('is not made, asked about or revoked without the key of the CA', async () => {
    const issued = await mintFor(order())
    for (const standing of [undefined, new Secret('not a key, S3CRET')]) {
      const without = { ...issued, standing }
      for (const verb of [() => prepare?.(without), () => probe(without, ioFor(target)), () => revoke(without, ioFor(target))])
        assert.equal((await failureOf((async () => verb())())).code, 'credential_missing')
    }
    await revoke(issued, ioFor(target))
  })
})

describe('a CA of another kind', { skip: service.skip }, () => {
  for (const type of ['ecdsa', 'rsa'])
    test(`signs what a real sshd takes: ${type}`, async (t) => {
      const { running } = await startOpenSsh([], type)
      t.after(() => running.stop())
      const issued = await mintFor(orderFor(sshTarget(running), running.ca))
      assert.equal(await sshClient(running, USERS.deploy, place(issued), 'echo in'), 'in')
      await revoke(issued, ioFor(issued.target))
      assert.equal(await probe(issued, ioFor(issued.target)), 'refused')
    })
})

describe('an sshd that is busy or strict', { skip: service.skip }, () => {
  const startWith = async (t: { after(work: () => Promise<void>): void }, ...lines: string[]): Promise<OpenSsh> => {
    const { running } = await startOpenSsh(lines)
    t.after(() => running.stop())
    return running
  }

  test('takes aes128-gcm and one host key alone, and is spoken to', async (t) => {
    const running = await startWith(t, 'Ciphers aes128-gcm@openssh.com', 'HostKeyAlgorithms rsa-sha2-256')
    const target = sshTarget(running)
    const issued = await mintFor(
      orderFor({ ...target, settings: { ...target.settings, host_keys: [running.hostKeys[2]] } }, running.ca),
    )
    assert.equal(await probe(issued, ioFor(target)), 'live')
    await revoke(issued, ioFor(target))
    assert.equal(await probe(issued, ioFor(target)), 'refused')
  })

  for (const [what, line] of [
    ['disconnects after one failure', 'MaxAuthTries 1'],
    ['lets nobody in', `DenyUsers ${USERS.deploy}`],
    ['takes no certificates', 'PubkeyAcceptedAlgorithms ssh-ed25519'],
  ] as const)
    test(`that ${what} proves nothing dead`, async (t) => {
      const running = await startWith(t, line)
      const issued = await mintFor(orderFor(sshTarget(running), running.ca))
      const dead = { ...issued, material: (await mintFor(orderFor(issued.target, running.ca, { expiresAt: 0 }))).material }
      const { code } = await failureOf(probe(dead, ioFor(issued.target)))
      assert.equal(code, 'upstream_failed')
    })

  test('that drops connections proves nothing dead', async (t) => {
    const { ca } = service.running
    const dropping = createServer((socket) => socket.destroy())
    const port = await listening(dropping)
    t.after(() => dropping.close())
    const dropped = { ...sshTarget(service.running), hosts: [{ scheme: 'ssh', host: '127.0.0.1', port }] } as const
    const issued = await mintFor(orderFor(dropped, ca))
    for (const verb of [probe, revoke]) assert.equal((await failureOf(verb(issued, ioFor(dropped)))).code, 'upstream_failed')
  })
})

describe('a target of SSH', () => {
  const { target } = ssh.example
  const { settings = {} } = target
  for (const [what, change] of [
    ['two servers', { hosts: [...target.hosts, { scheme: 'ssh', host: 'other.example.com', port: 22 }] }],
    ['any server of a domain', { hosts: [{ scheme: 'ssh', host: '*.example.com', port: 22 }] }],
    ['a host key that is none', { settings: { ...settings, host_keys: [`ssh-ed25519 ${'A'.repeat(68)}`] } }],
    ['a name that revokes without a command', { settings: { ...settings, revoke_as: 'krl' } }],
    ['a command that revokes without a name', { settings: { ...settings, revoke_command: 'revoke' } }],
    ['a name that revokes and that tasks use', { settings: { ...settings, revoke_as: 'deploy', revoke_command: 'revoke' } }],
  ] as const)
    test(`takes no ${what}`, () => {
      assert.throws(() => minting.checkTarget?.({ ...target, ...change } as Target), { code: 'invalid_argument' })
    })

  for (const [name, good, bad] of [
    [
      'source_address',
      ['10.0.0.0/8', '255.255.255.255/32', '::/0', 'fe80::1/64'],
      ['10.0.0.0', '10.0.0.256/8', '10.0.0.0/33', '::/129', '!1.1.1.1/8', '10.0.0.0/8,0.0.0.0/0'],
    ],
    ['principals', ['deploy', '_apt', 'a.b-c'], ['', 'a b', 'a,b', 'root\n', '-o', '*']],
    ['extensions', ['permit-port-forwarding'], ['permit-pty ', 'no-touch-required', 'x@y']],
    ['force_command', ['echo "a b"'], ['a\nb', '', 'a\u0000']],
  ] as const)
    test(`takes as ${name} what it should and nothing else`, () => {
      const pattern = minting.settings[name]?.pattern ?? assert.fail()
      assert.deepEqual([good.filter((one) => !pattern.test(one)), bad.filter((one) => pattern.test(one))], [[], []])
    })

  test('needs no credential to be reached, and one for a login name that its settings have', () => {
    const ask = (id: string, resource: string) =>
      grant({ task: TASK, target, action: { id, access: 'read', resource, parameters: {} } })
    assert.equal(ask('ssh:Connection::open', 'web.example.com:22'), undefined)
    const [offered, opened] = [ask('ssh:Certificate::offer', 'deploy'), ask('ssh:Session::open', 'deploy')]
    assert.deepEqual(offered, opened)
    assert.deepEqual(opened?.reach, ['Logs in to web as deploy and runs whatever that user may'])
    for (const [id, resource] of [
      ['ssh:Session::open', 'root'],
      ['ssh:Session::other', 'deploy'],
      ['http:GET', 'deploy'],
    ] as const)
      assert.throws(() => ask(id, resource), { code: 'unknown_action' })
  })
})
