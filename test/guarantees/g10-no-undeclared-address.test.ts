import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { type TestContext, test } from 'node:test'
import type { Target } from '../../src/model.ts'
import { exchange, listening, type Rig, startRig, targetAt } from '../gateway/rig.ts'

/** G10: a workload cannot make the gateway reach loopback, link-local, metadata or private addresses that no target declares. */

const INSIDE = [
  '127.0.0.1',
  '127.8.8.8',
  '0.0.0.0',
  '10.0.0.1',
  '172.16.0.1',
  '192.168.0.1',
  '100.64.0.1',
  '169.254.0.1',
  '169.254.169.254',
  '100.100.100.200',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:127.0.0.1',
  '::127.0.0.1',
  '64:ff9b::7f00:1',
  '2002:7f00:1::',
  '2001:0:7f00:1::',
  'fe80::1',
  'fd00::1',
  'fd00:ec2::254',
  'ff02::1',
]

for (const address of INSIDE) {
  test(`a declared name that resolves to ${address} is refused when the target does not declare that network`, async (t) => {
    const { rig, reached } = await start(t, { names: { 'up.test': [address] } }, [])
    const { status, body } = await get(rig, 'http://up.test', rig.upstream)
    assert.equal(status, 403)
    assert.equal(JSON.parse(body).code, 'address_refused')
    assert.equal(body.includes(address), false, 'the workload learns nothing of the network')
    assert.deepEqual(reached, [])
  })
}

test('the same name is reached when the target declares the network, so the refusals above refuse something', async (t) => {
  const { rig, reached } = await start(t, { names: { 'up.test': ['127.0.0.1'] } }, ['127.0.0.1/32'])
  assert.equal((await get(rig, 'http://up.test', rig.upstream)).status, 200)
  assert.deepEqual(reached, ['up.test'])
})

test('a metadata address is not reached through a wide network that covers it', async (t) => {
  const { rig, reached } = await start(t, { names: { 'up.test': ['169.254.169.254'] } }, ['0.0.0.0/0', '169.254.0.0/16'])
  assert.equal(JSON.parse((await get(rig, 'http://up.test', rig.upstream)).body).code, 'address_refused')
  assert.deepEqual(reached, [])
})

test('a name that answers a declared address first and another later is asked once for each connection, and what was checked is dialled', async (t) => {
  const answers = [['127.0.0.1'], ['127.0.0.2'], ['169.254.169.254']]
  const names = {
    get 'up.test'() {
      return answers.shift() ?? ['10.0.0.1']
    },
  }
  const { rig, reached } = await start(t, { names }, ['127.0.0.1/32'])
  assert.equal((await get(rig, 'http://up.test', rig.upstream)).status, 200)
  assert.equal(rig.dialled.length, 1)
  assert.deepEqual(reached, ['up.test'])
})

const PLACES = [
  '127.0.0.1',
  '127.1',
  '2130706433',
  '0x7f000001',
  '0177.0.0.1',
  'localhost',
  '[::1]',
  '[::ffff:127.0.0.1]',
  '169.254.169.254',
  '127.0.0.1.',
  '%3127.0.0.1',
]

for (const place of PLACES) {
  test(`a workload that names ${place} itself is refused before anything is dialled`, async (t) => {
    const { rig, reached } = await start(t, {}, [])
    const direct = await get(rig, `http://${place}`, rig.upstream)
    assert.ok([400, 403].includes(direct.status), direct.head)
    const connect = await exchange(
      rig,
      `CONNECT ${place}:${rig.upstream} HTTP/1.1`,
      `Host: ${place}:${rig.upstream}`,
      'Connection: close',
      '',
      '',
    )
    assert.ok([400, 403].includes(connect.status), connect.head)
    assert.deepEqual([rig.dialled, reached], [[], []])
  })
}

async function start(t: TestContext, more: { names?: Record<string, readonly string[]> }, privateNetworks: readonly string[]) {
  const reached: string[] = []
  const server = createServer((request, response) => {
    reached.push(String(request.headers.host?.split(':')[0]))
    response.end('ok')
  })
  const upstream = await listening(server)
  const target: Target = { ...targetAt({ port: upstream }), privateNetworks }
  const rig = await startRig({ targets: [target], ...more })
  t.after(async () => {
    await rig.stop()
    server.closeAllConnections()
    server.close()
  })
  return { rig: { ...rig, upstream }, reached }
}

function get(rig: Rig, origin: string, port: number) {
  const host = `${origin.slice('http://'.length)}:${port}`
  return exchange(rig, `GET ${origin}:${port}/ HTTP/1.1`, `Host: ${host}`, 'Connection: close', '', '')
}
