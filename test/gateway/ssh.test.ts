import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { sshString } from '../../src/gateway/ssh-data.ts'
import { isSignedByHost } from '../../src/gateway/ssh-host-key.ts'
import { watchKeyExchange } from '../../src/gateway/ssh-key-exchange.ts'
import { createSshSessions } from '../../src/gateway/ssh-sessions.ts'
import { readAll } from './rig.ts'
import { makeHostKey, packet, serverHello, startSsh } from './ssh-peers.ts'

/** What is noted of bytes that come cut at `cuts`, and what goes on. */
function watched(bytes: Buffer, cuts: readonly number[] = []): { noted: readonly string[]; passed: string } {
  const noted: string[] = []
  const { push } = watchKeyExchange((signature) => noted.push(signature.toString('hex')))
  const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length]
  const passed = Buffer.concat(at.slice(1).map((end, i) => push(bytes.subarray(at[i], end))))
  return { noted, passed: passed.toString('hex') }
}

describe('what an SSH server says', () => {
  const hostKey = makeHostKey()
  const sessionId = randomBytes(32)
  const signature = hostKey.sign(sessionId).toString('hex')

  for (const reply of [31, 33])
    test(`goes on as it is, and its first signature is noted once, wherever it is cut (reply ${reply})`, () => {
      const bytes = Buffer.concat([serverHello(hostKey, sessionId, reply), serverHello(hostKey, randomBytes(32))])
      fc.assert(
        fc.property(fc.array(fc.nat(bytes.length)), (cuts) => {
          assert.deepEqual(watched(bytes, cuts), { noted: [signature], passed: bytes.toString('hex') })
        }),
      )
    })

  for (const [what, bytes] of [
    ['nothing of the kind', Buffer.from('HTTP/1.1 200 OK\r\n\r\n')],
    [
      'new keys first',
      Buffer.concat([Buffer.from('SSH-2.0-x\n'), packet(Buffer.of(21)), serverHello(hostKey, sessionId).subarray(23)]),
    ],
    [
      'a packet that is too long',
      Buffer.concat([Buffer.from('SSH-2.0-x\n'), Buffer.from('ffffffff04', 'hex'), Buffer.alloc(200_000)]),
    ],
    ['a packet that is all padding', Buffer.concat([Buffer.from('SSH-2.0-x\n'), Buffer.from('0000000410000000', 'hex')])],
    ['too much first', Buffer.concat([Buffer.from('a\n'.repeat(70_000)), serverHello(hostKey, sessionId)])],
  ] as const)
    test(`is passed on, and nothing is noted, when it is ${what}`, () => {
      assert.deepEqual(watched(bytes), { noted: [], passed: bytes.toString('hex') })
    })

  test('is passed on whatever it is', () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.constant(Buffer.from('SSH-2.0-x\n')),
      fc.constant(packet(Buffer.of(31, 0))),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), fc.array(fc.nat(300)), (pieces, cuts) => {
        const bytes = Buffer.concat(pieces)
        assert.deepEqual(watched(bytes, cuts), { noted: [], passed: bytes.toString('hex') })
      }),
    )
  })
})

describe('a host key', () => {
  const signed = randomBytes(32)
  for (const type of ['ed25519', 'rsa', 'nistp256', 'nistp384', 'nistp521'] as const)
    test(`of type ${type} vouches for what it signed and for nothing else`, () => {
      const [key, other] = [makeHostKey(type), makeHostKey(type)]
      for (
        let left = 20;
        left > 0;
        left -= 1 // ECDSA's numbers are sometimes shorter
      )
        assert.ok(isSignedByHost({ hostKey: key.blob, signature: key.sign(signed), signed }))
      assert.ok(!isSignedByHost({ hostKey: key.blob, signature: key.sign(signed), signed: randomBytes(32) }))
      assert.ok(!isSignedByHost({ hostKey: key.blob, signature: other.sign(signed), signed }))
      assert.ok(!isSignedByHost({ hostKey: key.blob, signature: Buffer.concat([key.sign(signed), Buffer.of(0)]), signed }))
      assert.ok(!isSignedByHost({ hostKey: makeHostKey('ed25519').blob, signature: key.sign(signed), signed }))
    })

  test('of RSA signs with SHA-2 only', () => {
    const key = makeHostKey('rsa')
    assert.ok(isSignedByHost({ hostKey: key.blob, signature: key.sign(signed, 'rsa-sha2-256'), signed }))
    assert.ok(!isSignedByHost({ hostKey: key.blob, signature: key.sign(signed, 'ssh-rsa'), signed }))
  })

  test('vouches for nothing under the name of another algorithm', () => {
    const key = makeHostKey('rsa')
    const renamed = Buffer.concat([sshString('ssh-ed25519'), key.sign(signed, 'rsa-sha2-256').subarray(16)])
    assert.ok(!isSignedByHost({ hostKey: key.blob, signature: renamed, signed }))
  })

  test('that cannot be read vouches for nothing', () => {
    const key = makeHostKey('nistp256')
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), fc.boolean(), (hostKey, signature, isOurs) => {
        assert.ok(
          !isSignedByHost({ hostKey: isOurs ? key.blob : Buffer.from(hostKey), signature: Buffer.from(signature), signed }),
        )
      }),
    )
  })
})

describe('the SSH entrance', () => {
  test('knows a session by its task, until it is over', () => {
    const [sessions, signature, place] = [createSshSessions(), Buffer.of(1), { host: 'a', port: 22 }]
    const forget = sessions.add('task_a', signature, place)
    assert.equal(sessions.find('task_a', signature), place)
    assert.equal(sessions.find('task_b', signature), undefined)
    assert.equal(sessions.find('task_a', Buffer.of(2)), undefined)
    forget()
    assert.equal(sessions.find('task_a', signature), undefined)
  })

  test('decides a connection once, and carries what is said in it', async (t) => {
    const { rig, open } = await startSsh(t)
    const { socket } = await open()
    socket.end('to the server')
    assert.equal(await readAll(socket), 'to the server')
    assert.deepEqual(
      rig.decided().map(({ action }) => action),
      ['ssh:Connection::open'],
    )
  })

  test('says why it refuses in words that ssh shows', async (t) => {
    const { connect } = await startSsh(t, ({ id }) => id === 'ssh:Connection::open')
    const said = await readAll(await connect())
    assert.match(said, /^SSH-2\.0-Stint\r\n/)
    const sent = Buffer.from(said.slice(said.indexOf('\n') + 1), 'latin1')
    assert.equal(sent.length, 4 + sent.readUInt32BE())
    assert.equal(sent.length % 8, 0)
    assert.equal(sent[5], 1)
    assert.match(said, /Stint: no policy permits it\. The reasons say/)
  })
})
