import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A step of the recipe as the system sees it. */
export type Call = 'make' | 'find' | 'probe' | 'retire'

export interface LegacyKey {
  readonly id: string
  readonly value: string
  readonly name: string
}

/** What it answers instead, before or after it did what was asked: a status, a whole answer, or a connection that is cut. */
export type Fault =
  | number
  | { readonly status: number; readonly body?: unknown; readonly headers?: Record<string, string> }
  | 'cut'

/** A system of before there were short-lived tokens: one account with standing keys, two at a time. */
export interface Legacy {
  readonly origin: string
  readonly port: number
  readonly keys: Map<string, LegacyKey>
  /** Every call, in order. */
  readonly calls: Call[]
  /** Requests of ordinary use that were refused. */
  readonly refused: string[]
  /** It says that it ended keys, and does not. */
  lies: boolean
  /** What to do at a moment instead of answering: `before make`, `after retire`. Undefined goes on. */
  fault: ((moment: string, call: Call) => Fault | undefined) | undefined
  close(): Promise<void>
}

const MOST_KEYS = 2

/** Starts one on a free loopback port, with the key `1` whose value is given. */
export async function startLegacy(first: string): Promise<Legacy> {
  const keys = new Map<string, LegacyKey>([['1', { id: '1', value: first, name: 'made by hand' }]])
  let made = 1
  const server = createServer(async (request, response) => {
    const call = callOf(request)
    legacy.calls.push(...(call === undefined ? [] : [call]))
    const told = await answer(request, call)
    if (told === 'cut') return void request.socket.destroy()
    response.writeHead(told.status, { 'content-type': 'application/json', ...told.headers })
    response.end(told.body === undefined ? '' : JSON.stringify(told.body))
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  const { port } = server.address() as AddressInfo
  const legacy: Legacy = {
    ...{ origin: `http://127.0.0.1:${port}`, port, keys, calls: [], refused: [], lies: false, fault: undefined },
    close: () =>
      new Promise((closed) => {
        server.close(() => closed())
        server.closeAllConnections()
      }),
  }
  return legacy

  async function answer(request: IncomingMessage, call: Call | undefined): Promise<Exclude<Fault, number>> {
    const body = await bodyOf(request)
    const before = call && legacy.fault?.(`before ${call}`, call)
    if (before !== undefined) return typeof before === 'number' ? { status: before } : before
    const done = act(request, body, call)
    const after = call && legacy.fault?.(`after ${call}`, call)
    if (after !== undefined) return typeof after === 'number' ? { status: after } : after
    return done
  }

  function act(request: IncomingMessage, body: unknown, call: Call | undefined): { status: number; body?: unknown } {
    const given = request.headers.authorization?.replace('Bearer ', '')
    if (![...keys.values()].some(({ value }) => value === given)) {
      if (call === undefined) legacy.refused.push(request.url ?? '')
      return { status: 401, body: { error: 'no such key' } }
    }
    const url = new URL(request.url ?? '/', legacy.origin)
    if (call === 'make') {
      if (keys.size >= MOST_KEYS) return { status: 409, body: { error: 'two keys are the most' } }
      made += 1
      const key = {
        id: String(made),
        value: randomBytes(18).toString('base64url'),
        name: String((body as LegacyKey).name),
      }
      keys.set(key.id, key)
      return { status: 201, body: { key } }
    }
    if (call === 'find') {
      const name = url.searchParams.get('name') ?? ''
      return { status: 200, body: { keys: [...keys.values()].filter((key) => key.name.includes(name)) } }
    }
    if (call !== 'retire') return { status: 200, body: { account: 'acme' } }
    const id = url.pathname.slice('/v1/keys/'.length)
    if (!keys.has(id)) return { status: 404, body: { error: 'no such id' } }
    if (!legacy.lies) keys.delete(id)
    return { status: 200, body: { ended: id } }
  }
}

function callOf({ method, url = '' }: IncomingMessage): Call | undefined {
  if (url.startsWith('/v1/me')) return 'probe'
  if (!url.startsWith('/v1/keys')) return undefined
  return method === 'POST' ? 'make' : method === 'DELETE' ? 'retire' : 'find'
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString())
}
