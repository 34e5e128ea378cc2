import assert from 'node:assert/strict'
import { request, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { describe, test } from 'node:test'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { begin, begun, MANY, type Message, openMany, ownUrl, send, startServer } from './mcp-rig.ts'
import { attachTo, until } from './rig.ts'

const COMMON = { resultType: 'complete', ttlMs: 60_000, cacheScope: 'public' }
const REVISIONS = ['2025-11-25', '2026-07-28'] as const
const say = (response: ServerResponse, message: object): unknown =>
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', ...message }))
const tool = (name: string) => ({ name, inputSchema: { type: 'object' } })

/** A server of both revisions that has the tools `good` and `bad`. */
const startBoth = () =>
  startServer({
    ...{
      initialize: { ...begun('2025-11-25'), serverInfo: { name: 'one', version: '1' } },
      GET: (response) => void response.writeHead(405).end(),
    },
    'server/discover': { ...COMMON, supportedVersions: ['2026-07-28'], capabilities: { tools: {} } },
    'tools/list': { ...COMMON, tools: ['good', 'bad'].map(tool) },
    'tools/call'(response, { id, params }) {
      const isKnown = params?.name === 'good' || params?.name === 'bad'
      if (isKnown) say(response, { id, result: { resultType: 'complete', content: [{ type: 'text', text: 'done' }] } })
      else say(response, { id, error: { code: -32602, message: 'Unknown tool' } })
    },
  })

/** For a client that knows nothing of Stint: each request on an attached connection of its own. */
function fetchThrough(port: number): typeof fetch {
  return async (url, { method = 'GET', headers, body } = {}) => {
    const socket = await attachTo(port)
    const fields = { ...Object.fromEntries(new Headers(headers)), connection: 'close', host: new URL(String(url)).host }
    return new Promise<Response>((done, fail) => {
      const asked = request({ createConnection: () => socket, method, path: String(url), headers: fields }, (answer) => {
        const { statusCode: status = 0, headers: given } = answer
        const type = { 'content-type': given['content-type'] ?? '', 'mcp-session-id': String(given['mcp-session-id'] ?? '') }
        done(new Response(status === 202 ? null : (Readable.toWeb(answer) as ReadableStream), { status, headers: type }))
      })
      asked
        .on('error', fail)
        .on('socket', () => socket.resume())
        .end(body === undefined || body === null ? undefined : String(body))
    })
  }
}

describe('a real client, through the gateway', () => {
  for (const revision of REVISIONS)
    for (const [where, prefix] of [
      ['the server’s own address', ''],
      ['the address of all', 'one__'],
    ] as const)
      test(`of ${revision} at ${where} lists and calls what it may; a denied tool is not a missing one`, async () => {
        const one = await startBoth()
        const { rig } = await openMany({ one: one.port }, ({ resource }) => resource === 'tool/bad')
        const url = new URL(prefix === '' ? ownUrl('one', one.port) : MANY)
        const pinned = { versionNegotiation: { mode: { pin: '2026-07-28' } } } as const
        const client = new Client({ name: 'test', version: '1' }, revision === '2026-07-28' ? pinned : {})
        await client.connect(new StreamableHTTPClientTransport(url, { fetch: fetchThrough(rig.port) }))
        const { tools } = await client.listTools()
        assert.deepEqual(
          tools.map(({ name }) => name),
          [`${prefix}good`],
        )
        const call = (name: string) => client.callTool({ name: `${prefix}${name}`, arguments: {} })
        assert.match(JSON.stringify(await call('good')), /done/)
        await assert.rejects(call('bad'), { code: -32010 })
        await assert.rejects(call('none'), { code: -32602 })
        await client.close()
        const called = one.got.filter(({ method }) => method === 'tools/call').map(({ params }) => params?.name)
        assert.deepEqual(called, ['good', 'none'], 'the denied call is not sent')
      })
})

describe('what a server tells its subscribers', () => {
  const updated = (uri: string) =>
    `data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri } })}\n\n`
  const listening = (response: ServerResponse): ServerResponse => response.writeHead(200, { 'content-type': 'text/event-stream' })

  test('passes in a stream of 2026-07-28 while it goes on, which ends at the server when the client goes', async () => {
    let stream: ServerResponse | undefined
    const one = await startServer({
      'subscriptions/listen'(response) {
        stream = listening(response)
        stream.write(updated('x:1'))
      },
    })
    const { rig } = await openMany({ one: one.port })
    const socket = await attachTo(rig.port)
    const path = ownUrl('one', one.port)
    const headers = {
      host: new URL(path).host,
      ...{ 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      ...{ 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'subscriptions/listen' },
    }
    const _meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }
    const params = { _meta, notifications: { resourceSubscriptions: ['x:1', 'x:2'] } }
    let heard = ''
    const asked = request({ createConnection: () => socket, method: 'POST', path, headers }, (answer) => {
      answer.on('data', (chunk) => (heard += chunk)).on('error', () => undefined)
    })
    asked.on('error', () => undefined).on('socket', () => socket.resume())
    asked.end(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'subscriptions/listen', params }))
    await until(() => heard.includes('x:1'))
    stream?.write(updated('x:2'))
    await until(() => heard.includes('x:2'))
    assert.deepEqual(one.got[0]?.params, params)
    asked.destroy()
    await until(() => stream?.closed === true)
    assert.equal(rig.decided().at(-1)?.action, 'mcp:Session::listen')
  })

  test('is subscribed to at one server of all by 2025-11-25, and comes under the name of that server', async () => {
    const one = await startServer({
      initialize: begun('2025-11-25', { resources: { subscribe: true } }),
      'resources/subscribe': {},
      GET: (response) => void listening(response).end(updated('x:1')),
    })
    const two = await startServer({ initialize: begun('2025-11-25'), GET: (response) => void response.writeHead(405).end() })
    const { rig } = await openMany({ one: one.port, two: two.port })
    const session = await begin(rig.port)
    const subscribe: Message = { id: 1, method: 'resources/subscribe', params: { uri: 'stint:one/x:1' } }
    assert.deepEqual((await send(rig.port, subscribe, session)).message.result, {})
    assert.equal(one.got.at(-1)?.params?.uri, 'x:1')
    assert.match((await send(rig.port, '', session, { method: 'GET' })).text, /stint:one\/x:1/)
    assert.deepEqual(
      rig
        .decided()
        .map(({ resource }) => resource)
        .includes('one x:1'),
      true,
    )
  })
})
