import type { Socket } from 'node:net'
import { createExchange } from '../../test/fakes/exchange.ts'

/** Makes one request and resolves when its whole answer is there; rejects when it is not the answer that was wanted. */
export type Lane = () => Promise<void>

/** A lane for each connection, all with the same request. */
export function lanesOver(sockets: readonly Socket[], bytes: Buffer): Lane[] {
  return sockets.map((socket) => {
    const exchange = createExchange(socket)
    return async () => {
      const status = await exchange(bytes)
      if (status !== 200) throw new Error(`answered ${status}`)
    }
  })
}

/** Closed loop: every lane makes its next request when the answer is there. Answers requests per second. */
export async function requestsPerSecond(lanes: readonly Lane[], seconds: number): Promise<number> {
  const until = performance.now() + seconds * 1000
  const startedAt = performance.now()
  const counts = await Promise.all(
    lanes.map(async (lane) => {
      let count = 0
      while (performance.now() < until) {
        await lane()
        count += 1
      }
      return count
    }),
  )
  return counts.reduce((sum, count) => sum + count, 0) / ((performance.now() - startedAt) / 1000)
}

const WARM_UP_SECONDS = 2

/**
 * Open loop: requests at a fixed rate, spread over the lanes. Answers each latency in milliseconds, but for those of the first
 * two seconds, in which connections are opened and code is compiled.
 */
export async function latencies(lanes: readonly Lane[], perSecond: number, seconds: number): Promise<number[]> {
  const samples: number[] = []
  const startedAt = performance.now()
  const run = async (lane: Lane, first: number): Promise<void> => {
    for (let number = first; number < perSecond * (WARM_UP_SECONDS + seconds); number += lanes.length) {
      const wait = startedAt + (number * 1000) / perSecond - performance.now()
      if (wait > 0) await new Promise((next) => setTimeout(next, wait))
      const sentAt = performance.now()
      await lane()
      if (number >= perSecond * WARM_UP_SECONDS) samples.push(performance.now() - sentAt)
    }
  }
  await Promise.all(lanes.map(run))
  return samples
}
