import assert from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import pg from 'pg'
import type { Io } from '../../../src/credentials/minting.ts'
import { checkAnswers } from '../../../src/credentials/protocols/postgres-answers.ts'
import { openSession } from '../../../src/credentials/protocols/postgres-session.ts'
import { scramVerifier } from '../../../src/credentials/protocols/postgres-verifier.ts'
import { StintError } from '../../../src/errors.ts'
import { Secret } from '../../../src/secret.ts'
import { makeTestCa } from '../../gateway/dial-rig.ts'
import { listening } from '../../gateway/rig.ts'
import { ioFor } from '../../providers/own-io.ts'
import { shopTarget } from '../../providers/postgres.ts'

const LOGIN = { username: 'stint', password: new Secret('a password, so long'), database: 'shop' }

/** A message as the server sends it (PostgreSQL, "Message Formats"). */
function message(type: string, ...parts: readonly (string | number | readonly number[])[]): Buffer {
  const bytes = parts.map((part) =>
    typeof part === 'string' ? Buffer.from(part) : typeof part === 'number' ? int32(part) : Buffer.from(part),
  )
  const body = Buffer.concat(bytes)
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body])
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

const OK = message('R', 0)
const READY = message('Z', 'I')
const WHOLE_ERROR = message('E', 'SFATAL\0', 'C28P01\0', 'Mno\x07 such\n role\0', [0])

/** A server that answers the first bytes with `answers`, one for each chunk that comes. */
async function startServer(t: TestContext, ...answers: readonly Buffer[]): Promise<{ io: Io; port: number; said(): string }> {
  let said = ''
  const server = createServer((socket: Socket) => {
    const left = [...answers]
    socket
      .on('error', () => {})
      .on('data', (chunk) => {
        said += chunk.toString('latin1')
        const answer = left.shift()
        if (answer === undefined || answer.length === 0) socket.destroy()
        else socket.write(answer)
      })
  })
  const port = await listening(server)
  t.after(() => server.close())
  const ca = (await makeTestCa()).certificatePem
  return { io: ioFor(shopTarget({ port, ca })), port, said: () => said }
}

async function failureOf(t: TestContext, tls: boolean, ...answers: readonly Buffer[]) {
  const { io, port, said } = await startServer(t, ...answers)
  const opening = openSession(io, { host: 'localhost', port, tls }, LOGIN).then((session) => session.ask('SELECT 1'))
  const thrown = await opening.then(
    () => undefined,
    (failure: unknown) => failure,
  )
  assert.ok(thrown instanceof StintError, String(thrown))
  assert.ok(!JSON.stringify([thrown, said(), thrown.message, thrown.operatorDetail]).includes(LOGIN.password.reveal()))
  return thrown
}

test('a server that does not speak its protocol is a failure, whatever it says', async (t) => {
  for (const [what, answer] of Object.entries({
    'an error without its end': message('E', 'SFATAL\0', 'C28P01\0'),
    'an error whose last field has no end': message('E', 'SFATAL\0', 'C28P01'),
    'a notice without its end': message('N', 'SWARN\0'),
    'a short key': Buffer.concat([OK, message('K')]),
    'an authentication of no kind': message('R'),
    'a way to log in that nobody knows': message('R', 99),
    'a message of no length': Buffer.from('Z\0\0\0\0'),
    'a message without an end': Buffer.from([0x44, 0x7f, 0xff, 0xff, 0xff]),
    HTTP: Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
    'rows that nobody asked for': Buffer.concat([OK, READY, message('D', [0, 1], -1)]),
    'rows of a false count': Buffer.concat([OK, READY, message('T', [127, 255])]),
    'the end': Buffer.alloc(0),
  }))
    assert.equal((await failureOf(t, false, answer)).code, 'upstream_failed', what)
})

test('a password is not sent in the clear, whoever asks for it', async (t) => {
  const asked = await startServer(t, message('R', 3), OK)
  await assert.rejects(openSession(asked.io, { host: 'localhost', port: asked.port, tls: false }, LOGIN), {
    code: 'upstream_failed',
  })
  assert.match(asked.said(), /user\0stint\0/)
  assert.ok(!asked.said().includes(LOGIN.password.reveal()))
  for (const answer of ['N', 'E', 'SS', `S${OK}`, 'x'])
    assert.equal((await failureOf(t, true, Buffer.from(answer))).detail, 'PostgreSQL does not speak TLS here', answer)
})

test('what the server refuses is told to the operator in its words, on one line, and to the caller by its number', async (t) => {
  const thrown = await failureOf(t, false, WHOLE_ERROR)
  assert.equal(thrown.detail, 'PostgreSQL answered with the error 28P01')
  assert.equal(thrown.operatorDetail, 'PostgreSQL: no? such? role')
  const false1 = await failureOf(t, false, message('E', 'SFATAL\0', 'C28P01; DROP\0', 'Mx\0', [0]))
  assert.equal(false1.detail, 'the connection to PostgreSQL broke')
})

test('an answer is as long as an answer may be', async (t) => {
  const row = message('D', [0, 1], 60_000, 'x'.repeat(60_000))
  const fields = message('T', [0, 1], 'a\0', 0, [0, 0], 25, [255, 255], -1, [0, 0])
  const rows = Buffer.concat([fields, ...Array.from({ length: 300 }, () => row), message('C', 'SELECT 300\0'), READY])
  assert.equal((await failureOf(t, false, Buffer.concat([OK, READY]), rows)).code, 'upstream_failed')
})

test('whatever bytes come, in whatever pieces, pg is shown whole messages or the connection is over', async () => {
  const messages = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc
      .tuple(fc.constantFrom(...'RSKZTDCENA123IGHWdcns'), fc.uint8Array({ maxLength: 60 }))
      .map(([type, body]) => message(type, [...body])),
    fc.constantFrom(OK, READY, WHOLE_ERROR),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(messages, { maxLength: 8 }), fc.array(fc.nat(20), { maxLength: 8 }), async (sent, cuts) => {
      const wire = new PassThrough()
      wire.on('error', () => {})
      const { stream } = checkAnswers(wire, true)
      const client = new pg.Client({
        host: 'x',
        port: 1,
        user: 'u',
        password: 'p',
        database: 'd',
        ssl: false,
        stream: () => stream,
      })
      client.on('error', () => {})
      const connecting = client.connect().catch(() => {})
      let bytes = Buffer.concat(sent)
      for (const cut of [...cuts, bytes.length]) {
        if (!wire.destroyed) wire.emit('data', bytes.subarray(0, cut))
        bytes = bytes.subarray(cut)
      }
      await turn()
      wire.destroy()
      wire.emit('close')
      await connecting
    }),
    { numRuns: 2000 },
  )
})

test('what PostgreSQL keeps of a password lets nobody log in who does not know it', async () => {
  const [one, two] = await Promise.all([scramVerifier(LOGIN.password), scramVerifier(LOGIN.password)])
  assert.match(one, /^SCRAM-SHA-256\$4096:[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$/)
  assert.notEqual(one, two, 'each has a salt of its own')
})
