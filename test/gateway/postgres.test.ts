import assert from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { Connector } from '../../src/credentials/connector.ts'
import { postgres } from '../../src/credentials/connectors/postgres.ts'
import { cstring, int32, writeMessage, writeStartup } from '../../src/gateway/postgres-messages.ts'
import type { Target } from '../../src/model.ts'
import { Secret } from '../../src/secret.ts'
import { listening, type Rig, readAll, readHead, startRig, until } from './rig.ts'

const GREETING = [
  writeMessage('R', int32(0)),
  writeMessage('S', cstring('TimeZone'), cstring('UTC')),
  writeMessage('K', int32(7), int32(8)),
  writeMessage('Z', Buffer.from('I')),
]

/** A server that lets in whoever asks, and sends back what comes then, and the gateway before it. */
async function open(
  t: TestContext,
  options: { silent?: boolean; denies?: boolean; connector?: Connector; scheme?: 'postgres' } = {},
) {
  const cancels: string[] = []
  const server = createServer((socket: Socket) => {
    t.after(() => socket.destroy())
    socket
      .on('error', () => {})
      .once('data', (first: Buffer) => {
        if (first.length === 16) return void cancels.push(first.toString('hex', 8))
        if (options.silent !== true) socket.write(Buffer.concat(GREETING))
        socket.pipe(socket)
      })
  })
  const port = await listening(server)
  const target: Target = {
    ...postgres.example.target,
    hosts: [{ scheme: 'postgres', host: 'db.test', port }],
    privateNetworks: ['127.0.0.0/8'],
    settings: { ...postgres.example.target.settings, tls: 'off' },
  }
  const login = { kind: 'login', username: 'lease_a', value: new Secret('a password, so long') } as const
  const denies = () => options.denies ?? false
  const rig = await startRig({ targets: [target], connector: options.connector ?? postgres, injections: [login], denies })
  t.after(async () => {
    server.close()
    await rig.stop()
  })
  return { rig, port, cancels }
}

/** Through the gateway to the server, as `stint run` goes. */
async function reach(rig: Rig, port: number): Promise<Socket> {
  const socket = await rig.attach()
  socket.on('error', () => {}) // a cut is a reset
  socket.write(`CONNECT db.test:${port} HTTP/1.1\r\nHost: db.test:${port}\r\n\r\n`)
  assert.match(await readHead(socket), /^HTTP\/1\.1 200 /)
  return socket
}

const asReader = (user = 'read'): Buffer =>
  writeStartup(
    new Map([
      ['user', user],
      ['database', 'shop'],
    ]),
  )

/** What has come up to and with `end`. */
async function readUntil(socket: Socket, end: Buffer): Promise<Buffer> {
  let seen = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    seen = Buffer.concat([seen, chunk])
  })
  socket.resume()
  await until(() => seen.includes(end) || socket.destroyed)
  return seen
}

test('a session is decided, recorded, greeted with a key of our own, carried, and cut', async (t) => {
  const { rig, port, cancels } = await open(t)
  const socket = await reach(rig, port)
  socket.write(asReader())
  const seen = await readUntil(socket, Buffer.from('Z\0\0\0\x05I'))
  socket.write('Qecho')
  await readUntil(socket, Buffer.from('Qecho'))
  const [, , serverKey] = GREETING
  assert.ok(serverKey && !seen.includes(serverKey))
  const key = seen.subarray(seen.indexOf('K\0\0\0\x0c') + 5).subarray(0, 8)
  const cancelling = await reach(rig, port)
  cancelling.write(Buffer.concat([int32(16), int32(80_877_102), key]))
  await until(() => cancels.length === 1)
  assert.deepEqual(cancels, ['0000000700000008'])
  rig.flows.cut({ kind: 'all' })
  await until(() => socket.destroyed)
  await until(() => rig.outcomes().length === 1)
  assert.equal(rig.outcomes()[0]?.result, 'cut')
  assert.deepEqual(
    rig.decided().map(({ action, resource }) => [action, resource]),
    [['postgres:Session::read', 'shop shop']],
  )
})

test('what is denied or not known is said in the protocol’s words, and nothing is dialled', async (t) => {
  const { rig, port } = await open(t, { denies: true })
  for (const [first, words] of [
    [asReader(), /C28000\0Mstint: Policy denies this \(denied\)/],
    [asReader('postgres'), /\(unknown_action\): connect as the user `read`/],
    [Buffer.from('GET / HTTP/1.1\r\n\r\n'), /C08P01\0M.*\(malformed_request\)/],
  ] as const) {
    const socket = await reach(rig, port)
    socket.write(first)
    assert.match(await readAll(socket), words)
  }
  assert.deepEqual(rig.dialled, [])
})

test('a session that is cut while it logs in was revoked', async (t) => {
  const { rig, port } = await open(t, { silent: true })
  const socket = await reach(rig, port)
  socket.write(asReader())
  await until(() => rig.dialled.length === 1)
  rig.flows.cut({ kind: 'all' })
  await until(() => rig.outcomes().length === 1)
  assert.equal(rig.outcomes()[0]?.code, 'revoked')
})

test('a kind of target that opens no sessions opens none', async (t) => {
  const { describeSession: _, ...connector } = postgres
  const { rig, port } = await open(t, { connector })
  const socket = await reach(rig, port)
  socket.write(asReader())
  assert.match(await readAll(socket), /opens no sessions/)
})
