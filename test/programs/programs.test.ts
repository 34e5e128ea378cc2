import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { StintError } from '../../src/errors.ts'
import type { Flow } from '../../src/model.ts'
import { createPrograms, type ProgramRequest, type Tenant } from '../../src/programs/programs.ts'

const PROGRAM = join(import.meta.dirname, '..', 'fakes', 'mcp-program.ts')

let now = 0
const notes: string[] = []
const cuts = new Map<string, () => void>()
const programs = createPrograms({
  findConfine: async () => (command) => command,
  openFlow: ({ taskId }): Flow => ({
    isCut: false,
    onCut: (cut) => void cuts.set(taskId, cut),
    close: () => void cuts.delete(taskId),
  }),
  note: (_, what) => notes.push(what),
  silenceMs: 2000,
  now: () => now,
})
after(() => programs.close())

let tasks = 0
function tenant(...args: string[]): Tenant {
  const program = { command: process.execPath, args: [PROGRAM, ...args], environment: {}, directory: '/' }
  tasks += 1
  return { taskId: `task-${tasks}`, targetId: 'tools', program, secrets: {}, mask: (text) => text.replaceAll('hidden', '******') }
}

interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** The whole answer. Rejects with the gateway's error. */
function ask(of: Tenant, request: ProgramRequest): { done: Promise<Answered>; abort(): void } {
  const { promise: done, resolve, reject } = Promise.withResolvers<Answered>()
  let head = { status: 0, headers: {} }
  let text = ''
  const waiting = programs.exchange(of, request, {
    start(status, headers) {
      head = { status, headers }
    },
    data(more) {
      text += more
    },
    end: () => resolve({ ...head, text }),
    fail: reject,
  })
  return { done, abort: waiting.abort }
}

const post = (message: object, headers: Record<string, string> = {}): ProgramRequest => ({
  method: 'POST',
  headers,
  body: JSON.stringify({ jsonrpc: '2.0', ...message }, null, 2),
})
const INITIALIZE = post({ id: 'first', method: 'initialize', params: {} })

/** Calls tools of one session, one after the other. */
async function begin(of: Tenant): Promise<(name: string, args?: object, id?: number) => ReturnType<typeof ask>> {
  const { headers } = await ask(of, INITIALIZE).done
  const session = { 'mcp-session-id': headers['mcp-session-id'] ?? '' }
  return (name, args = {}, id = 1) =>
    ask(of, post({ id, method: 'tools/call', params: { name, arguments: args, _meta: { progressToken: id } } }, session))
}
const errorOf = (done: Promise<unknown>): Promise<StintError> =>
  done.then(
    () => assert.fail('it was answered'),
    (thrown) => thrown,
  )

describe('a program as an MCP server', () => {
  test('has a session as long as it runs, and another has another program', async () => {
    const of = tenant()
    const [one, other] = [await begin(of), await begin(of)]
    const first = await one('count').done
    assert.match(first.text, /"1 in /)
    assert.match((await one('count').done).text, /"2 in /)
    const beside = await other('count').done
    assert.match(beside.text, /"1 in /)
    assert.notEqual(beside.text, first.text)
  })

  test('is not reached by another task, nor by one that knows no session', async () => {
    const mine = tenant()
    const { headers } = await ask(mine, INITIALIZE).done
    const stolen = { 'mcp-session-id': headers['mcp-session-id'] ?? '' }
    assert.equal((await ask(tenant(), post({ id: 1, method: 'ping' }, stolen)).done).status, 404)
    assert.equal((await ask(tenant(), post({ id: 1, method: 'ping' })).done).status, 400)
    assert.equal((await ask(tenant(), { method: 'GET', headers: {}, body: '' }).done).status, 405)
  })

  test('serves requests without a session by one program of the task, as 2026-07-28 has them', async () => {
    const [of, other] = [tenant(), tenant()]
    const stateless = (id: number) =>
      post({ id, method: 'tools/call', params: { name: 'count' } }, { 'mcp-protocol-version': '2026-07-28' })
    assert.match((await ask(of, stateless(1)).done).text, /"1 in /)
    assert.match((await ask(of, stateless(2)).done).text, /"2 in /)
    assert.match((await ask(other, stateless(1)).done).text, /"1 in /)
  })

  const FAULTS: readonly [what: string, tool: string, code: string, detail: RegExp][] = [
    ['ends', 'crash', 'upstream_failed', /not running: it ended with 7/],
    ['writes what is no message', 'garbage', 'upstream_failed', /no message of MCP/],
    ['writes a line without end', 'huge', 'upstream_failed', /too long/],
    ['never answers', 'silent', 'upstream_timeout', /did not answer in time/],
  ]
  for (const [what, tool, code, detail] of FAULTS)
    test(`that ${what} is an error to whom it owes an answer`, async () => {
      const error = await errorOf((await begin(tenant()))(tool).done)
      assert.equal(error.code, code)
      assert.match(error.detail, detail)
    })

  test('that ends in the middle of an answer has it end with a JSON-RPC error', async () => {
    const { text } = await (await begin(tenant()))('begin-and-crash', {}, 5).done
    const [progress, error] = text.split('\n\n').map((event) => JSON.parse(event.slice('data: '.length) || 'null'))
    assert.equal(progress.method, 'notifications/progress')
    assert.deepEqual([error.id, error.error.code], [5, -32603])
  })

  test('that ends at once, again and again, is not started for a while', async () => {
    const of = tenant('exit')
    for (const _ of [1, 2]) assert.match((await errorOf(ask(of, INITIALIZE).done)).detail, /it ended with 3/)
    assert.match((await errorOf(ask(of, INITIALIZE).done)).detail, /2 times in a row; try again in 1 s/)
    now += 1000
    assert.match((await errorOf(ask(of, INITIALIZE).done)).detail, /it ended with 3/)
    assert.match((await errorOf(ask(of, INITIALIZE).done)).detail, /3 times in a row; try again in 2 s/)
  })

  test('that cannot be started says so', async () => {
    const of = { ...tenant(), program: { command: '/no/such/program', args: [], environment: {}, directory: '/' } }
    assert.match((await errorOf(ask(of, INITIALIZE).done)).detail, /cannot be started \(ENOENT\)/)
  })

  test('that does not begin a session is ended', async () => {
    assert.equal((await errorOf(ask(tenant('deaf'), INITIALIZE).done)).code, 'upstream_timeout')
  })

  test('is told what nobody waits for any more, and greets without harm', async () => {
    const call = await begin(tenant())
    const given = call('silent', {}, 11)
    given.abort()
    assert.match((await call('cancelled', {}, 12).done).text, /"11"/)
    assert.match((await call('banner', {}, 13).done).text, /"said"/)
  })

  test('answers one request of an id at a time', async () => {
    const call = await begin(tenant())
    const first = call('silent', {}, 7)
    const { status, text } = await call('count', {}, 7).done
    assert.deepEqual([status, JSON.parse(text).error.code], [400, -32600])
    first.abort()
  })

  test('says what it says to the operator’s log, without the credential', async () => {
    await (await begin(tenant()))('say', { text: 'the key is hidden' }).done
    await until(() => notes.includes('the key is ******'))
  })

  test('is gone when it is revoked, and the request with it', async () => {
    const of = tenant()
    const call = await begin(of)
    const pid = Number(/in (\d+)/.exec((await call('count').done).text)?.[1])
    const waiting = call('silent', {}, 9)
    cuts.get(of.taskId)?.()
    assert.match((await errorOf(waiting.done)).detail, /revoked/)
    await until(() => !isThere(pid))
  })

  test('is ended with its session', async () => {
    const of = tenant()
    const { headers } = await ask(of, INITIALIZE).done
    const session = { 'mcp-session-id': headers['mcp-session-id'] ?? '' }
    assert.equal((await ask(of, { method: 'DELETE', headers: session, body: '' }).done).status, 204)
    assert.equal((await ask(of, post({ id: 2, method: 'ping' }, session)).done).status, 404)
  })

  test('is one of eight at most that a task has: an idle one gives way, and none does that is asked something', async () => {
    const of = tenant()
    const calls = []
    for (let at = 0; at < 8; at += 1) calls.push(await begin(of))
    const held = calls.slice(1).map((call) => call('silent'))
    const ninth = await begin(of)
    held.push(ninth('silent'))
    assert.equal((await errorOf(ask(of, INITIALIZE).done)).code, 'rate_limited')
    for (const { abort } of held) abort()
  })

  test('has another credential only when it is started again', async () => {
    const of = tenant()
    const { headers } = await ask(of, INITIALIZE).done
    const session = { 'mcp-session-id': headers['mcp-session-id'] ?? '' }
    const changed = { ...of, secrets: { KEY: 'new' } }
    assert.equal((await ask(changed, post({ id: 2, method: 'ping' }, session)).done).status, 404)
  })
})

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((done) => setTimeout(done, 10))
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
