import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Injection } from '../../src/credentials/connector.ts'
import type { Io } from '../../src/credentials/minting.ts'
import { createDial } from '../../src/gateway/dial.ts'
import { createIo } from '../../src/gateway/io.ts'
import type { HostRule } from '../../src/model.ts'

/** A request as a played provider sees it: its path without the query, and its body read as JSON where it is JSON. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
}

/** What a played provider answers; no body for undefined. */
export interface Told {
  readonly status: number
  readonly body?: unknown
}

/** A provider over HTTP that is played on a free loopback port. */
export interface Played {
  readonly host: HostRule
  /** Where it is, as `http://127.0.0.1:PORT`. */
  readonly origin: string
  /** Stint’s own way out, limited to this place. */
  readonly io: Io
  close(): Promise<void>
}

/** Plays a provider by `answer`. `skewMs` is how far its clock, which its Date header tells, is ahead of ours. */
export async function play(answer: (asked: Asked) => Told | Promise<Told>, skewMs: () => number = () => 0): Promise<Played> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const url = new URL(request.url ?? '/', 'http://loopback')
    const { method = '', headers } = request
    const asked = { method, path: url.pathname, query: url.searchParams, headers, body: read(Buffer.concat(chunks).toString()) }
    const { status, body } = await answer(asked)
    response.writeHead(status, { 'content-type': 'application/json', date: new Date(Date.now() + skewMs()).toUTCString() })
    response.end(body === undefined ? '' : JSON.stringify(body))
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  const { port } = server.address() as AddressInfo
  const host: HostRule = { scheme: 'http', host: '127.0.0.1', port }
  return {
    host,
    origin: `http://127.0.0.1:${port}`,
    io: createIo(createDial({ connectTimeoutMs: 5000 }), [host], { privateNetworks: ['127.0.0.0/8'] }, Date.now),
    close: () =>
      new Promise((closed) => {
        server.close(() => closed())
        server.closeAllConnections()
      }),
  }
}

function read(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** The headers an ordinary client sends where the gateway has put what a connector places. */
export function headersFor(injections: readonly Injection[]): Record<string, string> {
  return Object.fromEntries(
    injections.map((one) => {
      if (one.kind === 'header') return [one.name, `${one.prefix}${one.value.reveal()}`]
      if (one.kind === 'basic') return ['authorization', `Basic ${btoa(`${one.username}:${one.value.reveal()}`)}`]
      throw new Error(`${one.kind} is not a header`)
    }),
  )
}

/** One request of an ordinary client. Rejects when it is refused. */
export async function request(
  origin: string,
  method: string,
  path: string,
  injections: readonly Injection[],
  body?: unknown,
): Promise<void> {
  const response = await fetch(`${origin}${path}`, {
    ...{ method, headers: { 'content-type': 'application/json', ...headersFor(injections) } },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`)
}
