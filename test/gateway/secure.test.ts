import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { TLSSocket } from 'node:tls'
import { StintError } from '../../src/errors.ts'
import { createDial } from '../../src/gateway/dial.ts'
import { createIo } from '../../src/gateway/io.ts'
import { makeTestCa, startSilent, type TestCa } from './dial-rig.ts'
import { listening } from './rig.ts'

const PRIVATE = ['127.0.0.0/8']
const dial = createDial({ resolve: async () => ['127.0.0.1'], connectTimeoutMs: 1000 })

/** A server that answers the first byte in the clear with `S`, and then speaks TLS as `localhost`. */
async function startClearFirst(t: TestContext, ca: TestCa): Promise<number> {
  const leaf = await ca.leafFor('localhost')
  const server = createServer((socket: Socket) => {
    socket
      .on('error', () => {})
      .once('data', () => {
        socket.write('S')
        const secured = new TLSSocket(socket, { isServer: true, ...leaf })
        secured.on('error', () => {}).on('secure', () => secured.end('hello'))
      })
  })
  t.after(() => server.close())
  return listening(server)
}

async function begin(t: TestContext, port: number): Promise<Socket> {
  const socket = await dial.dial({ host: 'localhost', port, tls: false, privateNetworks: PRIVATE })
  t.after(() => socket.destroy())
  return socket
}

async function askInClear(socket: Socket): Promise<void> {
  socket.write('?')
  const [answer] = await once(socket, 'data')
  assert.equal(String(answer), 'S')
  socket.pause()
}

test('a connection that began in the clear goes on over TLS, with a certificate that is verified', async (t) => {
  const ca = await makeTestCa()
  const socket = await begin(t, await startClearFirst(t, ca))
  await askInClear(socket)
  const secured = await dial.secure(socket, { host: 'localhost', trustedCa: ca.certificatePem })
  assert.equal(String((await once(secured, 'data'))[0]), 'hello')
})

test('another name, a CA nobody trusts and a server that goes silent are refused, and the connection is gone', async (t) => {
  const ca = await makeTestCa()
  const port = await startClearFirst(t, ca)
  const silent = await startSilent(t)
  const refused = async (port: number, target: { host: string; trustedCa?: string }, code: string, ask = askInClear) => {
    const socket = await begin(t, port)
    await ask(socket)
    await assert.rejects(dial.secure(socket, target), (thrown) => thrown instanceof StintError && thrown.code === code)
    assert.ok(socket.destroyed)
  }
  await refused(port, { host: 'other.example', trustedCa: ca.certificatePem }, 'upstream_failed')
  await refused(port, { host: 'localhost' }, 'upstream_failed')
  await refused(silent.port, { host: 'localhost', trustedCa: ca.certificatePem }, 'upstream_timeout', async () => {})
})

test('a connector’s way out is one for equal places, and secures no connection for a host that is not among them', async (t) => {
  const places = [{ scheme: 'postgres', host: 'localhost', port: 5432 }] as const
  const settings = { privateNetworks: PRIVATE }
  const io = createIo(dial, places, settings, Date.now)
  assert.equal(createIo(dial, [...places], { ...settings }, Date.now), io)
  assert.notEqual(createIo(dial, places, { privateNetworks: [] }, Date.now), io)
  assert.notEqual(
    createIo(dial, places, settings, () => 0),
    io,
  )
  assert.notEqual(createIo(createDial({ connectTimeoutMs: 1 }), places, settings, Date.now), io)
  const socket = await begin(t, (await startSilent(t)).port)
  await assert.rejects(io.secure(socket, 'other.example'), { code: 'host_not_in_lease' })
})
