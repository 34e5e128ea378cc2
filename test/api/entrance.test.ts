import assert from 'node:assert/strict'
import { existsSync, lstatSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import type { OutgoingHttpHeaders } from 'node:http'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, beforeEach, describe, type TestContext, test } from 'node:test'
import { type Api, createApi } from '../../src/api/server.ts'
import type { ApiVerbs } from '../../src/api/verbs.ts'
import { CATALOGUE } from '../../src/errors.ts'
import { createLog } from '../../src/log.ts'
import { createFake, type Fake, ISSUER, type Running, runApi, THUMBPRINT } from './fixture.ts'

const START = { purpose: 'read', targets: ['orders'], actions: ['*'], keyThumbprint: THUMBPRINT }

describe('the entrances', () => {
  let fake: Fake
  let api: Running
  const noting =
    (seen: unknown[]): ApiVerbs['authenticate'] =>
    (proof) => {
      seen.push(proof)
      return fake.verbs.authenticate(proof)
    }
  before(async () => {
    fake = createFake()
    api = await runApi(fake.verbs)
  })
  beforeEach(() => {
    fake.happened.length = 0
    fake.attempts.length = 0
  })
  after(() => api.stop())

  test('the operator socket is the owner’s alone', () => {
    assert.equal(lstatSync(api.socketPath).mode & 0o777, 0o600)
  })

  test('nobody is operator over TCP, whatever is sent', async () => {
    for (const authorization of ['Bearer good-ci', 'DPoP good-task_1', 'Basic b3BlcmF0b3I6', 'operator']) {
      const answer = await api.tcp('GET', '/v1/tasks', { headers: { authorization, dpop: 'proof' } })
      assert.ok(['unauthenticated', 'not_operator'].includes(String(answer.json.code)), answer.text)
    }
    assert.deepEqual(fake.happened, [])
  })

  test('a credential’s value is not taken over TCP, and not even read there', async () => {
    const answer = await api.tcp('POST', '/v1/credentials', { body: { id: 'a', value: 'hunter2-hunter2' } })
    assert.equal(answer.status, 401)
    assert.equal(fake.secrets.size, 0)
  })

  test('a credential’s value becomes a Secret, and stands in no answer, log line or question to Cedar', async () => {
    const answer = await api.socket('POST', '/v1/credentials', { body: { id: 'a', value: 'hunter2-hunter2' } })
    assert.equal(answer.status, 201)
    assert.equal(fake.secrets.get('a')?.reveal(), 'hunter2-hunter2')
    assert.equal(fake.asked.at(-1)?.parameters.value, '[secret]')
    const everywhere = JSON.stringify([fake.asked, answer.text, api.logged, (await api.socket('GET', '/v1/credentials')).text])
    assert.ok(!everywhere.includes('hunter2'))
  })

  test('a refused body does not come back in the refusal', async () => {
    const answer = await api.socket('POST', '/v1/credentials', { body: { id: 'a b', value: { hunter2: 1 } } })
    assert.equal(answer.status, 400)
    assert.ok(!answer.text.includes('hunter2'), answer.text)
  })

  test('a token shown for a test reaches neither Cedar nor the log', async () => {
    const token = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl'
    await api.socket('POST', '/v1/issuers/test', { body: { token } })
    assert.ok(!JSON.stringify([fake.asked, api.logged]).includes(token))
    assert.equal(fake.asked.at(-1)?.parameters.token, '[secret]')
  })

  test('a federated caller starts a task, and nothing else', async () => {
    const headers = { authorization: 'Bearer good-ci', dpop: 'proof' }
    assert.equal((await api.tcp('POST', '/v1/tasks', { body: START, headers })).status, 201)
    assert.equal((await api.tcp('GET', '/v1/tasks', { headers })).json.code, 'not_operator')
    assert.equal((await api.tcp('POST', '/v1/tasks/task_1/end', { headers })).json.code, 'not_operator')
  })

  test('a federated caller cannot say how it is proved, be supervised, or name a key it does not hold', async () => {
    const headers = { authorization: 'Bearer good-ci', dpop: 'proof' }
    for (const more of [{ proof: 'sandbox' }, { supervised: true }, { keyThumbprint: 'b'.repeat(43) }]) {
      const answer = await api.tcp('POST', '/v1/tasks', { body: { ...START, ...more }, headers })
      assert.equal(answer.json.code, 'invalid_argument', answer.text)
    }
    assert.ok(!fake.happened.includes('tasks.start'))
  })

  test('a task token is for its own task alone', async () => {
    const headers = { authorization: 'DPoP good-task_1', dpop: 'proof' }
    assert.equal((await api.tcp('POST', '/v1/tasks/task_1/token', { headers })).status, 200)
    assert.equal((await api.tcp('POST', '/v1/tasks/task_2/token', { headers })).json.code, 'not_operator')
    assert.equal((await api.tcp('GET', '/v1/tasks/task_2', { headers })).json.code, 'not_operator')
  })

  test('a task token without a proof of its key, or sent as Bearer, is refused', async () => {
    const bare = await api.tcp('POST', '/v1/tasks/task_1/token', { headers: { authorization: 'DPoP good-task_1' } })
    assert.equal(bare.json.code, 'unauthenticated')
    assert.match(String(bare.headers['www-authenticate']), /DPoP/)
    const bearer = await api.tcp('POST', '/v1/tasks/task_1/token', { headers: { authorization: 'Bearer good-task_1' } })
    assert.equal(bearer.json.code, 'not_operator')
  })

  test('two proofs in one request are refused', async () => {
    const twice: OutgoingHttpHeaders[] = [
      { authorization: 'DPoP good-task_1', dpop: ['one', 'two'] },
      { authorization: ['DPoP good-task_1', 'DPoP bad'] as unknown as string, dpop: 'one' },
    ]
    for (const headers of twice) {
      const answer = await api.tcp('POST', '/v1/tasks/task_1/token', { headers })
      assert.equal(answer.json.code, 'malformed_request', answer.text)
    }
  })

  test('a token on the operator socket is refused rather than guessed about', async () => {
    const answer = await api.socket('GET', '/v1/tasks', { headers: { authorization: 'Bearer good-ci' } })
    assert.equal(answer.json.code, 'malformed_request')
  })

  test('a proof is checked against the URL it was sent to, without its query', async () => {
    const seen: unknown[] = []
    const other = await runApi({ ...fake.verbs, authenticate: noting(seen) })
    const headers = { authorization: 'DPoP good-task_1', dpop: 'proof' }
    await other.tcp('GET', '/v1/tasks/task_1?x=1', { headers })
    await other.stop()
    const url = `http://127.0.0.1:${other.port}/v1/tasks/task_1`
    assert.deepEqual(seen, [{ kind: 'dpop', token: 'good-task_1', dpop: 'proof', method: 'GET', url }])
  })

  test('the process behind the socket is told to whoever checks the caller', async () => {
    const seen: unknown[] = []
    const other = await runApi({ ...fake.verbs, authenticate: noting(seen) })
    await other.socket('GET', '/v1/tasks')
    await other.stop()
    assert.deepEqual(seen, [{ kind: 'operator', pid: 4242 }])
  })

  for (const headers of [
    { host: 'evil.example' },
    { host: '127.0.0.1' },
    { host: '127.0.0.1:1' },
    { host: '[::1]:1' },
    { origin: 'http://127.0.0.1:7400' },
    { origin: 'null' },
    { 'sec-fetch-site': 'none' },
  ])
    test(`a web page’s request is refused: ${JSON.stringify(headers)}`, async () => {
      const answer = await api.tcp('GET', '/healthz', { headers })
      assert.equal(answer.json.code, 'malformed_request', answer.text)
      assert.equal(answer.headers['access-control-allow-origin'], undefined)
    })

  test('two Host headers, an absolute target and what is not HTTP are refused', async () => {
    const own = `Host: 127.0.0.1:${api.port}`
    for (const raw of [
      `GET /healthz HTTP/1.1\r\n${own}\r\nHost: evil.example\r\nConnection: close\r\n\r\n`,
      `GET http://evil.example/healthz HTTP/1.1\r\n${own}\r\nConnection: close\r\n\r\n`,
      `GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n`,
      'hello\r\n\r\n',
    ]) {
      const socket = connect(api.port, '127.0.0.1')
      socket.end(raw)
      assert.match(await text(socket), /^HTTP\/1.1 400 /, raw)
    }
  })

  test('a preflight is not answered', async () => {
    const answer = await api.tcp('OPTIONS', '/v1/tasks', { headers: { origin: 'http://evil.example' } })
    assert.equal(answer.status, 404)
    assert.equal(answer.headers['access-control-allow-methods'], undefined)
  })

  test('a body is JSON, says so, and is at most 1 MiB', async () => {
    const post = (raw: string, headers = {}) => api.socket('POST', '/v1/tasks', { raw, headers })
    assert.equal((await post('{')).json.code, 'malformed_request')
    assert.equal((await post('')).json.code, 'malformed_request')
    assert.equal((await post('[]')).json.code, 'invalid_argument')
    assert.equal((await post('null')).json.code, 'invalid_argument')
    assert.equal((await post('{"__proto__":{"purpose":"x"}}')).json.code, 'malformed_request')
    assert.equal((await post(JSON.stringify(START), { 'content-type': 'text/plain' })).json.code, 'malformed_request')
    const large = await post(JSON.stringify({ ...START, purpose: 'x'.repeat(1_048_577) }))
    assert.equal(large.status, 413)
    assert.equal(large.json.code, 'body_too_large')
    assert.ok(!fake.happened.includes('record'))
  })

  test('words for people hold no control characters, so that none reaches a terminal', async () => {
    for (const purpose of ['a\u001b[2Jb', 'a\nb', 'a\u202eb', 'a\u2028b', '']) {
      const answer = await api.socket('POST', '/v1/tasks', { body: { ...START, purpose } })
      assert.equal(answer.json.code, 'invalid_argument', JSON.stringify(purpose))
    }
  })

  test('every problem has a code of the catalogue, its status, what to do next, and the correlation id of the answer', async () => {
    const answers = [
      await api.socket('GET', '/v1/nothing'),
      await api.socket('GET', '/v1/tasks/task_9'),
      await api.socket('POST', '/v1/tasks', { body: {} }),
      await api.tcp('GET', '/v1/status'),
    ]
    for (const { status, headers, json } of answers) {
      const entry = CATALOGUE[json.code as keyof typeof CATALOGUE]
      assert.deepEqual([json.status, json.title, json.next], [...entry])
      assert.equal(status, json.status)
      assert.equal(json.type, `urn:stint:error:${json.code}`)
      assert.match(String(headers['content-type']), /^application\/problem\+json/)
      assert.equal(headers['cache-control'], 'no-store')
    }
    assert.equal(answers[1]?.json.correlationId, answers[1]?.headers['stint-correlation-id'])
  })

  test('an unexpected failure tells the caller nothing and the operator everything', async (t) => {
    const other = await runApi({ ...fake.verbs, status: async () => Promise.reject(new Error('password is hunter2')) })
    t.after(() => other.stop())
    const answer = await other.socket('GET', '/v1/status')
    assert.equal(answer.status, 500)
    assert.ok(!answer.text.includes('hunter2'))
    assert.ok(other.logged.some((line) => line.includes('hunter2') && line.includes(String(answer.json.correlationId))))
  })

  test('an answer holds what its schema names and nothing else', async (t) => {
    const list = async () => [{ id: 'a', value: 'hunter2' }]
    const other = await runApi({ ...fake.verbs, credentials: { ...fake.verbs.credentials, list } })
    t.after(() => other.stop())
    assert.deepEqual((await other.socket('GET', '/v1/credentials')).json, { items: [{ id: 'a' }] })
  })

  test('failed proofs are recorded, then limited; a good proof is heard all the same', async (t) => {
    let now = 0
    const other = await runApi(fake.verbs, { now: () => now })
    t.after(() => other.stop())
    const bad = () => other.tcp('POST', '/v1/tasks', { body: START, headers: { authorization: 'Bearer bad' } })
    const codes = []
    for (let sent = 0; sent < 45; sent += 1) codes.push((await bad()).json.code)
    assert.deepEqual(new Set(codes.slice(0, 40)), new Set(['issuer_unknown']))
    assert.deepEqual(new Set(codes.slice(40)), new Set(['rate_limited']))
    assert.equal(fake.attempts.length, 40)
    const good = await other.tcp('POST', '/v1/tasks', { body: START, headers: { authorization: 'Bearer good-ci' } })
    assert.equal(good.status, 201)
    now = 60_000
    assert.equal((await bad()).json.code, 'issuer_unknown')
  })

  test('readyz is 503 while a part does not work', async (t) => {
    const other = await runApi({ ...fake.verbs, ready: async () => ({ store: true, audit: false }) })
    t.after(() => other.stop())
    const answer = await other.tcp('GET', '/readyz')
    assert.equal(answer.status, 503)
    assert.deepEqual(answer.json, { ready: false, parts: { store: true, audit: false } })
  })
})

describe('the operator socket', () => {
  const home = mkdtempSync(join(tmpdir(), 'stint-listen-'))
  const path = join(home, 'operator.sock')
  const log = createLog('silent')
  const create = async (t: TestContext): Promise<Api> => {
    const api = await createApi(createFake().verbs, { issuer: ISSUER, version: '0.1.0', log, now: Date.now, peerPid: () => 1 })
    t.after(() => api.close(0))
    return api
  }
  after(() => rmSync(home, { recursive: true, force: true }))

  test('that a crash left behind is replaced', async (t) => {
    const left = createServer()
    await new Promise<void>((done) => left.listen(path, done))
    // Closing removes the file; a crash does not.
    const stale = `${path}.stale`
    renameSync(path, stale)
    await new Promise((done) => left.close(done))
    renameSync(stale, path)
    const api = await create(t)
    await api.listenSocket(path)
    assert.equal(lstatSync(path).mode & 0o777, 0o600)
    await api.close(0)
    assert.equal(existsSync(path), false)
  })

  test('that someone answers on is left alone', async (t) => {
    const first = await create(t)
    await first.listenSocket(path)
    const second = await create(t)
    await assert.rejects(second.listenSocket(path), { code: 'already_running' })
    assert.equal(existsSync(path), true)
  })

  test('is never made in place of a file', async (t) => {
    writeFileSync(path, 'precious')
    const api = await create(t)
    t.after(() => rmSync(path))
    await assert.rejects(api.listenSocket(path), { code: 'state_unsafe' })
  })

  test('with a path too long for a socket says so', async (t) => {
    const api = await create(t)
    await assert.rejects(api.listenSocket(join(home, 'x'.repeat(120))), { code: 'invalid_config' })
  })

  test('a taken port is a conflict that names it', async (t) => {
    const first = await create(t)
    const { port } = await first.listenTcp('127.0.0.1', 0)
    const second = await create(t)
    await assert.rejects(second.listenTcp('127.0.0.1', port), (error: Error) => error.message.includes(String(port)))
  })
})
