import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { StintError } from '../../src/errors.ts'
import { createFake, memoryIdempotency, runApi, THUMBPRINT } from './fixture.ts'

const START = { purpose: 'read', targets: ['orders'], actions: ['*'], keyThumbprint: THUMBPRINT }
const KEY = { 'idempotency-key': '"8e03978e-40d5-43dd-bc93-6894a57f9324"' }

describe('Idempotency-Key', () => {
  test('carries requests at the same time out once, and answers all of them the same', async (t) => {
    const fake = createFake()
    const { start } = fake.verbs.tasks
    const allAsked = async (): Promise<void> => {
      while (fake.asked.length < 8) await new Promise((done) => setTimeout(done, 5))
    }
    const api = await runApi({
      ...fake.verbs,
      tasks: {
        ...fake.verbs.tasks,
        start: (...given) => allAsked().then(() => start(...given)),
      },
    })
    t.after(() => api.stop())
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => api.socket('POST', '/v1/tasks', { body: START, headers: KEY })),
    )
    assert.equal(fake.happened.filter((what) => what === 'tasks.start').length, 1)
    assert.equal(fake.happened.filter((what) => what === 'record').length, 8)
    assert.deepEqual(new Set(answers.map((one) => one.status)), new Set([201]))
    assert.equal(new Set(answers.map((one) => one.text)).size, 1)
  })

  test('survives a restart, brings the task back with a new token, and never kept the old one', async (t) => {
    const kept = memoryIdempotency()
    const before = createFake(kept)
    const first = await runApi(before.verbs)
    const started = await first.socket('POST', '/v1/tasks', { body: START, headers: KEY })
    await first.stop()
    assert.ok(!JSON.stringify([...kept.kept]).includes(String(started.json.token)))

    const after = createFake(kept)
    const second = await runApi(after.verbs)
    t.after(() => second.stop())
    const again = await second.socket('POST', '/v1/tasks', { body: START, headers: KEY })
    assert.equal(again.status, 201)
    assert.deepEqual(again.json.task, started.json.task)
    assert.equal(typeof again.json.token, 'string')
    assert.deepEqual(after.happened, ['authenticate', 'record', 'tasks.renew'])
  })

  test('refuses another body, another path, and another query under the same key', async (t) => {
    const fake = createFake()
    const api = await runApi(fake.verbs)
    t.after(() => api.stop())
    await api.socket('POST', '/v1/tasks', { body: START, headers: KEY })
    const others = [
      await api.socket('POST', '/v1/tasks', { body: { ...START, purpose: 'write' }, headers: KEY }),
      await api.socket('POST', '/v1/tasks/task_1/end', { headers: KEY }),
    ]
    for (const one of others) assert.equal(one.json.code, 'idempotency_mismatch', one.text)
    assert.equal(others[0]?.status, 422)
    assert.equal(fake.happened.filter((what) => what.startsWith('tasks.')).length, 1)
  })

  test('sees a different secret under the same key, though it keeps no secret', async (t) => {
    const kept = memoryIdempotency()
    const api = await runApi(createFake(kept).verbs)
    t.after(() => api.stop())
    const add = (value: string) => api.socket('POST', '/v1/credentials', { body: { id: 'a', value }, headers: KEY })
    assert.equal((await add('first-value')).status, 201)
    assert.equal((await add('first-value')).status, 201)
    assert.equal((await add('other-value')).json.code, 'idempotency_mismatch')
    const text = JSON.stringify([...kept.kept])
    assert.ok(!/first-value|8e03978e/.test(text), text)
  })

  test('is per caller: nobody is answered what another was', async (t) => {
    const fake = createFake()
    const api = await runApi(fake.verbs)
    t.after(() => api.stop())
    const host = `127.0.0.1:${api.port}`
    await api.socket('POST', '/v1/tasks', { body: START, headers: KEY })
    await api.tcp('POST', '/v1/tasks', { body: START, headers: { ...KEY, host, authorization: 'Bearer good-ci' } })
    assert.equal(fake.happened.filter((what) => what === 'tasks.start').length, 2)
  })

  test('is free again after a failure that is understood, and stays taken after one that is not', async (t) => {
    const fake = createFake()
    const thrown: Error[] = [new StintError('scope_exceeded', 'too wide'), new Error('out of memory')]
    const { start } = fake.verbs.tasks
    const api = await runApi({
      ...fake.verbs,
      tasks: {
        ...fake.verbs.tasks,
        async start(...given) {
          const next = thrown.shift()
          if (next !== undefined) throw next
          return start(...given)
        },
      },
    })
    t.after(() => api.stop())
    const ask = () => api.socket('POST', '/v1/tasks', { body: START, headers: KEY })
    assert.equal((await ask()).json.code, 'scope_exceeded')
    assert.equal((await ask()).json.code, 'internal')
    assert.equal((await ask()).json.code, 'conflict')
    assert.ok(!fake.happened.includes('tasks.start'))
  })

  test('cut off by a crash says so instead of doing it twice', async (t) => {
    const kept = memoryIdempotency()
    const fake = createFake({ ...kept, finish: async () => Promise.reject(new StintError('store_unavailable', 'gone')) })
    const api = await runApi(fake.verbs)
    t.after(() => api.stop())
    assert.equal((await api.socket('POST', '/v1/tasks', { body: START, headers: KEY })).json.code, 'store_unavailable')
    assert.equal((await api.socket('POST', '/v1/tasks', { body: START, headers: KEY })).json.code, 'conflict')
    assert.equal(fake.happened.filter((what) => what === 'tasks.start').length, 1)
  })

  test('is asked again of Cedar: who lost the right is not answered from memory', async (t) => {
    const fake = createFake()
    const api = await runApi(fake.verbs)
    t.after(() => api.stop())
    await api.socket('POST', '/v1/tasks', { body: START, headers: KEY })
    fake.refuse = { code: 'revoked', reasons: [] }
    assert.equal((await api.socket('POST', '/v1/tasks', { body: START, headers: KEY })).json.code, 'revoked')
  })

  for (const header of ['', 'a b', '"open', 'x'.repeat(256), 'é'.repeat(2)])
    test(`that reads ${JSON.stringify(header.slice(0, 12))} is refused`, async (t) => {
      const api = await runApi(createFake().verbs)
      t.after(() => api.stop())
      const answer = await api.socket('POST', '/v1/tasks', { body: START, headers: { 'idempotency-key': header } })
      assert.equal(answer.json.code, 'malformed_request')
    })

  test('sent twice is refused', async (t) => {
    const api = await runApi(createFake().verbs)
    t.after(() => api.stop())
    const answer = await api.socket('POST', '/v1/tasks', { body: START, headers: { 'idempotency-key': ['a', 'b'] } })
    assert.equal(answer.json.code, 'malformed_request')
  })
})
