import assert from 'node:assert/strict'
import { duplexPair } from 'node:stream'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Io } from '../../../src/credentials/minting.ts'
import { CERTIFIED } from '../../../src/credentials/protocols/ssh-certificate.ts'
import { runCommand } from '../../../src/credentials/protocols/ssh-command.ts'
import { beginLogin } from '../../../src/credentials/protocols/ssh-login.ts'
import { type SshTransport, withSsh } from '../../../src/credentials/protocols/ssh-transport.ts'
import { readFields, string, uint32 } from '../../../src/credentials/protocols/ssh-wire.ts'
import { asStintError, StintError } from '../../../src/errors.ts'
import { type PlayedSsh, playSsh, type SshQuirks } from '../../fakes/ssh-server.ts'

const CERTIFICATE = Buffer.from('a certificate')
const message = (type: number, ...parts: readonly Buffer[]): Buffer => Buffer.concat([Buffer.of(type), ...parts])
const ACCEPT = message(6, string('ssh-userauth'))
const FAILURE = message(51, string('publickey'), Buffer.of(0))

async function hello({ read }: SshTransport): Promise<string> {
  return (await read()).fields.text()
}

async function failureOf(work: Promise<unknown>): Promise<StintError> {
  const thrown = await work.catch(asStintError)
  assert.ok(thrown instanceof StintError, `it ended with ${String(thrown)}`)
  return thrown
}

/** Answers each message of the client with the next of these, several at a time. */
function answering(...answers: readonly (readonly Buffer[])[]) {
  return async ({ read, send }: PlayedSsh): Promise<void> => {
    for (const all of answers) {
      await read()
      for (const one of all) send(one)
    }
  }
}

describe('a server of SSH', () => {
  const greets = async ({ send }: PlayedSsh): Promise<void> => send(message(200, string('hello')))

  test('that is what it should be is spoken to, whatever it says before its version and between messages', async () => {
    const chatter = [message(2, string('x')), message(4, Buffer.of(1), string('y'), string('')), message(7, uint32(0))]
    const { io, server } = playSsh({ greeting: 'SSH-2.0-played OpenSSH\r\n' }, async ({ send }) => {
      for (const one of [...chatter, message(200, string('hello'))]) send(one)
    })
    assert.equal(await withSsh(io, server, hello), 'hello')
  })

  const wrong: Readonly<Record<string, readonly [SshQuirks, RegExp]>> = {
    'does not prove its key': [
      { signature: (given) => Buffer.concat([given.subarray(0, -1), Buffer.of(given.readUInt8(given.length - 1) ^ 1)]) },
      /prove|broke/,
    ],
    'proves it with another algorithm': [
      { signature: (given) => Buffer.concat([string('ssh-rsa'), given.subarray(15)]) },
      /algorithm/,
    ],
    'signs another half of the key': [{ point: () => Buffer.alloc(32, 9) }, /prove/],
    'gives half a key that makes nothing of ours (RFC 8731, section 3)': [{ point: () => Buffer.alloc(32) }, /broke|none/],
    'gives half a key that is too short': [{ point: (point) => point.subarray(1) }, /not whole/],
    'knows none of our key exchanges': [
      { lists: ([, ...more]) => ['diffie-hellman-group14-sha1', ...more] },
      /no algorithm in common/,
    ],
    'knows none of our ciphers': [
      { lists: ([a = '', b = '', , ...more]) => [a, b, 'aes128-ctr', ...more] },
      /no algorithm in common/,
    ],
    'guesses what we send': [{ guesses: true }, /guesses/],
    'sends something before the new keys': [{ newKeys: message(2, string('')) }, /new keys/],
    'has its packets changed on their way': [{ packet: (packet) => packet.fill(packet.readUInt8(8) ^ 1, 8, 9) }, /broke/],
    'speaks another version': [{ greeting: 'SSH-1.99-old\r\n' }, /another version/],
    'greets with a line without an end': [{ greeting: 'x'.repeat(300) }, /too much/],
    'greets for ever': [{ greeting: 'hello\r\n'.repeat(2000) }, /too much/],
    'is no SSH': [{ greeting: 'HTTP/1.1 400 Bad Request\r\n\r\n' }, /./],
  }
  for (const [what, [quirks, words]] of Object.entries(wrong))
    test(`is not spoken to when it ${what}`, { timeout: 30_000 }, async () => {
      const { io, server } = playSsh(quirks, greets)
      const connect = async (...given: Parameters<Io['connect']>) => {
        const connection = await io.connect(...given)
        setTimeout(() => connection.push(null), 500) // a server that waits for more ends
        return connection
      }
      const { code, detail } = await failureOf(withSsh({ ...io, connect }, server, hello))
      assert.equal(code, 'upstream_failed')
      assert.match(detail, words)
    })

  test('that has another host key is not spoken to', async () => {
    const [{ io }, { server }] = [playSsh({}, greets), playSsh({})]
    assert.match((await failureOf(withSsh(io, server, hello))).detail, /host key that settings\.host_keys does not name/)
  })

  test('that disconnects is told of to the operator in its words, without control characters', async () => {
    const { io, server } = playSsh({}, async ({ send }) => send(message(1, uint32(2), string('too many\u001b[2J'), string(''))))
    const { code, detail, operatorDetail } = await failureOf(withSsh(io, server, hello))
    assert.deepEqual([code, detail], ['upstream_failed', 'the SSH server disconnects'])
    assert.equal(operatorDetail, 'SSH disconnects (2): too many?[2J')
  })

  test('that chatters for ever, or closes, is given up', async () => {
    const chatters = playSsh({}, async ({ send }) => {
      for (let i = 0; i < 100; i += 1) send(message(2, string(Buffer.alloc(20_000))))
    })
    assert.match((await failureOf(withSsh(chatters.io, chatters.server, hello))).detail, /says too much/)
    const [theirs, ours] = duplexPair()
    ours.end()
    const closed = { ...chatters.io, connect: async () => theirs }
    assert.match((await failureOf(withSsh(closed, chatters.server, hello))).detail, /closed the connection/)
  })

  test('that says anything at all is refused and never otherwise', async () => {
    const { io, server } = playSsh({})
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), fc.boolean(), async (bytes, greetsFirst) => {
        const [theirs, ours] = duplexPair()
        ours.resume().end(Buffer.concat([Buffer.from(greetsFirst ? 'SSH-2.0-x\r\n' : ''), bytes]))
        const connect = async () => theirs
        assert.equal((await failureOf(withSsh({ ...io, connect }, server, hello))).code, 'upstream_failed')
      }),
      { numRuns: 300 },
    )
  })
})

describe('a login by certificate', () => {
  const ask = async (...answers: readonly (readonly Buffer[])[]) => {
    const { io, server } = playSsh({}, answering(...answers))
    return withSsh(io, server, async (ssh) => (await beginLogin(ssh)).wouldTake('deploy', CERTIFICATE))
  }
  const banner = message(53, string('welcome'), string(''))

  test('would go on or is refused, banner or not', async () => {
    const yes = message(60, string(CERTIFIED), string(CERTIFICATE))
    assert.equal(await ask([ACCEPT], [banner, yes]), true)
    assert.equal(await ask([ACCEPT], [banner, FAILURE]), false)
  })

  for (const [what, answers] of [
    ['another service', [[message(6, string('ssh-connection'))]]],
    ['a yes to another certificate', [[ACCEPT], [message(60, string(CERTIFIED), string('another'))]]],
    ['a yes to another algorithm', [[ACCEPT], [message(60, string('ssh-ed25519'), string(CERTIFICATE))]]],
    ['that more is wanted', [[ACCEPT], [message(51, string('password'), Buffer.of(1))]]],
    ['that the login is done', [[ACCEPT], [message(52)]]],
    ['something else', [[ACCEPT], [message(99)]]],
    ['a message that is cut off', [[ACCEPT], [message(51, uint32(900))]]],
    ['nothing at all', [[ACCEPT], [message(1, uint32(12), string('too many failures'), string(''))]]],
  ] as const)
    test(`is neither taken nor refused by an answer of ${what}`, async () => {
      assert.equal((await failureOf(ask(...answers))).code, 'upstream_failed')
    })
})

describe('a command', () => {
  const opened = message(91, uint32(0), uint32(7), uint32(0), uint32(32_768))
  const toUs = (type: number, ...parts: readonly Buffer[]): Buffer => message(type, uint32(0), ...parts)
  const [success, room, closed] = [toUs(99), toUs(93, uint32(100)), toUs(97)]
  const status = (value: number): Buffer => toUs(98, string('exit-status'), Buffer.of(0), uint32(value))
  const run = (play: (ssh: PlayedSsh) => Promise<void>) => {
    const { io, server } = playSsh({}, play)
    return withSsh(io, server, (ssh) => runCommand(ssh, 'revoke', 'id: x\n'))
  }

  test('is given its input when there is room for it, and answers how it ended and what it said', async () => {
    const got: Buffer[] = []
    const ended = await run(async ({ read, send }) => {
      await read()
      send(opened)
      got.push(await read())
      for (const one of [success, message(80, string('hostkeys-00@openssh.com'), Buffer.of(1))]) send(one)
      got.push(await read())
      send(room)
      got.push(await read(), await read())
      for (const one of [toUs(94, string('out\n')), toUs(95, uint32(1), string('err\u0007')), status(3), toUs(96), closed])
        send(one)
    })
    assert.deepEqual(ended, { status: 3, said: 'out err ' })
    assert.equal(got[1]?.readUInt8(), 82, 'it wants nothing of ours, and there is no room yet')
    const exec = readFields(got[0] ?? Buffer.alloc(0))
    assert.deepEqual([exec.byte(), exec.uint32(), exec.text(), exec.byte(), exec.text()], [98, 7, 'exec', 1, 'revoke'])
    assert.deepEqual(got.slice(2), [message(94, uint32(7), string('id: x\n')), message(96, uint32(7))])
  })

  test('that is refused, killed or never says how it ended has no exit status', async () => {
    const killed = toUs(98, string('exit-signal'), Buffer.of(0), string('KILL'), Buffer.of(0), string(''), string(''))
    for (const rest of [[toUs(100)], [success, closed], [success, killed, closed]])
      assert.equal((await run(answering([opened], rest))).status, undefined)
  })

  for (const [what, answers] of [
    ['no session', [[message(92, uint32(0), uint32(1), string('no'), string(''))]]],
    ['another channel', [[opened], [success, message(98, uint32(1), string('exit-status'), Buffer.of(0), uint32(0))]]],
    ['a login', [[opened], [message(52, uint32(0)), success, closed]]],
  ] as const)
    test(`did not run where the server answers of ${what}`, async () => {
      assert.equal((await failureOf(run(answering(...answers)))).code, 'upstream_failed')
    })
})
