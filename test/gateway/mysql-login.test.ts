import assert from 'node:assert/strict'
import { constants as crypto, generateKeyPairSync, privateDecrypt } from 'node:crypto'
import { type Duplex, duplexPair } from 'node:stream'
import { describe, test } from 'node:test'
import { createByteReader } from '../../src/gateway/byte-reader.ts'
import { logIn } from '../../src/gateway/mysql-login.ts'
import { int32, OFFERED, readPacket, writePacket } from '../../src/gateway/mysql-packets.ts'

/** MySQL itself is not among Debian's packages: its own way to log in is played by its description. */
const PASSWORD = 'a password, so long'
const SCRAMBLE = Buffer.from('abcdefghijklmnopqrst')
const HELLO = { sequence: 1, flags: OFFERED, maxPacketBytes: 1 << 24, charset: 45, user: 'ann', database: 'shop' }
const OK = Buffer.from([0, 0, 0, 2, 0, 0, 0])

function greeting(plugin: string): Buffer {
  const flags = int32(OFFERED | (1 << 11))
  const [low, high] = [flags.subarray(0, 2), flags.subarray(2)]
  const first = [Buffer.from([10]), Buffer.from('8.4.0\0'), int32(7), SCRAMBLE.subarray(0, 8), Buffer.from([0]), low]
  const rest = [Buffer.from([45, 2, 0]), high, Buffer.from([21]), Buffer.alloc(10), SCRAMBLE.subarray(8), Buffer.from([0])]
  return writePacket(0, ...first, ...rest, Buffer.from(`${plugin}\0`))
}

/** A server that greets, and answers each packet of the client as told. */
async function against(
  answers: readonly ((said: Buffer) => Buffer)[],
  plugin: string,
  secure?: () => Promise<Duplex>,
): Promise<Buffer> {
  const [client, server] = duplexPair()
  const reader = createByteReader(server, () => new Error('closed') as never)
  server.write(greeting(plugin))
  const playing = (async () => {
    for (const answer of answers) {
      const { sequence, payload } = await readPacket(reader, (why) => new Error(why))
      server.write(writePacket(sequence + 1, answer(payload)))
    }
  })()
  const { ok } = await logIn(client, { hello: HELLO, username: 'lease_a', password: PASSWORD, ...(secure && { secure }) })
  await playing
  return ok
}

const failure = { code: 'upstream_failed' }

describe('the login of a session at a MySQL server', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const key = Buffer.from(publicKey.export({ type: 'spki', format: 'pem' }))

  test('is over when the server remembers the password', async () => {
    const named = (said: Buffer): Buffer => {
      assert.match(said.toString('latin1'), /lease_a\0.{33}shop\0caching_sha2_password\0$/s)
      return Buffer.from([1, 3])
    }
    const [client, server] = duplexPair()
    server.write(greeting('caching_sha2_password'))
    const reader = createByteReader(server, () => new Error('closed') as never)
    const login = logIn(client, { hello: HELLO, username: 'lease_a', password: PASSWORD })
    const { payload } = await readPacket(reader, (why) => new Error(why))
    server.write(Buffer.concat([writePacket(2, named(payload)), writePacket(3, OK)]))
    assert.deepEqual((await login).ok, OK)
  })

  test('shows the password under the server’s key where there is no TLS', async () => {
    const unsealed = (said: Buffer): Buffer => {
      const bytes = privateDecrypt({ key: privateKey, padding: crypto.RSA_PKCS1_OAEP_PADDING }, said)
      assert.equal(Buffer.from(bytes.map((byte, at) => byte ^ (SCRAMBLE[at % 20] ?? 0))).toString(), `${PASSWORD}\0`)
      return OK
    }
    const asked = (said: Buffer): Buffer => {
      assert.deepEqual([...said], [2])
      return Buffer.concat([Buffer.from([1]), key])
    }
    assert.deepEqual(await against([() => Buffer.from([1, 4]), asked, unsealed], 'caching_sha2_password'), OK)
  })

  const switchTo = (plugin: string) => () =>
    Buffer.concat([Buffer.from([0xfe]), Buffer.from(`${plugin}\0`), SCRAMBLE, Buffer.from([0])])
  for (const [what, answers, plugin] of [
    ['asks for the password in the clear', [switchTo('mysql_clear_password')], 'mysql_native_password'],
    ['asks for a plugin that nobody knows', [switchTo('__proto__')], 'mysql_native_password'],
    ['sends a key that is none', [() => Buffer.from([1, 4]), () => Buffer.from('\u0001key')], 'caching_sha2_password'],
    ['asks without end', Array(6).fill(switchTo('mysql_native_password')), 'mysql_native_password'],
    ['asks for more of what gives no more', [() => Buffer.from([1, 4])], 'mysql_native_password'],
    ['refuses', [() => Buffer.from([0xff, 0x15, 4, 35])], 'mysql_native_password'],
    ['says nothing', [() => Buffer.alloc(0)], 'mysql_native_password'],
  ] as const)
    test(`fails when the server ${what}`, () => assert.rejects(against(answers, plugin), failure))

  test('fails where the server cannot do what the client asks for, and sends nothing', async () => {
    const [client, server] = duplexPair()
    server.write(greeting('mysql_native_password'))
    const more = { ...HELLO, flags: OFFERED | (1 << 27) }
    await assert.rejects(logIn(client, { hello: more, username: 'lease_a', password: PASSWORD }), failure)
    assert.equal(server.readableLength, 0)
  })
})
