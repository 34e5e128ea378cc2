import type { Readable } from 'node:stream'
import type { Refusal } from '../broker.ts'
import type { SpokenRefusal } from '../credentials/connector.ts'
import type { Arrival } from './arrival.ts'
import { type Page, renderRefusal, renderSpoken } from './refusal.ts'

/** How much and how long a refused body is read and dropped, so that the client gets to see the answer. */
const LINGER: Patience = { bytes: 256 * 1024, ms: 1000 }
/** The same where the answer is no HTTP error and may come only after the body, as clients of a protocol over HTTP want it. */
const SPOKEN: Patience = { bytes: 64 * 1024 * 1024, ms: 30_000 }

interface Patience {
  readonly bytes: number
  readonly ms: number
}

/** What is refused, as far as it was read. */
export interface Refused {
  readonly headers: Readonly<Record<string, string>>
  /** Some of its body may be unread. */
  readonly hasRest: boolean
  /** How its target would say it, if at all. */
  readonly spoken?: SpokenRefusal | undefined
  /** It is the gateway's own resource, which says there what it wants to be shown (RFC 9728). */
  readonly resourceMetadata?: string
}

/** Answers a refusal. Breaks off where an answer has begun. */
export async function refuse(
  arrival: Arrival,
  refusal: Refusal,
  { headers, hasRest, spoken, resourceMetadata }: Refused,
): Promise<void> {
  const isError = spoken === undefined || spoken.status >= 400
  const isThrough = !hasRest || (!isError && (await drop(arrival.body, SPOKEN)))
  const role = arrival.connection.inside === undefined && resourceMetadata === undefined ? 'proxy' : 'origin'
  if (spoken !== undefined && (isError || isThrough)) answer(arrival, renderSpoken(refusal, spoken), !isThrough)
  else answer(arrival, renderRefusal(refusal, headers, role, resourceMetadata), hasRest)
}

function answer(arrival: Arrival, page: Page, hasRest: boolean): void {
  const { reply } = arrival
  if (reply.started || !reply.open) {
    reply.reset()
    return
  }
  const isLast = hasRest && arrival.httpVersion !== '2.0'
  if (isLast) arrival.connection.isLast = true
  reply.start(page.status, page.reason, isLast ? [...page.headers, 'connection', 'close'] : [...page.headers])
  const body = arrival.method === 'HEAD' ? undefined : Buffer.from(page.body)
  if (hasRest) {
    if (body !== undefined) reply.write(body)
    void drop(arrival.body, LINGER).then(() => reply.end([]))
  } else reply.end([], body)
}

/** Reads and drops; answers whether the body ended before the patience did. */
function drop(body: Readable, { bytes, ms }: Patience): Promise<boolean> {
  return new Promise((done) => {
    let left = bytes
    const stop = () => {
      clearTimeout(timer)
      body.off('data', onData).off('end', stop).off('close', stop)
      done(body.readableEnded)
    }
    const onData = (chunk: Buffer) => {
      left -= chunk.length
      if (left < 0) stop()
    }
    const timer = setTimeout(stop, ms)
    if (body.readableEnded || body.destroyed) stop()
    else body.on('data', onData).on('end', stop).on('close', stop).resume()
  })
}
