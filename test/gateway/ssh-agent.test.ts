import assert from 'node:assert/strict'
import { randomBytes, verify } from 'node:crypto'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createSshReader, sshString } from '../../src/gateway/ssh-data.ts'
import { readAll, readHead } from './rig.ts'
import {
  type Ask,
  bindRequest,
  CERTIFICATE,
  certifiedKey,
  login,
  makeHostKey,
  type Session,
  signRequest,
  startSsh,
} from './ssh-peers.ts'

const [FAILURE, SUCCESS] = [Buffer.of(5), Buffer.of(6)]
const LIST = Buffer.of(11)

type World = Awaited<ReturnType<typeof startSsh>>

/** An agent that is bound to a session as ssh binds it, with what it shows listed. */
async function bound(world: World): Promise<{ ask: Ask; session: Session; listed: Buffer | undefined }> {
  const session = await world.open()
  const ask = await world.agent()
  assert.deepEqual(await ask(bindRequest({ ...session, hostKey: world.hostKey.blob })), SUCCESS)
  return { ask, session, listed: await ask(LIST) }
}

const attempts = ({ rig }: World) => rig.events.filter(({ kind }) => kind === 'attempt').map(({ detail }) => detail)
const decided = ({ rig }: World) => rig.decided().map(({ action, resource }) => `${action} ${resource}`)

/** The pairs of an answer to a request for identities. */
function identitiesIn(answer: Buffer | undefined): readonly { key: Buffer; comment: string }[] {
  const reader = createSshReader(answer ?? Buffer.alloc(0))
  assert.equal(reader.byte(), 12)
  const found = Array.from({ length: reader.uint32() }, () => ({ key: reader.string(), comment: reader.string().toString() }))
  reader.end()
  return found
}

function signatureIn(answer: Buffer | undefined): Buffer {
  const reader = createSshReader(answer ?? Buffer.alloc(0))
  assert.equal(reader.byte(), 14)
  const signature = createSshReader(reader.string())
  reader.end()
  assert.equal(signature.string().toString(), 'ssh-ed25519')
  return signature.string()
}

describe('the SSH agent of a task', () => {
  test('shows the certificates that policy lets it offer, and signs a login with one', async (t) => {
    const world = await startSsh(t)
    const { ask, session, listed } = await bound(world)
    assert.deepEqual(identitiesIn(listed), [{ key: CERTIFICATE, comment: 'deploy@build.test' }])
    for (const hostKey of [undefined, world.hostKey.blob]) {
      const data = login({ sessionId: session.sessionId, ...(hostKey && { hostKey }) })
      assert.ok(verify(null, data, certifiedKey, signatureIn(await ask(signRequest(data)))))
    }
    assert.deepEqual(decided(world), [
      'ssh:Connection::open build build',
      'ssh:Certificate::offer build deploy',
      'ssh:Certificate::offer build root',
      'ssh:Session::open build deploy',
      'ssh:Session::open build deploy',
    ])
    assert.deepEqual(attempts(world), [])
  })

  test('signs nothing that policy denies, and says no more than that', async (t) => {
    const world = await startSsh(t, ({ id }) => id === 'ssh:Session::open')
    const { ask, session } = await bound(world)
    assert.deepEqual(await ask(signRequest(login(session))), FAILURE)
    assert.equal(decided(world).at(-1), 'ssh:Session::open build deploy')
  })

  const OTHER = randomBytes(32)
  for (const [what, change, why] of [
    ['of another session', { sessionId: OTHER }, /not for the session/],
    ['of another user', { user: 'root' }, /for another user/],
    ['of a user who is nearly the same', { user: 'deploy\0' }, /for another user/],
    ['that is another message', { message: 80 }, /not a login$/],
    ['to another service', { service: 'ssh-userauth' }, /not a login to a connection/],
    ['by another method', { method: 'hostbased' }, /not a login with a key/],
    ['that only asks', { signed: 0 }, /not a login that is signed/],
    ['by another algorithm', { algorithm: 'ssh-ed25519' }, /not a login with a certificate/],
    ['with another certificate', { certificate: Buffer.from('other') }, /another certificate/],
    ['to another host', { hostKey: makeHostKey().blob }, /another host/],
  ] as const)
    test(`does not sign a login ${what}, and it is recorded`, async (t) => {
      const world = await startSsh(t)
      const { ask, session } = await bound(world)
      assert.deepEqual(await ask(signRequest(login({ sessionId: session.sessionId, ...change }))), FAILURE)
      assert.match(attempts(world).join(), why)
      assert.ok(!decided(world).some((one) => one.startsWith('ssh:Session::open')))
    })

  test('signs nothing else: no file, nothing shorter or longer than a login, nothing with another key or flag', async (t) => {
    const world = await startSsh(t)
    const { ask, session } = await bound(world)
    const data = login(session)
    const sshsig = Buffer.concat([Buffer.from('SSHSIG'), ...['file', '', 'sha512', 'hash'].map((one) => sshString(one))])
    for (const one of [sshsig, Buffer.alloc(0), data.subarray(0, -1), Buffer.concat([data, Buffer.of(0)])])
      assert.deepEqual(await ask(signRequest(one)), FAILURE)
    assert.deepEqual(await ask(signRequest(data, Buffer.from('other'))), FAILURE)
    assert.deepEqual(await ask(signRequest(data, CERTIFICATE, 4)), FAILURE)
    assert.equal(attempts(world).length, 6)
    assert.deepEqual([...new Set(attempts(world).slice(0, 4))], ['what is to be signed is not a login'])
    signatureIn(await ask(signRequest(data)))
  })

  test('shows nothing and signs nothing before it is bound to a session', async (t) => {
    const world = await startSsh(t)
    const session = await world.open()
    const ask = await world.agent()
    assert.deepEqual(await ask(LIST), FAILURE)
    assert.deepEqual(await ask(signRequest(login(session))), FAILURE)
    assert.match(attempts(world)[0] ?? '', /OpenSSH does so from version 8.9 on/)
    assert.deepEqual(decided(world), ['ssh:Connection::open build build'])
  })

  test('signs with no certificate that this connection was not shown', async (t) => {
    const world = await startSsh(t)
    await bound(world)
    const session = await world.open()
    const ask = await world.agent()
    await ask(bindRequest({ ...session, hostKey: world.hostKey.blob }))
    assert.deepEqual(await ask(signRequest(login(session))), FAILURE)
    assert.match(attempts(world).join(), /none that this agent has shown/)
  })

  test('does not sign with a certificate that has been replaced meanwhile', async (t) => {
    const world = await startSsh(t)
    const { ask, session } = await bound(world)
    world.renew()
    assert.deepEqual(await ask(signRequest(login(session))), FAILURE)
    assert.match(JSON.stringify(world.rig.events), /replaced by a newer one/)
  })

  const another = makeHostKey()
  for (const [what, change, why] of [
    [
      'of a server elsewhere',
      (s: Session) => ({ hostKey: another.blob, signature: another.sign(s.sessionId) }),
      /none that this task/,
    ],
    ['with a host key that is not declared', () => ({ hostKey: another.blob }), /host key is none/],
    ['under another id', () => ({ sessionId: OTHER }), /not signed by the host key/],
    ['that is forwarded', () => ({ isForwarded: true }), /never forwarded/],
  ] as const)
    test(`is not bound to a session ${what}, nor to another after it`, async (t) => {
      const world = await startSsh(t)
      const session = await world.open()
      const ask = await world.agent()
      const right = { ...session, hostKey: world.hostKey.blob }
      assert.deepEqual(await ask(bindRequest({ ...right, ...change(session) })), FAILURE)
      assert.match(attempts(world).join(), why)
      assert.deepEqual(await ask(bindRequest(right)), FAILURE)
      assert.deepEqual(identitiesIn(await ask(LIST)), [])
    })

  test('is not bound to a session that the host key signed and that does not go through Stint', async (t) => {
    const world = await startSsh(t)
    await world.open()
    const signature = world.hostKey.sign(OTHER)
    assert.deepEqual(
      await (await world.agent())(bindRequest({ hostKey: world.hostKey.blob, sessionId: OTHER, signature })),
      FAILURE,
    )
    assert.match(attempts(world).join(), /none that this task has open/)
  })

  test('is not bound to a session that is over', async (t) => {
    const world = await startSsh(t)
    const session = await world.open()
    session.socket.destroy()
    while (!world.rig.outcomes().some(({ result }) => result === 'completed')) await new Promise(setImmediate)
    assert.deepEqual(await (await world.agent())(bindRequest({ ...session, hostKey: world.hostKey.blob })), FAILURE)
  })

  test('does nothing else that agents do', async (t) => {
    const world = await startSsh(t)
    const { ask } = await bound(world)
    for (const type of [1, 9, 17, 18, 19, 20, 21, 22, 23, 25, 26]) assert.deepEqual(await ask(Buffer.of(type)), FAILURE)
    assert.deepEqual(await ask(Buffer.concat([Buffer.of(27), sshString('query')])), FAILURE)
  })

  test('fails, and lives on, whatever bytes it is sent', async (t) => {
    const world = await startSsh(t)
    const { session } = await bound(world)
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .constantFrom(CERTIFICATE, login(session), signRequest(login(session)).subarray(1), session.sessionId)
        .map((one) => sshString(one)),
      fc.constant(sshString('session-bind@openssh.com')),
    )
    const message = fc.tuple(fc.constantFrom(11, 13, 27, 0, 255), fc.array(piece, { maxLength: 4 }))
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 20 }), async (messages) => {
        const ask = await world.agent()
        for (const [type, pieces] of messages) assert.deepEqual(await ask(Buffer.concat([Buffer.of(type), ...pieces])), FAILURE)
      }),
    )
  })

  for (const [what, bytes] of [
    ['an empty message', Buffer.alloc(4)],
    ['a message without end', Buffer.from('ffffffff', 'hex')],
    ['a message that is too long', Buffer.from('00008001', 'hex')],
  ] as const)
    test(`closes at ${what}`, async (t) => {
      const world = await startSsh(t)
      const socket = await agentSocket(world)
      socket.write(bytes)
      assert.equal(await readAll(socket), '')
    })

  test('closes after a hundred messages', async (t) => {
    const ask = await (await startSsh(t)).agent()
    for (let left = 100; left > 0; left -= 1) assert.deepEqual(await ask(Buffer.of(99)), FAILURE)
    assert.equal(await ask(Buffer.of(99)), undefined)
  })

  test('is cut when its task is revoked, and so is the session', async (t) => {
    const world = await startSsh(t)
    const socket = await agentSocket(world)
    const session = await world.open()
    const closed = [socket, session.socket].map((one) => new Promise((done) => one.on('error', () => {}).on('close', done)))
    world.rig.flows.cut({ kind: 'all' })
    await Promise.all(closed)
    assert.deepEqual(
      world.rig.outcomes().map(({ result }) => result),
      ['cut'],
    )
  })

  test('is for attached connections only, and asked for as it should be', async (t) => {
    const world = await startSsh(t)
    const head = (more: string) =>
      `GET /.well-known/stint/ssh-agent HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: ssh-agent\r\n${more}\r\n`
    const stranger = connect(world.rig.port, '127.0.0.1')
    stranger.write(head(''))
    assert.match(await readAll(stranger), /^HTTP\/1\.1 401 .*unauthenticated/s)
    const withBody = await world.rig.attach()
    withBody.write(`${head('Content-Length: 1\r\n')}x`)
    assert.match(await readAll(withBody), /^HTTP\/1\.1 400 .*malformed_request/s)
    const pipelined = await world.rig.attach()
    pipelined.write(`GET http://elsewhere.test/ HTTP/1.1\r\nHost: elsewhere.test\r\n\r\n${head('')}`)
    assert.doesNotMatch(await readAll(pipelined), /101/)
  })
})

async function agentSocket(world: World) {
  const socket = await world.rig.attach()
  socket.write('GET /.well-known/stint/ssh-agent HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: ssh-agent\r\n\r\n')
  assert.match(await readHead(socket), /^HTTP\/1\.1 101 /)
  return socket.resume()
}
