import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { TLSSocket } from 'node:tls'
import { Pool, request } from 'undici'
import { type ErrorCode, StintError } from '../../src/errors.ts'
import { createDial, type Dial, type DialTarget, type Resolve } from '../../src/gateway/dial.ts'
import { makeTestCa, startSilent, startTcp, startTls } from './dial-rig.ts'

const HERE = ['127.0.0.1/32']

/** A way out in which every name has these addresses, one list per question. */
function dialTo(...answers: readonly (readonly string[])[]): Dial & { readonly asked: string[] } {
  const asked: string[] = []
  const resolve: Resolve = async (host) => {
    asked.push(host)
    return answers[Math.min(asked.length, answers.length) - 1] ?? []
  }
  return { ...createDial({ resolve, connectTimeoutMs: 2000 }), asked }
}

async function open(t: TestContext, dial: Dial, target: Partial<DialTarget> & { port: number }): Promise<Socket | TLSSocket> {
  const socket = await dial.dial({ host: 'up.example', tls: false, privateNetworks: HERE, ...target })
  t.after(() => socket.destroy())
  return socket
}

function isError(code: ErrorCode, detail?: RegExp) {
  return (thrown: unknown) => {
    assert.ok(thrown instanceof StintError, String(thrown))
    assert.equal(thrown.code, code, thrown.message)
    if (detail !== undefined) assert.match(thrown.detail, detail)
    return true
  }
}

test('it connects to the address that was checked, and asks for the name once', async (t) => {
  const server = await startTcp(t)
  const dial = dialTo(['127.0.0.1'], ['127.0.0.2'])
  const socket = await open(t, dial, { port: server.port })
  assert.equal(socket.remoteAddress, '127.0.0.1')
  assert.deepEqual(dial.asked, ['up.example'])
  assert.equal(String((await once(socket, 'data'))[0]), 'hello')
})

test('an address that the target does not declare is not connected to, and the caller is not told which', async (t) => {
  const server = await startTcp(t)
  for (const address of ['127.0.0.1', '10.0.0.1', '169.254.169.254', '::1', '::ffff:127.0.0.1', '0.0.0.0', '2002:7f00:1::']) {
    await assert.rejects(open(t, dialTo([address]), { port: server.port, privateNetworks: [] }), (thrown) => {
      assert.ok(isError('address_refused')(thrown) && thrown instanceof StintError)
      assert.equal(thrown.detail.includes(address), false)
      assert.ok(thrown.operatorDetail?.includes(address))
      return true
    })
  }
  assert.equal(server.connections, 0)
})

test('an address given as the host is judged as one that was resolved', async (t) => {
  const server = await startTcp(t)
  const dial = dialTo([])
  for (const host of ['127.0.0.1', '[::1]', '::1', '[::ffff:127.0.0.1]', '0.0.0.0'])
    await assert.rejects(open(t, dial, { host, port: server.port, privateNetworks: [] }), isError('address_refused'))
  await open(t, dial, { host: '127.0.0.1', port: server.port })
  assert.deepEqual(dial.asked, [])
  assert.equal(server.connections, 1)
})

test('odd spellings of an address go to the resolver as names and not around the check', async (t) => {
  const server = await startTcp(t)
  for (const host of ['127.1', '0x7f000001', '2130706433', '017700000001', 'localhost'])
    await assert.rejects(
      open(t, createDial({ connectTimeoutMs: 2000 }), { host, port: server.port, privateNetworks: [] }),
      StintError,
    )
  assert.equal(server.connections, 0)
})

test('of several addresses only those that are allowed are tried', async (t) => {
  const server = await startTcp(t)
  const socket = await open(t, dialTo(['169.254.169.254', '10.0.0.1', '127.0.0.1']), { port: server.port })
  assert.equal(socket.remoteAddress, '127.0.0.1')
})

test('when an address refuses, the next is tried', async (t) => {
  const server = await startTcp(t)
  const socket = await open(t, dialTo(['127.0.0.2', '127.0.0.1']), { port: server.port, privateNetworks: ['127.0.0.0/8'] })
  assert.equal(socket.remoteAddress, '127.0.0.1')
})

test('a name without an address, and one that cannot be resolved, are failures that say so', async (t) => {
  await assert.rejects(open(t, dialTo([]), { port: 1 }), isError('upstream_failed', /no address/))
  const broken = createDial({ resolve: async () => Promise.reject(new Error('ENOTFOUND')), connectTimeoutMs: 2000 })
  await assert.rejects(open(t, broken, { port: 1 }), isError('upstream_failed', /cannot be resolved/))
})

test('one limit covers a resolver, and a handshake, that never answer; nothing stays open', async (t) => {
  const hanging = createDial({ resolve: () => new Promise(() => {}), connectTimeoutMs: 30 })
  await assert.rejects(open(t, hanging, { port: 1 }), isError('upstream_timeout', /resolving/))
  const silent = await startSilent(t)
  const dial = createDial({ resolve: async () => ['127.0.0.1'], connectTimeoutMs: 60 })
  await assert.rejects(open(t, dial, { port: silent.port, tls: true }), isError('upstream_timeout'))
  for (let i = 0; i < 200 && silent.open > 0; i += 1) await new Promise((done) => setTimeout(done, 5))
  assert.equal(silent.open, 0)
})

test('a port where nothing listens is a failure with the reason', async (t) => {
  const { port } = await startTcp(t)
  await assert.rejects(
    open(t, dialTo(['127.0.0.2']), { port, privateNetworks: ['127.0.0.2'] }),
    isError('upstream_failed', /ECONNREFUSED/),
  )
})

test('TLS is verified against the name with the target’s own CA', async (t) => {
  const ca = await makeTestCa()
  const server = await startTls(t, ca, 'up.example')
  const socket = await open(t, dialTo(['127.0.0.1']), { port: server.port, tls: true, trustedCa: ca.certificatePem })
  assert.ok(socket instanceof TLSSocket && socket.authorized)
  assert.match(String(socket.getProtocol()), /^TLSv1\.[23]$/)
  assert.equal(socket.alpnProtocol, false)
  assert.deepEqual(server.asked, ['up.example'])
})

test('a certificate of a CA that is not trusted, or for another name, is a failure, whatever the environment says', async (t) => {
  const ca = await makeTestCa()
  const other = await makeTestCa()
  const server = await startTls(t, ca, 'other.example')
  const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  t.after(() => {
    if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before
  })
  const target = { port: server.port, tls: true }
  const dial = dialTo(['127.0.0.1'])
  await assert.rejects(open(t, dial, target), isError('upstream_failed', /SELF_SIGNED_CERT_IN_CHAIN/))
  await assert.rejects(open(t, dial, { ...target, trustedCa: other.certificatePem }), isError('upstream_failed', /CERT|ISSUER/))
  await assert.rejects(open(t, dial, { ...target, trustedCa: ca.certificatePem }), isError('upstream_failed', /ALTNAME/))
  await open(t, dial, { ...target, trustedCa: ca.certificatePem, servername: 'other.example' })
})

test('a target reached by address is verified by that address, and asks for no name', async (t) => {
  const ca = await makeTestCa()
  const target = { host: '127.0.0.1', tls: true, trustedCa: ca.certificatePem }
  const right = await startTls(t, ca, '127.0.0.1')
  await open(t, dialTo([]), { ...target, port: right.port })
  assert.deepEqual(right.asked, [])
  const wrong = await startTls(t, ca, '127.0.0.2')
  await assert.rejects(open(t, dialTo([]), { ...target, port: wrong.port }), isError('upstream_failed', /ALTNAME/))
})

test('TLS 1.1 is refused', async (t) => {
  const ca = await makeTestCa()
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' } as const
  const server = await startTls(t, ca, 'up.example', old)
  const dial = dialTo(['127.0.0.1'])
  await assert.rejects(
    open(t, dial, { port: server.port, tls: true, trustedCa: ca.certificatePem }),
    isError('upstream_failed', /SSL|PROTOCOL|VERSION|RESET/),
  )
})

test('a trusted CA that is no certificate is refused', async (t) => {
  await assert.rejects(open(t, dialTo(['127.0.0.1']), { port: 1, tls: true, trustedCa: 'x' }), StintError)
})

test('an undici pool opens its sockets here, and gets the refusal with its code', async (t) => {
  const ca = await makeTestCa()
  const server = await startTls(t, ca, 'up.example')
  const dial = dialTo(['127.0.0.1'])
  const origin = `https://up.example:${server.port}`
  const pool = new Pool(origin, { connect: dial.connector({ trustedCa: ca.certificatePem, privateNetworks: HERE }) })
  t.after(() => pool.destroy())
  const { body } = await request(`${origin}/`, { dispatcher: pool })
  assert.equal(await body.text(), 'ok')
  const closed = new Pool(origin, { connect: dial.connector({ trustedCa: ca.certificatePem, privateNetworks: [] }) })
  t.after(() => closed.destroy())
  await assert.rejects(request(`${origin}/`, { dispatcher: closed }), isError('address_refused'))
})

test('the Host field of a request does not change which name is verified', async (t) => {
  const ca = await makeTestCa()
  const server = await startTls(t, ca, 'evil.example')
  const origin = `https://up.example:${server.port}`
  const connect = dialTo(['127.0.0.1']).connector({ trustedCa: ca.certificatePem, privateNetworks: HERE })
  const pool = new Pool(origin, { connect })
  t.after(() => pool.destroy())
  await assert.rejects(
    request(`${origin}/`, { dispatcher: pool, headers: { host: 'evil.example' } }),
    isError('upstream_failed', /ALTNAME/),
  )
  assert.deepEqual(server.asked, ['up.example'])
})
