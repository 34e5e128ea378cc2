import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { createLineReader } from '../../lines.ts'

/** One HTTP request of the bridge. */
export interface Asked {
  readonly method: 'POST' | 'GET' | 'DELETE'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal: AbortSignal
}

/** What came back, when all of it has. `text` is its body, unless that was a stream of events, which `onMessage` heard. */
export interface Came {
  readonly status: number
  readonly session: string | undefined
  readonly text: string
  readonly isStream: boolean
}

/** Bytes of an answer, and of an event; the gateway's own bound is the same. */
const MAX_BYTES = 17 * 1024 * 1024

/**
 * Asks by the proxy that Node was told of (NODE_USE_ENV_PROXY). `onHead` hears of its status before its body comes. There is no timeout:
 * the gateway has one. Rejects when it is aborted or breaks off.
 */
export async function exchange(
  url: URL,
  asked: Asked,
  onMessage: (text: string) => Promise<void>,
  onHead: (status: number) => void = () => undefined,
): Promise<Came> {
  const answer = await send(url, asked)
  const { statusCode: status = 0, headers } = answer
  onHead(status)
  const session = headers['mcp-session-id']
  const isStream = status < 300 && /^text\/event-stream/i.test(headers['content-type'] ?? '')
  const text = isStream ? await readEvents(answer, onMessage) : await readAll(answer)
  return { status, session: typeof session === 'string' ? session : undefined, text, isStream }
}

function send(url: URL, { method, headers, body = '', signal }: Asked): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const request = url.protocol === 'https:' ? requestHttps : requestHttp
  const length = method === 'POST' ? { 'content-length': String(Buffer.byteLength(body)) } : {}
  const asking = request(url, { method, headers: { ...headers, ...length }, signal }, resolve)
  asking.on('error', reject)
  asking.end(body)
  return promise
}

async function readAll(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BYTES) throw new Error('the answer is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Server-sent events in the one spelling that the gateway writes (HTML, section 9.2.6). Reads on when a message was taken. */
async function readEvents(answer: IncomingMessage, onMessage: (text: string) => Promise<void>): Promise<''> {
  const messages: string[] = []
  let data: string[] = []
  let isTooLong = false
  const lines = createLineReader(
    MAX_BYTES,
    (line) => {
      if (line.startsWith('data:')) data.push(line.slice(line[5] === ' ' ? 6 : 5))
      if (line !== '' || data.length === 0) return
      messages.push(data.join('\n'))
      data = []
    },
    () => {
      isTooLong = true
    },
  )
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    lines.push(chunk)
    if (isTooLong) throw new Error('the answer has an event that is too large')
    for (const text of messages.splice(0)) await onMessage(text)
  }
  return ''
}
