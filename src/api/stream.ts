import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { asStintError, problem } from '../errors.ts'

/** How items are written: one line of JSON each (jsonlines.org), or server-sent events (WHATWG HTML, section 9.2). */
interface Framing {
  readonly contentType: string
  readonly heartbeat: string
  item(json: string): string
  failure(json: string): string
}

const LINES: Framing = {
  contentType: 'application/jsonl',
  heartbeat: '\n',
  item: (json) => `${json}\n`,
  failure: (json) => `{"problem":${json}}\n`,
}
const EVENTS: Framing = {
  contentType: 'text/event-stream',
  heartbeat: ':\n\n',
  item: (json) => `data: ${json}\n\n`,
  failure: (json) => `event: problem\ndata: ${json}\n\n`,
}

/** A held-open answer. */
export interface Streaming {
  readonly accept: string
  readonly headers: Readonly<Record<string, string>>
  readonly heartbeatMs: number
  readonly correlationId: string
  readonly signal: AbortSignal
}

/**
 * Writes items until they end, the client goes or the server closes, with heartbeats, at the pace the client reads. The items are always
 * iterated, so that their `finally` runs. A failure after the head becomes a last item.
 */
export async function sendStream(response: ServerResponse, items: AsyncIterable<unknown>, how: Streaming): Promise<void> {
  const framing = how.accept.includes('text/event-stream') ? EVENTS : LINES
  response.writeHead(200, { ...how.headers, 'content-type': framing.contentType })
  response.flushHeaders()
  const beat = setInterval(() => response.writableLength === 0 && response.write(framing.heartbeat), how.heartbeatMs)
  try {
    for await (const item of items) {
      if (how.signal.aborted) break
      if (!response.write(framing.item(JSON.stringify(item)))) await once(response, 'drain', { signal: how.signal })
    }
  } catch (thrown) {
    if (!how.signal.aborted) response.write(framing.failure(JSON.stringify(problemOf(thrown, how.correlationId))))
  } finally {
    clearInterval(beat)
    response.end()
  }
}

function problemOf(thrown: unknown, correlationId: string) {
  const { code, detail } = asStintError(thrown)
  return problem(code, detail, { correlationId })
}
