import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingHttpHeaders, request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import type { ShownTask } from '../../src/api/verbs.ts'
import { createClient } from '../../src/cli/client.ts'
import { generateKey, makeProof } from '../../src/identity/dpop.ts'
import type { Task } from '../../src/model.ts'
import { type Installation, startStint } from '../fakes/stint.ts'
import { succeed } from '../fakes/world.ts'

const PROGRAM = join(import.meta.dirname, '..', 'fakes', 'mcp-program.ts')
const MANY = 'http://stint.invalid/mcp'
const OWN = 'http://stint.invalid/task/mcp'

interface Answered {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly page: string
}

describe('tasks with a DPoP-bound token at Stint’s own addresses, where a target is a program', () => {
  let stint: Installation
  const call: ReturnType<typeof createClient>['call'] = (...asked) => createClient(() => stint.home).call(...asked)

  before(async () => {
    stint = await startStint()
    const settings = [`command=${process.execPath}`, `args=${PROGRAM}`, 'pins=off'].flatMap((one) => ['--set', one])
    await succeed(stint.cli(['target', 'add', 'program', '--connector', 'mcp', '--environment', 'development', ...settings]))
  })
  after(() => stint?.stop())

  /** A client under a task of its own, with nothing but its token and key. */
  async function begin(wish: object = {}) {
    const key = await generateKey()
    const asked = { purpose: 'count', targets: ['program'], actions: ['*'], keyThumbprint: key.thumbprint, ...wish }
    const { task, token } = await call<{ task: Task; token: string }>('POST', '/v1/tasks', asked)
    let id = 0
    return {
      task,
      async post(url: string, message: object, more: Readonly<Record<string, string | undefined>> = {}): Promise<Answered> {
        const dpop = await makeProof(key, { method: 'POST', url, token })
        const types = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
        const given = Object.fromEntries(Object.entries(more).filter(([, value]) => value !== undefined))
        const headers = { host: 'stint.invalid', 'proxy-authorization': `DPoP ${token}`, dpop, ...types, ...given }
        const sent = request({ host: '127.0.0.1', port: stint.gatewayPort, path: url, method: 'POST', headers })
        sent.end(JSON.stringify({ jsonrpc: '2.0', id: ++id, ...message }))
        const [answer] = await once(sent, 'response')
        return { status: answer.statusCode ?? 0, headers: answer.headers, page: await text(answer) }
      },
    }
  }
  type Client = Awaited<ReturnType<typeof begin>>

  async function initialize(client: Client): Promise<string | undefined> {
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } }
    const { headers } = await client.post(MANY, { method: 'initialize', params })
    return headers['mcp-session-id'] as string | undefined
  }
  const count = (client: Client, session: string | undefined): Promise<Answered> =>
    client.post(MANY, { method: 'tools/call', params: { name: 'program__count', arguments: {} } }, { 'mcp-session-id': session })

  test('a program is used through the address of all, by each task in a process of its own', async () => {
    const [ann, bob] = [await begin(), await begin()]
    const [hers, his] = [await initialize(ann), await initialize(bob)]
    const counts = [await count(ann, hers), await count(ann, hers), await count(bob, his)]
    assert.deepEqual(
      counts.map(({ page }) => /(\d+) in \d+/.exec(page)?.[1] ?? page),
      ['1', '2', '1'],
    )
  })

  test('another task’s session is refused as one that is over, and stays its own', async () => {
    const [ann, bob] = [await begin(), await begin()]
    const session = await initialize(ann)
    assert.ok(session !== undefined)
    const refused = await count(bob, session)
    assert.deepEqual([refused.status, JSON.parse(refused.page).error.data.code], [404, 'not_found'])
    assert.match((await count(ann, session)).page, /1 in \d+/)
  })

  test('another task’s requestState is refused, as is one that was changed, and its own goes on where it began', async () => {
    const [ann, bob] = [await begin(), await begin()]
    const fields = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'program__wait-for-input' }
    const _meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }
    const ask = async (client: Client, requestState?: string) => {
      const params = {
        name: 'program__wait-for-input',
        arguments: {},
        _meta,
        ...(requestState !== undefined && { requestState }),
      }
      return JSON.parse((await client.post(MANY, { method: 'tools/call', params }, fields)).page)
    }
    const [hers, his] = [(await ask(ann)).result.requestState, (await ask(bob)).result.requestState]
    assert.notEqual(hers, his)
    for (const stolen of [hers, `${his} `, 'made up']) {
      const { error } = await ask(bob, stolen)
      assert.equal(error?.data?.code, 'invalid_argument', stolen)
    }
    assert.match(JSON.stringify(await ask(ann, hers)), /its own state/)
    assert.match(JSON.stringify(await ask(bob, his)), /its own state/)
  })

  test('what is sent to a program counts in the bytes that its task may send', async () => {
    const client = await begin({ budget: { bytesOut: 1000 } })
    const session = await initialize(client)
    let answer = await count(client, session)
    for (let turn = 1; / in /.test(answer.page) && turn < 20; turn += 1) answer = await count(client, session)
    assert.match(answer.page, /budget_exceeded/)
    const { budgets } = await call<ShownTask>('GET', `/v1/tasks/${client.task.id}`)
    assert.deepEqual(
      budgets.map(({ unit, isPaused }) => [unit, isPaused]),
      [['bytesOut', true]],
    )
  })

  test('Stint’s own tools are called in the revision of 2026-07-28, whose header fields must say what the body says', async () => {
    const client = await begin()
    const prefix = 'io.modelcontextprotocol/'
    const _meta = {
      [`${prefix}protocolVersion`]: '2026-07-28',
      [`${prefix}clientInfo`]: { name: 'test', version: '1' },
      [`${prefix}clientCapabilities`]: {},
    }
    const message = { method: 'tools/call', params: { name: 'show_task', arguments: {}, _meta } }
    const fields = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'show_task' }
    const shown = await client.post(OWN, message, fields)
    assert.equal(shown.status, 200, shown.page)
    assert.equal(JSON.parse(shown.page).result.structuredContent.id, client.task.id)
    const other = await client.post(OWN, message, { ...fields, 'mcp-name': 'end_child_task' })
    assert.deepEqual([other.status, JSON.parse(other.page).error.code], [400, -32020])
  })
})
