import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import fc from 'fast-check'
import { StintError } from '../../src/errors.ts'
import { createByteReader } from '../../src/gateway/byte-reader.ts'
import { writeRefusalMessage, writeStartup } from '../../src/gateway/postgres-messages.ts'
import { readStartup, type Startup } from '../../src/gateway/postgres-startup.ts'
import { malformed } from '../../src/gateway/refusal.ts'

const SSL = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
const GSSENC = Buffer.from([0, 0, 0, 8, 4, 210, 22, 48])
const CANCEL = Buffer.concat([Buffer.from([0, 0, 0, 16, 4, 210, 22, 46]), Buffer.from('0102030405060708', 'hex')])

/** What a client that sends these pieces and then goes is taken for, what it was answered, and what is left of its bytes. */
async function read(...pieces: readonly Uint8Array[]): Promise<{ startup: Startup; answered: string; left: string }> {
  const stream = new PassThrough()
  const reader = createByteReader(stream, () => malformed('it ended'))
  let answered = ''
  const reading = readStartup(reader, (bytes) => {
    answered += bytes.toString('latin1')
  })
  for (const piece of pieces) stream.write(piece)
  stream.end()
  const startup = await reading
  reader.release()
  return { startup, answered, left: String(stream.read() ?? '') }
}

const refused = (...pieces: readonly Uint8Array[]) =>
  assert.rejects(read(...pieces), { name: 'StintError', code: 'malformed_request' })

const named = (...pairs: [string, string][]): Buffer => writeStartup(new Map(pairs))

test('a session is opened by its names, in whatever pieces they come; requests to encrypt are answered no', async () => {
  const message = named(['user', 'read'], ['database', 'shop'], ['application_name', 'psql'])
  const bytes = Buffer.concat([SSL, GSSENC, message, Buffer.from('Q')])
  for (const pieces of [[bytes], [...bytes].map((byte) => Buffer.from([byte]))]) {
    const { startup, answered, left } = await read(...pieces)
    assert.deepEqual(startup, {
      ...{ kind: 'session', user: 'read', database: 'shop', unknown: [], isNewer: false },
      settings: new Map([['application_name', 'psql']]),
    })
    assert.equal(answered, 'NN')
    assert.equal(left, 'Q')
  }
})

test('a request to cancel is its key', async () => {
  assert.deepEqual((await read(CANCEL)).startup, { kind: 'cancel', key: '0102030405060708' })
})

test('a newer protocol and its options are told apart, to be answered as not known', async () => {
  const message = named(['user', 'read'], ['_pq_.x', '1'])
  message.writeUInt16BE(2, 6)
  const { startup } = await read(message)
  assert.ok(startup.kind === 'session' && startup.isNewer)
  assert.deepEqual([startup.unknown, [...startup.settings]], [['_pq_.x'], []])
})

test('what is not a startup message is refused', async () => {
  const twice = Buffer.from(named(['user', 'read'], ['uses', 'post']).toString('latin1').replace('uses', 'user'), 'latin1')
  const endless = named(['user', 'read']).subarray(0, -1)
  endless.writeInt32BE(endless.length)
  const old = named(['user', 'read'])
  old.writeUInt16BE(2, 4)
  await refused(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
  await refused(Buffer.from([0, 0, 0, 7, 0, 3, 0]))
  await assert.rejects(read(Buffer.from([0, 0, 0x27, 0x11, 0, 3, 0, 0])), { detail: 'a startup message of 10001 bytes' })
  await refused(SSL, SSL, SSL, named(['user', 'read']))
  await refused(CANCEL.subarray(0, 12))
  await refused(Buffer.concat([Buffer.from([0, 0, 0, 12]), CANCEL.subarray(4, 12)]))
  await refused(twice)
  await refused(endless)
  await refused(old)
  await refused(named(['user', 'read'], ['replication', 'database']))
  await refused(named(['user', 'read'], ['', 'x']))
})

test('whatever bytes come, a startup is read or refused', async () => {
  const pieces = fc.array(
    fc.oneof(
      fc.constantFrom(SSL, GSSENC, CANCEL, named(['user', 'a'])),
      fc.uint8Array({ maxLength: 40 }),
      fc.uint8Array({ maxLength: 60 }).map((body) => Buffer.concat([Buffer.from([0, 0, 0, body.length + 8, 0, 3, 0, 0]), body])),
    ),
    { maxLength: 4 },
  )
  await fc.assert(
    fc.asyncProperty(pieces, async (sent) => {
      const result = await read(...sent).catch((thrown: unknown) => thrown)
      if (result instanceof Error) assert.ok(result instanceof StintError && result.code === 'malformed_request', String(result))
    }),
    { numRuns: 2000 },
  )
})

test('a refusal is a server’s last word, without what would end a field or move a cursor', () => {
  const detail = 'no\0t\x1b[2J this'
  const text = writeRefusalMessage({ code: 'denied', detail, reasons: ['because'], correlationId: 'c-1' }).toString()
  assert.match(
    text,
    /^E\0\0..SFATAL\0VFATAL\0C28000\0Mstint: Policy denies this \(denied\): no\?t\?\[2J this\0Dbecause\nCorrelation id: c-1\0H/s,
  )
  assert.ok(text.endsWith('\0\0'))
})
