import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { Injection } from '../../src/credentials/connector.ts'
import type { HandOutAsked } from '../../src/gateway/hand-out.ts'
import { Secret } from '../../src/secret.ts'
import { answerOf, exchange, readAll, startRig, targetAt } from './rig.ts'

const SECRET = 'minted-for-this-task'
const BASIC: Injection = { kind: 'basic', username: 'x-access-token', value: new Secret(SECRET) }
const BEARER: Injection = { kind: 'header', name: 'authorization', prefix: 'Bearer ', value: new Secret(SECRET) }
const SESSION: Injection = { kind: 'header', name: 'x-amz-security-token', prefix: '', value: new Secret('session') }
const SIGN: Injection = { kind: 'sign', sign: () => Promise.reject(new Error()), value: new Secret(SECRET), keyId: 'ASIA1' }
const target = targetAt({ port: 1, id: 'code' })

/** A gateway whose one target hands out what these injections hold. */
async function startGateway(t: TestContext, more: Partial<Parameters<typeof startRig>[0]> = {}) {
  const asked: HandOutAsked[] = []
  const rig = await startRig({
    ...{ targets: [], injections: [BASIC] },
    describeHandOut(one) {
      asked.push(one)
      return { target, action: { id: 'http:Credential::hand-out', access: 'write', resource: 'acme/app', parameters: {} } }
    },
    ...more,
  })
  t.after(() => rig.stop())
  const ask = (path: string, method = 'POST') =>
    exchange(rig, `${method} http://stint.invalid${path} HTTP/1.1`, 'Host: stint.invalid', 'Connection: close', '', '')
  return { rig, asked, ask }
}

test('hands out what was minted for the task, as an action that is decided and settled, to be kept by no cache', async (t) => {
  const { rig, asked, ask } = await startGateway(t)
  const { status, head, body } = await ask('/hand-out?as=git&target=code&path=acme/app')
  assert.equal(status, 200)
  assert.match(head, /cache-control: no-store/i)
  const expiresAt = 4_000_000_000_000
  assert.deepEqual(JSON.parse(body), { fields: { username: 'x-access-token', password: SECRET }, expiresAt })
  assert.deepEqual(asked, [{ plug: 'git', targetId: 'code', path: 'acme/app' }])
  assert.deepEqual(rig.decided(), [{ kind: 'decide', action: 'http:Credential::hand-out', resource: 'code acme/app' }])
  assert.deepEqual(
    rig.outcomes().map(({ result, status: told }) => [result, told]),
    [['completed', 200]],
  )
  assert.ok(!JSON.stringify(rig.events).includes(SECRET))
})

test('in the words of each plug point, and never in a shape that it does not take', async (t) => {
  const kubectl = await startGateway(t, { injections: [BEARER] })
  assert.deepEqual(JSON.parse((await kubectl.ask('/hand-out?as=kubectl&target=code')).body).fields, { token: SECRET })
  const aws = await startGateway(t, { injections: [SESSION, SIGN] })
  const { fields } = JSON.parse((await aws.ask('/hand-out?as=aws&target=code')).body) as { fields: unknown }
  assert.deepEqual(fields, { id: 'ASIA1', secret: SECRET, token: 'session' })
  for (const [gateway, plug] of [
    [kubectl, 'git'],
    [kubectl, 'aws'],
    [aws, 'kubectl'],
    [aws, 'docker'],
  ] as const) {
    const { status, body } = await gateway.ask(`/hand-out?as=${plug}&target=code`)
    assert.deepEqual([status, JSON.parse(body).code], [503, 'credential_missing'])
    assert.ok(!body.includes(SECRET))
  }
})

test('hands out nothing that policy denies, nothing to a task that is over, and nothing on a connection that is not proved', async (t) => {
  const denied = await startGateway(t, { denies: ({ id }) => id === 'http:Credential::hand-out' })
  const over = await startGateway(t, { isOver: true })
  for (const [{ ask }, code] of [
    [denied, 'denied'],
    [over, 'task_not_live'],
  ] as const) {
    const { status, body } = await ask('/hand-out?as=git&target=code')
    assert.deepEqual([status, JSON.parse(body).code], [403, code])
    assert.ok(!body.includes(SECRET))
  }
  const { rig, asked } = await startGateway(t)
  const socket = connect(rig.port, '127.0.0.1')
  socket.write(
    'POST http://stint.invalid/hand-out?as=git&target=code HTTP/1.1\r\nHost: stint.invalid\r\nConnection: close\r\n\r\n',
  )
  const { status, body } = answerOf(await readAll(socket))
  assert.equal(status, 407)
  assert.ok(!body.includes(SECRET))
  assert.deepEqual(asked, [])
})

test('takes nothing but what it knows', async (t) => {
  const { asked, ask } = await startGateway(t)
  const wrong = [
    'as=ssh&target=code',
    'target=code',
    'as=git',
    'as=git&target=../x',
    'as=git&target=code&path=/etc',
    'as=git&target=code&path=a%0Ab',
  ]
  for (const query of wrong) assert.equal((await ask(`/hand-out?${query}`)).status, 400, query)
  assert.equal((await ask('/hand-out?as=git&target=code', 'GET')).status, 403)
  assert.equal((await ask('/other?as=git&target=code')).status, 403)
  assert.deepEqual(asked, [])
})

test('hands nothing to a page in a browser of the task', async (t) => {
  const { rig, asked } = await startGateway(t)
  const line = 'POST http://stint.invalid/hand-out?as=git&target=code HTTP/1.1'
  for (const field of ['Origin: https://evil.example', 'Sec-Fetch-Site: cross-site']) {
    const { status, body } = await exchange(rig, line, 'Host: stint.invalid', field, 'Connection: close', '', '')
    assert.deepEqual([status, body.includes(SECRET)], [403, false], field)
  }
  assert.deepEqual(asked, [])
})

test('is not reached by a target that declares the name, nor through CONNECT', async (t) => {
  const { rig, ask } = await startGateway(t, { targets: [targetAt({ host: 'stint.invalid', port: 80 })] })
  assert.equal((await ask('/hand-out?as=git&target=code')).status, 200)
  assert.deepEqual(rig.dialled, [])
  const other = await startGateway(t)
  const { status } = await exchange(other.rig, 'CONNECT stint.invalid:443 HTTP/1.1', 'Host: stint.invalid:443', '', '')
  assert.equal(status, 403)
})
