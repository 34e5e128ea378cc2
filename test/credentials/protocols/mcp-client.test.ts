import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { mcp } from '../../../src/credentials/connectors/mcp.ts'
import { messageIn } from '../../../src/credentials/protocols/mcp-action.ts'
import type { Operation, Target } from '../../../src/model.ts'

const target: Target = { ...mcp.example.target, settings: { pins: 'off' } }
const ECHO = { name: 'écho', description: 'Says it again.', inputSchema: { type: 'object' } }
const COMMON = { resultType: 'complete', ttlMs: 0, cacheScope: 'private' }
const RESULTS: Readonly<Record<string, object>> = {
  'server/discover': {
    ...{ ...COMMON, supportedVersions: ['2026-07-28'], capabilities: { tools: {} } },
    serverInfo: { name: 'fake', version: '1' },
  },
  'tools/list': { ...COMMON, tools: [ECHO] },
  'tools/call': { resultType: 'complete', content: [{ type: 'text', text: 'done' }] },
}

test('what a real client of 2026-07-28 sends is understood, header fields and all', async (t) => {
  const actions: string[] = []
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray())
    const headers = request.headers as Record<string, string>
    const operation: Operation = {
      ...{ scheme: 'http', host: '127.0.0.1', port: 80, query: '' },
      ...{ method: request.method ?? '', path: request.url ?? '', headers, body },
    }
    const { id: action, resource } = mcp.describe(operation, target)
    actions.push(`${action} ${resource}`.trim())
    const message = messageIn(operation)
    if (message.kind !== 'request') return void response.writeHead(202).end()
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: RESULTS[message.method] }))
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } })
  await client.connect(new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${port}/mcp`)))
  await client.listTools()
  await client.callTool({ name: 'écho', arguments: { x: 1 } })
  await client.close()
  assert.deepEqual(actions, ['mcp:Session::discover', 'mcp:Tool::list', 'mcp:Tool::call tool/écho'])
})
