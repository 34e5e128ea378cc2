import assert from 'node:assert/strict'
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { duplexPair } from 'node:stream'
import { test } from 'node:test'
import { StintError } from '../../src/errors.ts'
import { createByteReader } from '../../src/gateway/byte-reader.ts'
import { logIn } from '../../src/gateway/postgres-login.ts'
import { cstring, int32, writeMessage } from '../../src/gateway/postgres-messages.ts'
import { createScram } from '../../src/gateway/scram.ts'
import { Secret } from '../../src/secret.ts'

const PASSWORD = 'a password, so long'
const OK = writeMessage('R', int32(0))
const READY = writeMessage('Z', Buffer.from('I'))
const SASL = writeMessage('R', int32(10), cstring('SCRAM-SHA-256'), Buffer.from([0]))
const KEY = writeMessage('K', int32(1), int32(2))
const PARAMETER = writeMessage('S', cstring('TimeZone'), cstring('UTC'))
const TWO_KEYS = Buffer.concat([OK, writeMessage('K', Buffer.alloc(9))])

/** A server that answers each thing the client says by the next of `answers`, then goes. */
async function against(isClear: boolean, ...answers: readonly (Buffer | ((said: Buffer) => Buffer))[]) {
  const [ours, theirs] = duplexPair()
  let said = ''
  const left = [...answers]
  theirs.on('data', (chunk: Buffer) => {
    said += chunk.toString('latin1')
    const answer = left.shift()
    if (answer === undefined) theirs.destroy()
    else theirs.write(typeof answer === 'function' ? answer(chunk) : answer)
  })
  ours.on('error', () => {})
  theirs.on('error', () => {}).on('close', () => ours.destroy())
  const login = { kind: 'login', username: 'lease_a', value: new Secret(PASSWORD) } as const
  const settings = new Map([['application_name', 'psql']])
  const result = await logIn(ours, { login, database: 'shop', settings, isClear }).catch((thrown: unknown) => thrown)
  assert.ok(result instanceof StintError === ours.destroyed, 'a login that failed leaves no connection')
  return { result, said }
}

/** The server's side of SCRAM (RFC 5802, section 3): its first message, and its signature over the client's last one. */
function scramServer(known = PASSWORD, change: { nonce?: string; iterations?: number } = {}) {
  const salt = Buffer.alloc(16, 1)
  const { iterations = 4096 } = change
  let [first, bare] = ['', '']
  return {
    first: (said: Buffer): Buffer => {
      bare = /n=,r=.+$/s.exec(said.toString('latin1'))?.[0] ?? ''
      const nonce = change.nonce ?? `${bare.slice('n=,r='.length)}more`
      first = `r=${nonce},s=${salt.toString('base64')},i=${iterations}`
      return writeMessage('R', int32(11), Buffer.from(first))
    },
    final: (said: Buffer): Buffer => {
      const [, withoutProof] = /(c=biws,r=[^,]+),p=/.exec(said.toString('latin1')) ?? []
      const salted = pbkdf2Sync(known, salt, iterations, 32, 'sha256')
      const key = createHmac('sha256', salted).update('Server Key').digest()
      const signature = createHmac('sha256', key).update([bare, first, withoutProof].join(',')).digest('base64')
      return Buffer.concat([writeMessage('R', int32(12), Buffer.from(`v=${signature}`)), OK, PARAMETER, KEY, READY])
    },
  }
}

function assertFailed({ result, said }: { result: unknown; said: string }, detail: RegExp): void {
  assert.ok(result instanceof StintError && result.code === 'upstream_failed', String(result))
  assert.match(result.detail, detail)
  assert.ok(!said.includes(PASSWORD))
}

test('both sides prove that they know the password, and the client is told what the server told, without its key', async () => {
  const server = scramServer()
  const { result, said } = await against(true, SASL, server.first, server.final)
  assert.deepEqual(result, { told: PARAMETER, cancelKey: KEY.subarray(5), ready: READY })
  assert.match(said, /application_name\0psql\0user\0lease_a\0database\0shop\0\0/)
  assert.ok(!said.includes(PASSWORD))
})

test('a server that does not know the password, or does not show it, is not believed', async () => {
  const wrong = scramServer('another')
  assertFailed(await against(false, SASL, wrong.first, wrong.final), /does not know the password/)
  const silent = scramServer()
  assertFailed(await against(false, SASL, silent.first, Buffer.concat([OK, READY])), /its answer is not to a login/)
  assertFailed(await against(false, SASL, Buffer.concat([OK, READY])), /its answer is not to a login/)
  for (const change of [{ nonce: 'ours?' }, { iterations: 100_001 }])
    assertFailed(await against(false, SASL, scramServer(PASSWORD, change).first), /not to this login|100001 iterations/)
  assertFailed(await against(false, SASL, writeMessage('R', int32(11), Buffer.from('r=x'))), /not to this login/)
})

test('a password is shown within TLS only, and never as its MD5', async () => {
  const asked = writeMessage('R', int32(3))
  assertFailed(await against(true, asked), /logs in by SCRAM/)
  assertFailed(await against(false, writeMessage('R', int32(5), int32(1))), /logs in by SCRAM/)
  const { result, said } = await against(false, asked, Buffer.concat([OK, READY]))
  assert.ok(!(result instanceof Error) && said.includes(PASSWORD))
})

test('anything else is a failure, with the server’s words for the operator', async () => {
  const error = writeMessage('E', cstring('SFATAL'), cstring('C53300'), cstring('Mtoo\x07 many'), Buffer.from([0]))
  const { result } = await against(false, error)
  assert.ok(result instanceof StintError)
  assert.equal(result.detail, 'PostgreSQL does not open a session (SQLSTATE 53300)')
  assert.equal(result.operatorDetail, 'too? many')
  for (const answer of [
    Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
    writeMessage('R'),
    writeMessage('R', int32(10), cstring('SCRAM-SHA-1'), Buffer.from([0])),
    writeMessage('E'),
    TWO_KEYS,
    Buffer.concat([OK, writeMessage('D')]),
    Buffer.concat([OK, ...Array.from({ length: 10 }, () => writeMessage('N', Buffer.alloc(10_000)))]),
  ])
    assertFailed(await against(false, answer), /PostgreSQL/)
  for (const answer of [Buffer.from('R\0\0\0\0'), Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')])
    assertFailed(await against(false, answer), /what is not its protocol/)
})

test('what follows a login is left on the stream', async () => {
  const [ours, theirs] = duplexPair()
  const reader = createByteReader(ours, () => new StintError('upstream_failed', 'it ended'))
  theirs.write('one, two')
  assert.equal(String(await reader.read(3)), 'one')
  reader.release()
  assert.equal(String(ours.read()), ', two')
})

test('a login signs once: what was never answered is not verified', () => {
  assert.throws(() => createScram(new Secret(PASSWORD)).verify(`v=${createHash('sha256').digest('base64')}`), StintError)
})
