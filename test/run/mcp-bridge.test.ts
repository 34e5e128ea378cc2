import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { bridge } from '../../src/run/mcp/bridge.ts'
import { answerTo, readCarried } from '../../src/run/mcp/message.ts'
import { serverNamed, serversVariable } from '../../src/run/mcp/servers.ts'
import { TARGET } from '../targets/fixture.ts'

type Serve = (asked: IncomingMessage, body: string, answer: ServerResponse) => void

let serve: Serve
let url: URL
const server = createServer(async (asked, answer) => {
  let body = ''
  for await (const chunk of asked) body += chunk
  serve(asked, body, answer)
})
before(async () => {
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`)
})
after(() => {
  server.closeAllConnections()
  server.close()
})

/** A bridge to the server, and what it writes. */
function start(serving: Serve): {
  input: PassThrough
  next(): Promise<{ id?: unknown; [name: string]: unknown }>
  code: Promise<number>
} {
  serve = serving
  const input = new PassThrough()
  const written: string[] = []
  let told = (): void => undefined
  const write = async (line: string): Promise<void> => {
    written.push(line)
    told()
  }
  const code = bridge({ url, input, write, say: () => undefined })
  return {
    input,
    code,
    async next() {
      while (written.length === 0) await new Promise<void>((done) => (told = done))
      return JSON.parse(written.shift() ?? '')
    },
  }
}

const line = (message: object): string => `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`
const json = (answer: ServerResponse, message: object, headers: Record<string, string> = {}): void =>
  void answer
    .writeHead(200, { 'content-type': 'application/json', ...headers })
    .end(JSON.stringify({ jsonrpc: '2.0', ...message }))
const STATELESS = { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } }

describe('carrying lines over HTTP', () => {
  test('keeps to the session and the revision that initialize agreed, listens, and ends the session with the input', async () => {
    const seen: string[] = []
    const { input, next, code } = start(({ method, headers }, body, answer) => {
      seen.push(`${method} ${headers['mcp-session-id'] ?? '-'} ${headers['mcp-protocol-version'] ?? '-'}`)
      if (method === 'GET')
        answer
          .writeHead(200, { 'content-type': 'text/event-stream' })
          .write('id: 1\ndata: {"jsonrpc":"2.0","id":7,"method":"roots/list"}\n\n')
      else if (method === 'DELETE') answer.writeHead(204).end()
      else if (body.includes('initialize"'))
        json(answer, { id: 1, result: { protocolVersion: '2025-06-18' } }, { 'mcp-session-id': 's1' })
      else answer.writeHead(202).end()
    })
    input.write(line({ id: 1, method: 'initialize' }) + line({ method: 'notifications/initialized' }))
    assert.equal((await next()).id, 1)
    assert.equal((await next()).method, 'roots/list')
    input.end(line({ id: 7, result: { roots: [] } }))
    assert.equal(await code, 0)
    const inSession = ['POST', 'GET', 'POST', 'DELETE'].map((method) => `${method} s1 2025-06-18`)
    assert.deepEqual(seen.toSorted(), ['POST - -', ...inSession].toSorted())
  })

  test('answers a request for the server where that only says an HTTP error, or an error under no id', async () => {
    const { input, next, code } = start((_, body, answer) => {
      if (body.includes('"a"')) answer.writeHead(502, { 'content-type': 'text/html' }).end('<p>')
      else
        answer
          .writeHead(400, { 'content-type': 'application/json' })
          .end('{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no"}}')
    })
    input.write(line({ id: 'a', method: 'ping' }))
    assert.deepEqual(await next(), { jsonrpc: '2.0', id: 'a', error: { code: -32603, message: 'the server answered HTTP 502' } })
    input.write(line({ id: 'b', method: 'ping' }))
    assert.deepEqual(await next(), { jsonrpc: '2.0', id: 'b', error: { code: -32600, message: 'no' } })
    input.end()
    assert.equal(await code, 0)
  })

  test('ends with 1 when the server has forgotten the session', async () => {
    const { input, next, code } = start((_, body, answer) => {
      if (body.includes('initialize'))
        json(answer, { id: 1, result: { protocolVersion: '2025-11-25' } }, { 'mcp-session-id': 's2' })
      else answer.writeHead(404).end()
    })
    input.write(line({ id: 1, method: 'initialize' }) + line({ id: 2, method: 'ping' }))
    assert.equal((await next()).id, 1)
    assert.equal((await next()).id, 2)
    assert.equal(await code, 1)
  })

  test('closes a request of 2026-07-28 that is cancelled, whose revision has no other way', async () => {
    const closed = Promise.withResolvers<void>()
    const posts: string[] = []
    const { input, next, code } = start((asked, body, answer) => {
      posts.push(String(asked.headers['mcp-method']))
      if (asked.headers['mcp-name'] !== 'slow') return json(answer, { id: JSON.parse(body).id, result: {} })
      answer
        .writeHead(200, { 'content-type': 'text/event-stream' })
        .write('data: {"jsonrpc":"2.0","method":"notifications/progress"}\n\n')
      answer.on('close', closed.resolve)
    })
    input.write(line({ id: 5, method: 'tools/call', params: { name: 'slow', ...STATELESS } }))
    await next()
    input.write(line({ method: 'notifications/cancelled', params: { requestId: 5, ...STATELESS } }))
    await closed.promise
    input.write(line({ id: 6, method: 'tools/list', params: STATELESS }))
    assert.equal((await next()).id, 6)
    input.end()
    assert.equal(await code, 0)
    assert.deepEqual(posts, ['tools/call', 'tools/list'])
  })

  test('refuses what is no message, and ends at one that is too long', async () => {
    const { input, next, code } = start((_asked, _body, answer) => void answer.writeHead(202).end())
    input.write('{"jsonrpc":"1.0"}\n')
    assert.equal(((await next()).error as { code: number }).code, -32700)
    input.write('x'.repeat(1024 * 1024 + 1))
    assert.equal(await code, 1)
  })
})

describe('what is carried', () => {
  test('repeats itself in its fields as 2026-07-28 wants, in base64 where it is not plain', () => {
    const fields = (method: string, params: object) =>
      readCarried(line({ id: 1, method, params: { ...params, ...STATELESS } }))?.fields
    assert.deepEqual(fields('tools/call', { name: 'a b' }), {
      ...{ 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'a b' },
    })
    for (const name of ['kettle é', ' a', '=?base64?YQ==?=', 'a\nb'])
      assert.equal(fields('prompts/get', { name })?.['mcp-name'], `=?base64?${Buffer.from(name).toString('base64')}?=`)
    assert.deepEqual(readCarried(line({ id: 1, method: 'tools/call', params: { name: 'a' } }))?.fields, {})
  })

  test('is answered under its own id', () => {
    const error = { code: -32020, message: 'differs' }
    assert.deepEqual(JSON.parse(answerTo('x', JSON.stringify({ jsonrpc: '2.0', id: null, error }), '')), {
      jsonrpc: '2.0',
      id: 'x',
      error,
    })
  })
})

describe('the servers of a task', () => {
  test('are told to its command by name, and found by it', () => {
    const hosts = [{ scheme: 'https', host: 'mcp.example.com', port: 8443 }] as const
    const mine = { ...TARGET, id: 'mine', connector: 'mcp', hosts, settings: { path: '/v1' } }
    const environment = serversVariable([TARGET, mine, { ...mine, id: 'other', settings: {} }])
    assert.equal(serverNamed('mine', environment).href, 'https://mcp.example.com:8443/v1')
    assert.equal(serverNamed('other', environment).href, 'https://mcp.example.com:8443/mcp')
    for (const name of [TARGET.id, 'min', '']) assert.throws(() => serverNamed(name, environment), /no MCP server/)
    assert.equal(serversVariable([TARGET]).STINT_MCP_SERVERS, undefined)
  })
})
