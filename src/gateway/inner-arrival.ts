import { Readable } from 'node:stream'
import type { Caller } from '../model.ts'
import type { Arrival } from './arrival.ts'
import type { Reply } from './reply.ts'

/** Where an answer goes whose request another request became. `headers` is flat. */
export interface Sink {
  start(status: number, headers: readonly string[]): void
  /** False asks to wait for `whenDrained`. */
  write(chunk: Uint8Array): boolean
  end(last?: Uint8Array): void
  reset(): void
  whenDrained(resume: () => void): void
}

/** A request that the gateway makes of one that arrived. It is read, decided, recorded and sent as if it had arrived itself. */
export interface InnerRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  readonly caller: Caller
}

/** As an arrival on a connection of its own, proved as that of the caller. `abandon` is its client going away. */
export function createInnerArrival(
  { method, url, headers, body, caller }: InnerRequest,
  sink: Sink,
): { readonly arrival: Arrival; abandon(): void } {
  const fields = { host: new URL(url).host, ...headers, ...(body !== undefined && { 'content-length': String(body.length) }) }
  const { reply, abandon } = createInnerReply(sink)
  const arrival: Arrival = {
    ...{ method, target: url, httpVersion: '1.1', expectsContinue: false, reply },
    rawHeaders: Object.entries(fields).flat(),
    body: Readable.from(body === undefined ? [] : [Buffer.from(body)]),
    trailers: () => [],
    connection: { caller, isOver: false, inside: undefined, busy: 0, isLast: false },
  }
  return { arrival, abandon }
}

function createInnerReply(sink: Sink): { reply: Reply; abandon(): void } {
  const listeners: ((complete: boolean) => void)[] = []
  let [started, open] = [false, true]
  const close = (complete: boolean): void => {
    open = false
    for (const closed of listeners.splice(0)) queueMicrotask(() => closed(complete))
  }
  const reply: Reply = {
    get started() {
      return started
    },
    get open() {
      return open
    },
    takesTrailers: false,
    sendContinue: () => undefined,
    start(status, _reason, headers) {
      started = true
      if (open) sink.start(status, headers)
    },
    sendHead: () => undefined, // `start` has given it to the sink
    write: (chunk) => !open || sink.write(chunk),
    end(_trailers, last) {
      if (!open) return
      sink.end(last)
      close(true)
    },
    reset() {
      if (!open) return
      sink.reset()
      close(false)
    },
    whenDrained: (resume) => sink.whenDrained(resume),
    whenClosed: (closed) => void listeners.push(closed),
  }
  return {
    reply,
    abandon() {
      if (open) close(false)
    },
  }
}
