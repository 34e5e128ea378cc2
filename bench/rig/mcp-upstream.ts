import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/**
 * A process of its own: the barest server of MCP 2025-11-25 over streamable HTTP, so that what is added to it shows. Every call of a tool
 * is answered at once, as one JSON text; a listening client is kept waiting.
 */
const RESULTS: Readonly<Record<string, object>> = {
  initialize: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'bench', version: '1' } },
  'tools/call': { content: [{ type: 'text', text: 'done' }] },
}
let sessions = 0

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.flushHeaders()
  } else void answer(request, response)
})

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { id, method } = JSON.parse(await text(request)) as { id?: number; method: string }
  if (id === undefined) return void response.writeHead(202).end()
  const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, result: RESULTS[method] }))
  const session = method === 'initialize' ? { 'mcp-session-id': `session-${++sessions}` } : {}
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length, ...session }).end(body)
}

server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
process.on('disconnect', () => process.exit(0))
