import assert from 'node:assert/strict'
import { request, type ServerResponse } from 'node:http'
import { describe, test } from 'node:test'
import { begin, begun, type Message, openMany, send, startServer } from './mcp-rig.ts'
import { until } from './rig.ts'

describe('the address of many MCP servers', () => {
  test('begins a session with each, in the revision that each took, and answers with what any of them can', async () => {
    const one = await startServer({
      initialize: begun('2025-11-25', { tools: { listChanged: true } }),
      'tools/call': { content: [] },
    })
    const two = await startServer({
      initialize: begun('2025-06-18', { resources: { subscribe: true }, tasks: {} }),
      'tools/call': {},
    })
    const { rig } = await openMany({ one: one.port, two: two.port })
    const { message, headers } = await send(rig.port, {
      id: 'x',
      method: 'initialize',
      params: { protocolVersion: '2025-11-25' },
    })
    assert.deepEqual(message.result, {
      protocolVersion: '2025-06-18',
      capabilities: { tools: { listChanged: true }, resources: { subscribe: true } },
      serverInfo: { name: 'stint', version: '1' },
    })
    const session = { 'mcp-session-id': String(headers['mcp-session-id']), 'mcp-protocol-version': '2025-06-18' }
    for (const name of ['one__a', 'two__a']) await send(rig.port, { id: 1, method: 'tools/call', params: { name } }, session)
    assert.deepEqual(
      [one.got[1], two.got[1]].map((got) => [got?.headers['mcp-session-id'], got?.headers['mcp-protocol-version']]),
      [
        ['own-1', '2025-11-25'],
        ['own-1', '2025-06-18'],
      ],
    )
  })

  test('sends a call on with another name and not one other byte, long numbers included', async () => {
    const one = await startServer({ initialize: begun('2025-11-25'), 'tools/call': { content: [] } })
    const { rig } = await openMany({ one: one.port })
    const text =
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"one__a","arguments":{"n":12345678901234567890,"x":1.0}}}'
    await send(rig.port, text, await begin(rig.port))
    assert.equal(one.got.at(-1)?.text, text.replace('one__a', 'a'))
  })

  test('goes on with each list where that server’s goes on', async () => {
    const pages =
      (name: string) =>
      (response: ServerResponse, { id, params }: Message) => {
        const result =
          params?.cursor === `${name}-2` ? { tools: [{ name: 'b' }] } : { tools: [{ name: 'a' }], nextCursor: `${name}-2` }
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, result }))
      }
    const one = await startServer({ initialize: begun('2025-11-25'), 'tools/list': pages('one') })
    const two = await startServer({ initialize: begun('2025-11-25'), 'tools/list': { tools: [{ name: 'only' }] } })
    const { rig } = await openMany({ one: one.port, two: two.port })
    const session = await begin(rig.port)
    const first = (await send(rig.port, { id: 1, method: 'tools/list' }, session)).message.result as { nextCursor: string }
    const params = { cursor: first.nextCursor }
    const next = (await send(rig.port, { id: 2, method: 'tools/list', params }, session)).message.result
    assert.deepEqual(
      [first, next],
      [{ tools: [{ name: 'one__a' }, { name: 'two__only' }], nextCursor: first.nextCursor }, { tools: [{ name: 'one__b' }] }],
    )
    assert.equal(two.got.filter(({ method }) => method === 'tools/list').length, 1)
    const { message } = await send(rig.port, { id: 3, method: 'tools/list', params: { cursor: 'made up' } }, session)
    assert.equal((message.error as { code: number }).code, -32602)
  })

  test('names in a list whose server did not answer, or would not, and why', async () => {
    const one = await startServer({ initialize: begun('2025-11-25'), 'tools/list': { tools: [{ name: 'a' }] } })
    const two = await startServer({
      initialize: begun('2025-11-25'),
      'tools/list': (response) => void response.writeHead(500).end(),
    })
    const gone = await startServer({ initialize: begun('2025-11-25'), 'tools/list': (response) => response.destroy() })
    const { rig } = await openMany({ one: one.port, two: two.port, gone: gone.port })
    const { message } = await send(rig.port, { id: 1, method: 'tools/list' }, await begin(rig.port))
    assert.deepEqual(message.result, {
      tools: [{ name: 'one__a' }],
      _meta: { 'stint.invalid/left-out': { two: 'HTTP 500', gone: 'upstream_failed' } },
    })
  })

  test('refuses a name that could be of two servers, and lists none', async () => {
    const tools = (name: string) => ({
      initialize: begun('2025-11-25'),
      'tools/list': { tools: [{ name }, { name: 'x' }] },
      'tools/call': {},
    })
    const [a, ab] = [await startServer(tools('b__c')), await startServer(tools('c'))]
    const { rig } = await openMany({ a: a.port, a__b: ab.port })
    const session = await begin(rig.port)
    const list = (await send(rig.port, { id: 1, method: 'tools/list' }, session)).message.result as { tools: { name: string }[] }
    assert.deepEqual(
      list.tools.map(({ name }) => name),
      ['a__x'],
      'a__b__x and a__b__c could be of both',
    )
    const { message } = await send(rig.port, { id: 1, method: 'tools/call', params: { name: 'a__b__c' } }, session)
    assert.match(JSON.stringify(message.error), /-32602.*ambiguous|ambiguous.*-32602/)
    assert.ok(![...a.got, ...ab.got].some(({ method }) => method === 'tools/call'))
  })

  test('takes a server’s question to the client and its answer back, and cancels where the request is', async () => {
    let asked: ServerResponse | undefined
    const one = await startServer({
      initialize: begun('2025-11-25'),
      'tools/call'(response) {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(`id: e1\ndata: ${JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'roots/list', params: {} })}\n\n`)
        asked = response
      },
      answer: (response) => void response.writeHead(202).end(),
    })
    const two = await startServer({ initialize: begun('2025-11-25') })
    const { rig } = await openMany({ one: one.port, two: two.port })
    const session = await begin(rig.port)
    const going = send(rig.port, { id: 5, method: 'tools/call', params: { name: 'one__a' } }, session)
    await until(() => asked !== undefined)
    await send(rig.port, { method: 'notifications/cancelled', params: { requestId: 5 } }, session)
    await send(rig.port, { id: 'one/7', result: { roots: [] } }, session)
    const stranger = await send(rig.port, { id: 'two/{}', result: {} }, session)
    asked?.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id: 5, result: { content: [] } })}\n\n`)
    const { text } = await going
    assert.match(text, /^id: one\/"e1"\ndata: .*"id":"one\/7"/)
    assert.deepEqual(
      one.got.slice(2).map(({ id, method }) => [id, method]),
      [
        [undefined, 'notifications/cancelled'],
        [7, undefined],
      ],
    )
    assert.equal(two.got.length, 1, 'initialize')
    assert.equal(stranger.status, 400)
  })

  test('listens to all of them on one stream, which one that breaks off does not end', async () => {
    const changed = (method: string) => `data: ${JSON.stringify({ jsonrpc: '2.0', method })}\n\n`
    let rest: ServerResponse | undefined
    const one = await startServer({
      initialize: begun('2025-11-25'),
      GET(response) {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write(changed('notifications/tools/list_changed'))
        setImmediate(() => response.destroy())
      },
    })
    const two = await startServer({
      initialize: begun('2025-11-25'),
      GET(response) {
        rest = response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.flushHeaders()
      },
    })
    const deaf = await startServer({ initialize: begun('2025-11-25'), GET: (response) => void response.writeHead(405).end() })
    const { rig } = await openMany({ one: one.port, two: two.port, deaf: deaf.port })
    const session = await begin(rig.port)
    const listening = send(rig.port, '', session, { method: 'GET' })
    await until(() => rig.outcomes().some(({ result }) => result === 'failed') && rest !== undefined)
    rest?.end(changed('notifications/prompts/list_changed'))
    const { status, text } = await listening
    assert.equal(status, 200)
    assert.match(text, /tools\/list_changed[\s\S]*prompts\/list_changed/)
  })

  test('takes up a stream again in its session, and none of a server without sessions, where it could be another task’s', async () => {
    const stream = (response: ServerResponse) => response.writeHead(200, { 'content-type': 'text/event-stream' }).end()
    const one = await startServer({ initialize: begun('2025-11-25'), GET: stream })
    const loose = await startServer({
      initialize(response, { id }) {
        const text = JSON.stringify({ jsonrpc: '2.0', id, result: begun('2025-11-25') })
        response.writeHead(200, { 'content-type': 'application/json' }).end(text)
      },
      GET: stream,
    })
    const { rig } = await openMany({ one: one.port, loose: loose.port })
    const session = await begin(rig.port)
    const statuses = []
    for (const id of ['one', 'loose'])
      statuses.push((await send(rig.port, '', { ...session, 'last-event-id': `${id}/"e1"` }, { method: 'GET' })).status)
    assert.deepEqual(statuses, [200, 400])
    assert.deepEqual([one.got.at(-1)?.headers['last-event-id'], loose.got.length], ['e1', 1])
  })

  test('decides every message at its target, and sends nothing that is refused there', async () => {
    const one = await startServer({ initialize: begun('2025-11-25'), 'tools/call': { content: [] } })
    const { rig } = await openMany({ one: one.port }, ({ resource }) => resource === 'tool/bad')
    const session = await begin(rig.port)
    const { message } = await send(rig.port, { id: 1, method: 'tools/call', params: { name: 'one__bad' } }, session)
    assert.equal((message.error as { data: { code: string } }).data.code, 'denied')
    assert.deepEqual(rig.decided().at(-1), { kind: 'decide', action: 'mcp:Tool::call', resource: 'one tool/bad' })
    assert.equal(one.got.length, 1)
  })

  test('lets no server wait for a question that policy keeps from the client: it is told so, in its session', async () => {
    let asked: ServerResponse | undefined
    const one = await startServer({
      initialize: begun('2025-11-25'),
      'tools/call'(response) {
        asked = response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', id: 'q', method: 'elicitation/create', params: {} })}\n\n`)
      },
      answer(response) {
        response.writeHead(202).end()
        asked?.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id: 1, result: { content: [] } })}\n\n`)
      },
    })
    const { rig } = await openMany({ one: one.port }, ({ id }) => id === 'mcp:Client::elicit')
    const call = { id: 1, method: 'tools/call', params: { name: 'one__a' } }
    const { text } = await send(rig.port, call, await begin(rig.port))
    assert.ok(!text.includes('elicitation') && text.includes('"content":[]'), text)
    const { id, error, headers } = one.got.at(-1) as (typeof one.got)[number]
    assert.deepEqual([id, (error as { code: number }).code, headers?.['mcp-session-id']], ['q', -32010, 'own-1'])
  })

  test('wants a token with a proof of its key, says so by RFC 9728 and RFC 9449, and takes it as an origin or as a proxy', async () => {
    const one = await startServer({ initialize: begun('2025-11-25') })
    const { rig } = await openMany({ one: one.port })
    const well = '/.well-known/oauth-protected-resource/mcp'
    const challenge = `resource_metadata="http://stint.invalid${well}"`
    const proof = { dpop: 'POST http://stint.invalid/mcp' }
    const shown = async (fields: Record<string, string>) => {
      const { status, headers } = await askBare(rig.port, 'POST', '/mcp', fields)
      return [status, headers['www-authenticate']]
    }
    assert.deepEqual(await shown({}), [401, `DPoP algs="ES256", error="invalid_token", ${challenge}`])
    for (const fields of [
      { authorization: 'Bearer good' },
      { authorization: 'Bearer good', ...proof },
      { authorization: 'DPoP good' },
    ])
      assert.equal((await shown(fields))[0], 401, JSON.stringify(fields))
    assert.equal(one.got.length, 0)
    for (const field of ['authorization', 'proxy-authorization'])
      assert.deepEqual(await shown({ [field]: 'DPoP good', ...proof }), [404, undefined], 'proved, and no session yet')
    const { status, body } = await askBare(rig.port, 'GET', well, {})
    const { resource, authorization_servers: servers, dpop_bound_access_tokens_required: isBound } = JSON.parse(body)
    assert.deepEqual([status, resource, servers, isBound], [200, 'http://stint.invalid/mcp', ['https://stint.example.com'], true])
  })

  test('gives a server its state back from the task that was given it, as it was, and sends no other', async () => {
    const one = await startServer({
      'tools/call': { resultType: 'input_required', inputRequests: {}, requestState: 'step-1.signed' },
      'tools/list': { resultType: 'complete', ttlMs: 60_000, cacheScope: 'private', tools: [{ name: 'a' }] },
    })
    const { rig } = await openMany({ one: one.port })
    const call = (params: object) => {
      const _meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }
      const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'one__a' }
      return send(rig.port, { id: 1, method: 'tools/call', params: { _meta, name: 'one__a', ...params } }, headers)
    }
    const early = await call({ requestState: 'step-1.signed' })
    const { message } = await call({})
    assert.equal((message.result as { requestState: string }).requestState, 'step-1.signed')
    for (const requestState of ['step-2.signed', 'step-1.signed ', '', 7])
      assert.ok((await call({ requestState })).message.error, String(requestState))
    assert.match(JSON.stringify(early.message.error), /invalid_argument/)
    assert.equal(one.got.length, 1, 'the one that gave nothing back')
    assert.equal((await call({ requestState: 'step-1.signed' })).message.error, undefined)
    assert.equal(one.got.at(-1)?.headers['mcp-name'], 'a')
  })

  const CALL = '{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"one__a"}}'
  const MALFORMED: readonly [what: string, text: string, code: number, headers?: Record<string, string>][] = [
    ['a batch', `[${CALL}]`, -32600],
    ['what is not JSON', CALL.slice(1), -32700],
    ['a number too large for an id', CALL.replace('9', '9007199254740993'), -32600],
    ['a text too long for an id', CALL.replace('9', `"${'x'.repeat(300)}"`), -32600],
    ['a name given twice', CALL.replace('{"name"', '{"name":"one__b","name"'), -32600],
    ['a header that names another method', CALL, -32020, { 'mcp-method': 'tools/list' }],
    ['a header that names another tool', CALL, -32020, { 'mcp-name': 'one__b' }],
    ['a method that nobody knows', CALL.replace('tools/call', 'tools/destroy'), -32601],
  ]
  test('answers what is malformed with the error for it, and sends none of it to a server', async () => {
    const one = await startServer({ initialize: begun('2025-11-25') })
    const { rig } = await openMany({ one: one.port })
    const session = await begin(rig.port)
    for (const [what, text, code, headers] of MALFORMED) {
      const { message } = await send(rig.port, text, { ...session, ...headers })
      assert.equal((message.error as { code: number } | undefined)?.code, code, what)
    }
    assert.equal(one.got.length, 1, 'initialize')
  })

  test('keeps no answer: each who asks is answered by the server, and is told to keep nothing of a list that is joined', async () => {
    const hints = { resultType: 'complete', ttlMs: 60_000, cacheScope: 'public' }
    const one = await startServer({ 'tools/list': { ...hints, tools: [{ name: 'a' }] } })
    const { rig } = await openMany({ one: one.port })
    const params = { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } }
    const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' }
    for (const id of [1, 1, 2]) {
      const { message, headers: fields } = await send(rig.port, { id, method: 'tools/list', params }, headers)
      const { ttlMs, cacheScope } = message.result as { ttlMs: number; cacheScope: string }
      assert.deepEqual([ttlMs, cacheScope, fields['cache-control']], [0, 'private', 'no-store'])
    }
    assert.equal(one.got.length, 3)
  })

  test('refuses a session that it never gave, one that ended, and a page in a browser', async () => {
    const one = await startServer({ initialize: begun('2025-11-25'), DELETE: (response) => void response.writeHead(200).end() })
    const { rig } = await openMany({ one: one.port })
    const session = await begin(rig.port)
    const list = { id: 1, method: 'tools/list' }
    const made = await send(rig.port, list, { ...session, 'mcp-session-id': 'made-up' })
    const none = await send(rig.port, list, { 'mcp-protocol-version': '2025-11-25' })
    const page = await send(rig.port, list, { ...session, origin: 'https://example.com' })
    const ended = await send(rig.port, '', session, { method: 'DELETE' })
    const late = await send(rig.port, list, session)
    assert.deepEqual([made.status, none.status, ended.status, late.status], [404, 404, 200, 404])
    assert.equal((page.message.error as { data: { code: string } }).data.code, 'denied')
    assert.deepEqual(
      one.got.map(({ method }) => method),
      ['initialize', 'DELETE'],
    )
  })
})

/** Not attached: what the header fields say is all that is shown. */
function askBare(
  port: number,
  method: string,
  path: string,
  fields: Record<string, string>,
): Promise<{ status: number; headers: Record<string, unknown>; body: string }> {
  return new Promise((done, fail) => {
    const headers = { host: 'stint.invalid', 'content-type': 'application/json', ...fields }
    const asked = request({ port, method, path: `http://stint.invalid${path}`, headers }, async (answer) => {
      const body = Buffer.concat(await answer.toArray()).toString()
      done({ status: answer.statusCode ?? 0, headers: answer.headers, body })
    })
    asked.on('error', fail).end(method === 'POST' ? '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' : undefined)
  })
}
