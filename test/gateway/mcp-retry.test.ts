import assert from 'node:assert/strict'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { openApprovals } from '../../src/approvals/approvals.ts'
import { consentDecision } from '../../src/approvals/consent.ts'
import { mcp } from '../../src/credentials/connectors/mcp.ts'
import { digestOf } from '../../src/policy/digest.ts'
import { openStore } from '../../src/store/store.ts'
import { temporaryDirectory } from '../store/temporary.ts'
import { attachTo, startRig, targetAt, task } from './rig.ts'

const REVISION = '2026-07-28'
const VERSION = 'io.modelcontextprotocol/protocolVersion'
const COMMON = { resultType: 'complete', ttlMs: 0, cacheScope: 'private' }
const RESULTS: Readonly<Record<string, object>> = {
  'server/discover': {
    ...{ ...COMMON, supportedVersions: [REVISION], capabilities: { tools: {} } },
    serverInfo: { name: 'fake', version: '1' },
  },
  'tools/call': { resultType: 'complete', content: [{ type: 'text', text: 'paid' }] },
}
const ANN = { callerId: 'spiffe://stint.local/operator', person: task.owner }

interface Result {
  readonly result?: { readonly resultType: string; readonly requestState?: string; readonly _meta?: Record<string, Told> }
  readonly error?: { readonly code: number; readonly message: string; readonly data: { readonly code: string } }
}
interface Told {
  readonly id: string
  readonly status_endpoint: string
}

/** A server of MCP behind a real gateway, whose calls of tools need ann's consent; `acting` is the task of whoever connects. */
async function play(t: TestContext) {
  const calls: Record<string, unknown>[] = []
  const server = createServer(async (asked, response) => {
    const { id, method, params } = JSON.parse(Buffer.concat(await asked.toArray()).toString())
    if (method === 'tools/call') calls.push(params)
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: RESULTS[method] }))
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  const { port } = server.address() as AddressInfo
  const store = await openStore(join(await temporaryDirectory(t), 'state.db'))
  const approvals = await openApprovals(store, { now: Date.now, roles: {}, seconds: 60, most: { times: 1, minutes: 1 } })
  let acting = task
  const rig = await startRig({
    targets: [{ ...targetAt({ port }), connector: 'mcp', settings: { pins: 'off' } }],
    connector: mcp,
    liveTask: () => acting,
    asks: ({ id }) => id === 'mcp:Tool::call',
    consent: (decided, exact) => consentDecision(approvals, { ...decided, digest: digestOf(decided.request) }, exact),
    answered: approvals.answered,
  })
  t.after(async () => {
    await rig.stop()
    await store.close()
    server.closeAllConnections()
    server.close()
  })
  const url = `http://up.test:${port}/mcp`
  return {
    ...{ calls, approvals, url, act: (id: string) => (acting = { ...task, id }) },
    send: (text: string, headers: Record<string, string>, at = url) => sendTo(rig.port, at, text, headers),
    /** Whose question waits. */
    async pending() {
      const { items } = await approvals.list({ state: 'pending', limit: 10 })
      return items
    },
  }
}

async function sendTo(gateway: number, url: string, text: string, headers: Record<string, string>) {
  const socket = await attachTo(gateway)
  return new Promise<Response>((done, fail) => {
    const options = { createConnection: () => socket, method: 'POST', path: url, host: 'up.test', setHost: false }
    const asked = request({ ...options, headers: { host: new URL(url).host, ...headers } }, async (answer) => {
      const body = Buffer.concat(await answer.toArray())
      socket.destroy()
      done(new Response(body, { status: answer.statusCode ?? 0, headers: answer.headers as Record<string, string> }))
    })
    asked
      .on('error', fail)
      .on('socket', () => socket.resume())
      .end(text)
  })
}

let lastId = 0
const fields = {
  ...{ 'content-type': 'application/json', accept: 'application/json, text/event-stream', prefer: 'wait=1' },
  ...{ 'mcp-protocol-version': REVISION, 'mcp-method': 'tools/call', 'mcp-name': 'pay' },
}

type World = Awaited<ReturnType<typeof play>>

/** One call of `pay` as a client of 2026-07-28 makes it; `more` is further params. */
async function pay(world: World, more: object = {}, headers: Record<string, string> = fields, at?: string): Promise<Result> {
  const params = { _meta: { [VERSION]: REVISION }, name: 'pay', arguments: { euros: 5 }, ...more }
  const message = JSON.stringify({ jsonrpc: '2.0', id: ++lastId, method: 'tools/call', params })
  return (await world.send(message.replace('"euros":5', '"euros":5.00'), headers, at)).json() as Promise<Result>
}

test('an unmodified client waits for people, and its call passes once they said yes, as it was first made', async (t) => {
  const { calls, approvals, url, send, pending } = await play(t)
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: { pin: REVISION } } })
  const viaGateway = (_: string | URL, init?: RequestInit) =>
    init?.method === 'POST'
      ? send(String(init.body), Object.fromEntries(new Headers(init.headers)))
      : Promise.resolve(new Response(null, { status: 405 }))
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { fetch: viaGateway }))
  const called = client.callTool({ name: 'pay', arguments: { euros: 5 } }, { onprogress: () => undefined })
  let [asked] = await pending()
  while (asked === undefined) {
    await new Promise((done) => setTimeout(done, 5))
    ;[asked] = await pending()
  }
  assert.equal(calls.length, 0)
  await approvals.grant(asked.id, ANN)
  assert.deepEqual((await called).content, [{ type: 'text', text: 'paid' }])
  assert.equal(calls.length, 1)
  const [{ arguments: given, requestState } = {}] = calls as Record<string, unknown>[]
  assert.deepEqual([given, requestState], [{ euros: 5 }, undefined])
  assert.equal((await pending()).length, 0, 'it asked once')
  await client.close()
})

test('nothing but the very request of the very task passes with a state, and it passes once', async (t) => {
  const world = await play(t)
  const { result } = await pay(world)
  const told = result?._meta?.['stint.invalid/access-request']
  const state = result?.requestState ?? ''
  assert.equal(result?.resultType, 'input_required')
  assert.equal(told?.status_endpoint, `http://stint.invalid/approvals/${told?.id}`)
  const again = await pay(world, { requestState: state })
  assert.equal(again.result?.resultType, 'input_required', 'nobody has answered')
  assert.equal(again.result?._meta?.['stint.invalid/access-request']?.id, told?.id)
  await world.approvals.grant(told?.id ?? '', ANN)
  const hostile: [object, Record<string, string>?][] = [
    [{ requestState: `${state.slice(0, -1)}${state.endsWith('A') ? 'B' : 'A'}` }],
    [{ requestState: state.replace('stint-approval:', 'stint-approval:A') }],
    [{ requestState: state.slice('stint-'.length) }],
    [{ requestState: state, arguments: { euros: 50 } }],
    [{ requestState: state, arguments: { euros: 5, to: 'mallory' } }],
    [{ requestState: state, inputResponses: { who: { action: 'accept' } } }],
    [{ requestState: state }, { ...fields, 'x-account': 'mallory' }],
    [
      { requestState: state, name: 'pay2' },
      { ...fields, 'mcp-name': 'pay2' },
    ],
    [{ requestState: state, _meta: { [VERSION]: REVISION, tenant: 'other' } }],
  ]
  for (const [params, headers] of hostile)
    assert.equal((await pay(world, params, headers)).error?.data.code, 'invalid_argument', JSON.stringify(params))
  world.act('task_2')
  assert.equal((await pay(world, { requestState: state })).error?.data.code, 'invalid_argument', 'another task')
  world.act(task.id)
  assert.deepEqual(world.calls, [])
  assert.equal((await pay(world, { requestState: state })).result?.resultType, 'complete')
  const replayed = await pay(world, { requestState: state })
  assert.deepEqual([replayed.error?.code, replayed.error?.data.code], [-32010, 'denied'])
  assert.match(replayed.error?.message ?? '', /is over/)
  assert.equal(world.calls.length, 1)
  assert.equal((await world.pending()).length, 0, 'a replay asks nobody')
  const anew = await pay(world)
  assert.notEqual(anew.result?._meta?.['stint.invalid/access-request']?.id, told?.id)
  assert.equal((await pay(world, { requestState: state })).error?.data.code, 'denied', 'nor does it stand for the new question')
})

test('the same at the address of all servers', async (t) => {
  const world = await play(t)
  const many = (more: object) =>
    pay(world, { name: 'up__pay', ...more }, { ...fields, 'mcp-name': 'up__pay' }, 'http://stint.invalid/mcp')
  const { result } = await many({})
  const { requestState } = result ?? {}
  assert.equal(result?.resultType, 'input_required')
  await world.approvals.grant((await world.pending())[0]?.id ?? '', ANN)
  const other = await many({ requestState, arguments: { euros: 50 } })
  assert.equal(other.error?.data.code, 'invalid_argument')
  assert.equal((await many({ requestState })).result?.resultType, 'complete')
  assert.equal((await many({ requestState })).error?.data.code, 'denied')
  assert.deepEqual(
    world.calls.map(({ name, requestState: given }) => [name, given]),
    [['pay', undefined]],
  )
})

test('a no is an error, and a client of 2025-11-25 is told as before', async (t) => {
  const world = await play(t)
  const { result } = await pay(world)
  await world.approvals.deny((await world.pending())[0]?.id ?? '', { ...ANN, reason: 'too much' })
  const denied = await pay(world, { requestState: result?.requestState })
  assert.deepEqual([denied.error?.code, denied.error?.data.code], [-32010, 'denied'])
  assert.match(denied.error?.message ?? '', /too much/)
  const { 'mcp-method': _, 'mcp-name': __, ...older } = { ...fields, 'mcp-protocol-version': '2025-11-25' }
  const old = await pay(world, { _meta: {} }, older)
  assert.deepEqual([old.error?.code, old.error?.data.code, old.result], [-32010, 'needs_approval', undefined])
  const given = await pay(world, { _meta: {}, requestState: result?.requestState }, older)
  assert.equal(given.error?.data.code, 'invalid_argument')
  assert.deepEqual(world.calls, [])
})
