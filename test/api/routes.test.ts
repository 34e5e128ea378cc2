import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { ROUTES, type Row } from '../../src/api/routes.ts'
import { schemaText } from '../../src/policy/schema.ts'
import { EXAMPLES } from './examples.ts'
import { createFake, type Fake, type Running, runApi, task } from './fixture.ts'

const nameOf = ({ method, path }: Row): string => `${method} ${path}`
const gated = ROUTES.filter((row) => row.gate !== undefined)
const writes = ROUTES.filter((row) => row.method !== 'GET')

describe('every route', () => {
  let fake: Fake
  let api: Running
  const request = (row: Row) => EXAMPLES[nameOf(row)] ?? {}
  const ask = (row: Row, over: 'socket' | 'tcp', headers = {}) => {
    const { path = row.path, body, headers: signed } = request(row)
    return api[over](row.method, path, { body, headers: over === 'socket' ? { ...signed, ...headers } : headers })
  }

  let seconds = 0

  before(async () => {
    fake = createFake()
    api = await runApi(fake.verbs, { now: () => seconds * 1000 }) // a second for each test, so that not too many proofs fail at once
  })
  beforeEach(() => {
    seconds += 1
    fake.happened.length = 0
    fake.asked.length = 0
    delete fake.refuse
    fake.tasks.set('task_1', task('task_1'))
  })
  after(() => api.stop())

  test('has a name of its own, and a Cedar action of its own', () => {
    const names = ROUTES.map(nameOf)
    const actions = gated.map((row) => row.gate?.action)
    assert.equal(new Set(names).size, names.length)
    assert.equal(new Set(actions).size, actions.length)
    for (const action of actions) assert.match(action ?? '', /^stint:[A-Z][A-Za-z]+::[a-z]+$/)
    const inSchema = [...schemaText.matchAll(/"(stint:[^"]+)"/g)].map(([, action]) => action)
    assert.deepEqual(actions.toSorted(), inSchema.toSorted())
  })

  test('that changes anything is gated, and recorded unless the kill switch records it', () => {
    for (const row of writes) assert.ok(row.gate, nameOf(row))
    const unrecorded = writes.filter((row) => row.gate?.record === false).map(nameOf)
    assert.deepEqual(unrecorded, ['POST /v1/revocations', 'POST /v1/revocations/:number/lift'])
    assert.deepEqual(ROUTES.filter((row) => row.method === 'GET' && row.gate?.record).map(nameOf), [])
  })

  test('that takes a task token names the task in its path', () => {
    const open = ROUTES.filter((row) => row.gate?.who.includes('task') && !row.path.startsWith('/v1/tasks/:id'))
    assert.deepEqual(open.map(nameOf), [])
  })

  test('has an example here if it takes a parameter or a body', () => {
    const takes = ROUTES.filter((row) => row.path.includes(':') || Object.keys(row.endpoint.body.shape).length > 0)
    assert.deepEqual(
      takes.map(nameOf).filter((name) => !(name in EXAMPLES)),
      [],
    )
    assert.deepEqual(
      Object.keys(EXAMPLES).filter((name) => !ROUTES.some((row) => nameOf(row) === name)),
      [],
    )
  })

  for (const row of gated) {
    test(`${nameOf(row)} refuses a caller without proof, before it reads or does anything`, async () => {
      const answer = await ask(row, 'tcp')
      assert.equal(answer.status, 401, answer.text)
      assert.equal(answer.json.code, 'unauthenticated')
      assert.deepEqual(fake.happened, [])
    })

    test(`${nameOf(row)} does nothing when Cedar refuses, and says why`, async () => {
      fake.refuse = { code: 'denied', reasons: ['forbidden on Sundays'] }
      const answer = await ask(row, 'socket')
      assert.equal(answer.status, 403, answer.text)
      assert.deepEqual(answer.json.reasons, ['forbidden on Sundays'])
      assert.deepEqual(fake.happened, ['authenticate', row.gate?.record ? 'record' : 'decide'])
    })

    test(`${nameOf(row)} asks Cedar its own question`, async () => {
      if (row.endpoint.produces === 'stream') fake.refuse = { code: 'denied', reasons: [] }
      const answer = await ask(row, 'socket')
      if (row.endpoint.produces !== 'stream') assert.ok(answer.status < 300 || answer.status === 404, answer.text)
      assert.equal(fake.asked[0]?.action, row.gate?.action)
      assert.equal(fake.asked[0]?.access, row.gate?.access)
      assert.equal(fake.asked[0]?.correlationId, answer.headers['stint-correlation-id'])
    })
  }

  for (const row of ROUTES) {
    test(`${nameOf(row)} refuses a query key it does not know`, async () => {
      const { path = row.path, body, headers = {} } = request(row)
      const answer = await api.socket(row.method, `${path}?surprise=1`, { body, headers })
      assert.equal(answer.status, 400)
      assert.equal(answer.json.code, 'invalid_argument')
      assert.match(String(answer.json.detail), /surprise/)
      assert.deepEqual(
        fake.happened.filter((what) => what !== 'authenticate'),
        [],
      )
    })
  }

  for (const row of writes) {
    test(`${nameOf(row)} refuses a body key it does not know`, async () => {
      const { path = row.path, body, headers = {} } = request(row)
      const answer = await api.socket(row.method, path, { body: { ...body, surprise: 1 }, headers })
      assert.equal(answer.status, 400, answer.text)
      assert.match(String(answer.json.detail), /surprise/)
      assert.deepEqual(fake.happened, ['authenticate'])
    })

    test(`${nameOf(row)} is authorised, and recorded, before its handler runs`, async () => {
      const answer = await ask(row, 'socket')
      assert.ok(answer.status < 300 || answer.status === 404, answer.text)
      const [first, second, ...acts] = fake.happened
      assert.equal(first, 'authenticate')
      assert.equal(second, row.gate?.record ? 'record' : 'decide')
      assert.ok(acts.length <= 1)
    })

    if (row.gate?.record) {
      test(`${nameOf(row)} does nothing when the log cannot be written`, async () => {
        fake.refuse = { code: 'audit_unavailable', reasons: [] }
        const answer = await ask(row, 'socket')
        assert.equal(answer.status, 503)
        assert.equal(answer.json.code, 'audit_unavailable')
        assert.deepEqual(fake.happened, ['authenticate', 'record'])
      })
    }
  }

  for (const row of ROUTES.filter(({ gate }) => gate === undefined)) {
    test(`${nameOf(row)} answers everyone, and asks nobody`, async () => {
      const answer = await ask(row, 'tcp')
      assert.equal(answer.status, 200)
      assert.deepEqual(fake.happened, [])
    })
  }
})
