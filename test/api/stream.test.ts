import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { StintError } from '../../src/errors.ts'
import { createFake, runApi } from './fixture.ts'

function lines(response: IncomingMessage): AsyncIterator<string> {
  return createInterface({ input: response })[Symbol.asyncIterator]()
}

async function until(condition: () => boolean): Promise<void> {
  for (let looks = 0; looks < 2000; looks += 1) {
    if (condition()) return
    await new Promise((done) => setTimeout(done, 5))
  }
  assert.fail('it did not come to pass')
}

/** Says that it is inside, then waits to be let go. */
function pause(inside: PromiseWithResolvers<void>, release: PromiseWithResolvers<void>): Promise<void> {
  inside.resolve()
  return release.promise
}

describe('presence', () => {
  test('is held from the first line on, and let go when the runner goes', async (t) => {
    const fake = createFake()
    const api = await runApi(fake.verbs)
    t.after(() => api.stop())
    const response = await api.open('/v1/tasks/task_1/presence')
    const first = await lines(response).next()
    assert.equal(JSON.parse(String(first.value)).event, 'attending')
    assert.ok(fake.attending.has('task_1'))
    response.destroy()
    await until(() => !fake.attending.has('task_1'))
  })

  test('is not let go when it is the server that stops, so that the task survives a restart', async (t) => {
    const fake = createFake()
    const api = await runApi(fake.verbs)
    t.after(() => api.stop())
    const response = await api.open('/v1/tasks/task_1/presence')
    await lines(response).next()
    const ended = once(response, 'end')
    response.resume()
    await api.api.close(0)
    await ended
    assert.ok(fake.attending.has('task_1'))
  })

  test('tells the runner that the task ended, and closes', async (t) => {
    const fake = createFake()
    const api = await runApi(fake.verbs)
    t.after(() => api.stop())
    const heard = lines(await api.open('/v1/tasks/task_1/presence'))
    await heard.next()
    await api.socket('POST', '/v1/tasks/task_1/end', { body: { reason: 'enough' } })
    const told = JSON.parse(String((await heard.next()).value))
    assert.deepEqual([told.event, told.task.state, told.task.endReason], ['ended', 'ended', 'enough'])
    assert.equal((await heard.next()).done, true)
    await until(() => !fake.attending.has('task_1'))
  })

  test('of a task that is not live is an ordinary refusal', async (t) => {
    const fake = createFake()
    const attend = () => {
      throw new StintError('task_not_live', 'it ended')
    }
    const api = await runApi({ ...fake.verbs, tasks: { ...fake.verbs.tasks, attend } })
    t.after(() => api.stop())
    const answer = await api.socket('GET', '/v1/tasks/task_1/presence')
    assert.equal(answer.status, 403)
    assert.equal(answer.json.code, 'task_not_live')
  })

  test('sends signs of life', async (t) => {
    const api = await runApi(createFake().verbs, { heartbeatMs: 5 })
    t.after(() => api.stop())
    const heard = lines(await api.open('/v1/tasks/task_1/presence'))
    await heard.next()
    assert.equal((await heard.next()).value, '')
  })
})

describe('the audit tail', () => {
  test('is lines of JSON, or server-sent events for who accepts those', async (t) => {
    const api = await runApi(createFake().verbs)
    t.after(() => api.stop())
    const plain = await api.open('/v1/audit/tail?from=7')
    assert.equal(plain.headers['content-type'], 'application/jsonl')
    assert.equal(await text(plain), '{"index":7}\n{"index":8}\n')
    const events = await api.open('/v1/audit/tail?from=7', { accept: 'text/event-stream' })
    assert.equal(events.headers['content-type'], 'text/event-stream')
    assert.equal(await text(events), 'data: {"index":7}\n\ndata: {"index":8}\n\n')
  })

  test('that fails midway ends with a problem, without what only the operator may see', async (t) => {
    const fake = createFake()
    async function* tail() {
      yield { index: 1 }
      throw new Error('hunter2')
    }
    const api = await runApi({ ...fake.verbs, audit: { ...fake.verbs.audit, tail } })
    t.after(() => api.stop())
    const [first, last] = (await text(await api.open('/v1/audit/tail'))).trim().split('\n')
    assert.equal(first, '{"index":1}')
    assert.equal(JSON.parse(String(last)).problem.code, 'internal')
    assert.ok(!last?.includes('hunter2'))
  })

  test('waits for a slow reader instead of filling memory, and stops when it goes', async (t) => {
    const fake = createFake()
    let given = 0
    let stopped = false
    async function* tail() {
      try {
        for (; ; given += 1) yield { index: given, filler: 'x'.repeat(10_000) }
      } finally {
        stopped = true
      }
    }
    const api = await runApi({ ...fake.verbs, audit: { ...fake.verbs.audit, tail } })
    t.after(() => api.stop())
    const response = await api.open('/v1/audit/tail')
    let before = -1
    while (before !== given) {
      before = given
      await new Promise((done) => setTimeout(done, 20))
    }
    assert.ok(given < 1000, `${given} entries of 10 kB were taken for a reader that reads nothing`)
    response.destroy()
    await until(() => stopped)
  })
})

describe('shutdown', () => {
  test('lets an open exchange finish, refuses new ones, and then ends', async (t) => {
    const fake = createFake()
    const inside = Promise.withResolvers<void>()
    const release = Promise.withResolvers<void>()
    const { status } = fake.verbs
    const api = await runApi({ ...fake.verbs, status: () => pause(inside, release).then(status) })
    t.after(() => api.stop())
    const slow = api.socket('GET', '/v1/status')
    await inside.promise
    const closed = api.api.close(30)
    await assert.rejects(api.tcp('GET', '/healthz'))
    release.resolve()
    assert.equal((await slow).status, 200)
    await closed
  })

  test('cuts what does not finish in time', async (t) => {
    const fake = createFake()
    const { status } = fake.verbs
    const inside = Promise.withResolvers<void>()
    const api = await runApi({ ...fake.verbs, status: () => pause(inside, Promise.withResolvers()).then(status) })
    t.after(() => api.stop())
    const stuck = assert.rejects(api.socket('GET', '/v1/status'))
    await inside.promise
    await api.stop()
    await stuck
  })

  test('does not wait for the next request on a connection that is kept alive', async (t) => {
    const fake = createFake()
    const inside = Promise.withResolvers<void>()
    const release = Promise.withResolvers<void>()
    const api = await runApi({ ...fake.verbs, ready: () => pause(inside, release).then(() => ({ a: true })) })
    t.after(() => api.stop())
    const socket = connect(api.socketPath)
    socket.write('GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n')
    await inside.promise
    const closed = api.api.close(30)
    release.resolve()
    assert.match(await text(socket), /^HTTP\/1.1 200 [\s\S]*connection: close/i)
    await closed
  })

  test('answers `stopping` to a request that was on its way', async (t) => {
    const api = await runApi(createFake().verbs)
    t.after(() => api.stop())
    const socket = connect(api.socketPath)
    socket.write('GET /healthz HTTP/1.1\r\n')
    await api.socket('GET', '/healthz')
    const closed = api.api.close(30)
    socket.write('Host: x\r\n\r\n')
    assert.match(await text(socket), /^HTTP\/1.1 503 [\s\S]*"code":"stopping"/)
    await closed
  })
})
