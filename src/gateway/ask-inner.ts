import type { Arrival } from './arrival.ts'
import { createInnerArrival, type InnerRequest } from './inner-arrival.ts'

/** Longest answer that is kept; the rest of a longer one is dropped. */
const MAX_ANSWER = 65_536

/** The answer to a request of the gateway's own; status 0 where it broke off. */
export interface InnerAnswer {
  readonly status: number
  readonly body: Buffer
}

/** Makes a request as if it had arrived: `handle` reads, decides, records and sends it. Resolves when it is over; never rejects. */
export async function askInner(handle: (arrival: Arrival) => Promise<void>, request: InnerRequest): Promise<InnerAnswer> {
  const { promise, resolve } = Promise.withResolvers<InnerAnswer>()
  const chunks: Buffer[] = []
  let [status, size] = [0, 0]
  const keep = (chunk: Uint8Array): boolean => {
    size += chunk.length
    if (size <= MAX_ANSWER) chunks.push(Buffer.from(chunk))
    return true
  }
  const sink = {
    start(given: number) {
      status = given
    },
    write: keep,
    end(last?: Uint8Array) {
      if (last !== undefined) keep(last)
      resolve({ status, body: Buffer.concat(chunks) })
    },
    reset: () => resolve({ status: 0, body: Buffer.alloc(0) }),
    whenDrained: (resume: () => void) => resume(),
  }
  await handle(createInnerArrival(request, sink).arrival)
  return promise
}
