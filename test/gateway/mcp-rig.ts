import { createServer, request, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { after } from 'node:test'
import { mcp } from '../../src/credentials/connectors/mcp.ts'
import type { Target } from '../../src/model.ts'
import { attachTo, startRig, targetAt } from './rig.ts'

/** The address of all MCP servers of a task. */
export const MANY = 'http://stint.invalid/mcp'

export type Message = Record<string, unknown> & { id?: unknown; method?: string; params?: Record<string, unknown> }
export type Answer = {
  status: number
  headers: Record<string, unknown>
  text: string
  message: Message & { result: never; error: never }
}

/** A server of MCP as a script: what it was sent, with its header fields, and what it says to each method. */
export async function startServer(
  results: Readonly<Record<string, object | ((response: ServerResponse, message: Message) => void)>>,
) {
  const got: (Message & { headers: Record<string, unknown> })[] = []
  const server = createServer(async (asked, response) => {
    const text = Buffer.concat(await asked.toArray()).toString()
    const message: Message = text === '' ? { method: asked.method ?? '' } : JSON.parse(text)
    got.push({ ...message, headers: asked.headers, text })
    const result = results[message.method ?? 'answer']
    if (typeof result === 'function') return result(response, message)
    if (message.id === undefined || result === undefined)
      return void response.writeHead(message.id === undefined ? 202 : 400).end()
    const session = message.method === 'initialize' ? { 'mcp-session-id': `own-${got.length}` } : {}
    response.writeHead(200, { 'content-type': 'application/json', ...session })
    response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }))
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { got, port: (server.address() as AddressInfo).port }
}

/** What `initialize` is answered with. */
export const begun = (protocolVersion: string, capabilities: object = { tools: {} }) => ({
  protocolVersion,
  capabilities,
  serverInfo: {},
})

export async function openMany(
  servers: Readonly<Record<string, number>>,
  denies = (_: { id: string; resource: string }) => false,
) {
  const targets: Target[] = Object.entries(servers).map(([id, port]) => ({
    ...targetAt({ id, host: hostOf(id), port }),
    connector: 'mcp',
    settings: { pins: 'off' },
  }))
  const rig = await startRig({ targets, connector: mcp, denies })
  after(() => rig.stop())
  return { rig }
}

/** One request to the address of all, or to a server's own, on a connection that is attached. */
export async function send(
  port: number,
  message: Message | string,
  headers: Record<string, string> = {},
  { method = 'POST', url = MANY } = {},
): Promise<Answer> {
  const socket = await attachTo(port)
  const text = typeof message === 'string' ? message : JSON.stringify({ jsonrpc: '2.0', ...message })
  const { answer, body } = await open(socket, { method, url }, text, headers)
  socket.destroy()
  const data =
    body
      .split('\n')
      .find((line) => line.startsWith('data: '))
      ?.slice(6) ?? body
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    text: body,
    message: data.startsWith('{') ? JSON.parse(data) : {},
  }
}

function open(socket: Socket, to: { method: string; url: string }, text: string, headers: Record<string, string>) {
  return new Promise<{ answer: { statusCode?: number | undefined; headers: Record<string, unknown> }; body: string }>(
    (done, fail) => {
      const fields = {
        accept: 'application/json, text/event-stream',
        ...(text !== '' && { 'content-type': 'application/json' }),
        ...headers,
      }
      const { method, url: path } = to
      const asked = request(
        { createConnection: () => socket, method, path, host: new URL(path).host, headers: fields },
        async (answer) => {
          done({ answer, body: Buffer.concat(await answer.toArray()).toString() })
        },
      )
      asked
        .on('error', fail)
        .on('socket', () => socket.resume())
        .end(text)
    },
  )
}

export async function begin(port: number): Promise<{ 'mcp-session-id': string; 'mcp-protocol-version': string }> {
  const { headers, message } = await send(port, { id: 0, method: 'initialize', params: { protocolVersion: '2025-11-25' } })
  const { protocolVersion } = message.result as { protocolVersion: string }
  return { 'mcp-session-id': String(headers['mcp-session-id']), 'mcp-protocol-version': protocolVersion }
}

/** A server's own address behind the gateway. */
export function ownUrl(id: string, port: number): string {
  return `http://${hostOf(id)}:${port}/mcp`
}

function hostOf(id: string): string {
  return `${id.replaceAll('_', '-')}.test`
}
