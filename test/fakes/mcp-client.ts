import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'

/** One thing the client does: a request by the SDK, bytes of the test's own, the reading of a page elsewhere, or what it prefers from then on. */
export type Step =
  | { readonly ask: string; readonly params?: Record<string, unknown> }
  | { readonly post: string; readonly headers?: Record<string, string> }
  | { readonly read: string }
  | { readonly prefer: string }

/** What came of it. */
export interface Done {
  readonly result?: Record<string, unknown>
  readonly error?: { readonly code: number; readonly message: string; readonly data?: { readonly code?: string } }
  readonly status?: number
  readonly body?: { readonly id: unknown; readonly error?: { readonly code: number; readonly data?: { readonly code?: string } } }
  readonly progress?: number
}

/**
 * A real client of MCP as a program: `node mcp-client.ts URL STEPS [BRIDGE ARGUMENTS]`; it writes what came of each step but preferences as JSON, one a line.
 * With a bridge, a program of Node that speaks stdio, it knows no HTTP.
 */
async function main(url: string, steps: readonly Step[], bridge: readonly string[]): Promise<void> {
  const client = new Client({ name: 'stint-test', version: '1.0.0' })
  if (bridge.length > 0) {
    const env = Object.fromEntries(Object.entries(process.env).map(([name, value = '']) => [name, value]))
    await client.connect(new StdioClientTransport({ command: process.execPath, args: [...bridge], env, stderr: 'inherit' }))
    for (const step of steps) if ('ask' in step) console.log(JSON.stringify(await ask(client, step)))
    return client.close()
  }
  const requestInit: RequestInit = {}
  const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit })
  await client.connect(transport)
  for (const step of steps) {
    if ('prefer' in step) requestInit.headers = { prefer: step.prefer }
    else if ('ask' in step) console.log(JSON.stringify(await ask(client, step)))
    else console.log(JSON.stringify('read' in step ? await read(step) : await post(url, transport, step)))
  }
  await transport.terminateSession()
  await client.close()
}

async function ask(client: Client, { ask: method, params = {} }: Extract<Step, { ask: string }>): Promise<Done> {
  let progress = 0
  try {
    const asked = { method: method as 'tools/list', params } // whatever the step says
    const result: Record<string, unknown> = await client.request(asked, { onprogress: () => (progress += 1) })
    return { result, progress }
  } catch (thrown) {
    const { code, message, data } = thrown as NonNullable<Done['error']>
    return { error: { code, message, ...(data !== undefined && { data }) } }
  }
}

async function read({ read: url }: Extract<Step, { read: string }>): Promise<Done> {
  const answer = await fetch(url)
  await answer.arrayBuffer()
  return { status: answer.status }
}

async function post(
  url: string,
  { sessionId }: StreamableHTTPClientTransport,
  { post: body, headers }: Extract<Step, { post: string }>,
): Promise<Done> {
  const usual = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
  const session = { 'mcp-session-id': sessionId ?? '', 'mcp-protocol-version': '2025-11-25' }
  const answer = await fetch(url, { method: 'POST', headers: { ...usual, ...session, ...headers }, body })
  return { status: answer.status, body: JSON.parse(await answer.text()) }
}

const [url = '', steps = '[]', ...bridge] = process.argv.slice(2)
await main(url, JSON.parse(steps), bridge)
