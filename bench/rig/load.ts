import type { Socket } from 'node:net'
import { createExchange } from '../../test/fakes/exchange.ts'

/** Closed loop: every connection sends its next request when the answer is there. Answers requests per second. */
export async function requestsPerSecond(sockets: readonly Socket[], bytes: Buffer, seconds: number): Promise<number> {
  const until = performance.now() + seconds * 1000
  const startedAt = performance.now()
  const counts = await Promise.all(
    sockets.map(async (socket) => {
      const exchange = createExchange(socket)
      let count = 0
      while (performance.now() < until) {
        const status = await exchange(bytes)
        if (status !== 200) throw new Error(`answered ${status}`)
        count += 1
      }
      return count
    }),
  )
  return counts.reduce((sum, count) => sum + count, 0) / ((performance.now() - startedAt) / 1000)
}

const WARM_UP_SECONDS = 2

/**
 * Open loop: requests at a fixed rate, spread over the connections. Answers each latency in milliseconds, but for those of the first
 * two seconds, in which connections are opened and code is compiled.
 */
export async function latencies(
  sockets: readonly Socket[],
  bytes: Buffer,
  perSecond: number,
  seconds: number,
): Promise<number[]> {
  const exchanges = sockets.map(createExchange)
  const samples: number[] = []
  const startedAt = performance.now()
  const lane = async (exchange: (bytes: Buffer) => Promise<number>, first: number): Promise<void> => {
    for (let number = first; number < perSecond * (WARM_UP_SECONDS + seconds); number += exchanges.length) {
      const wait = startedAt + (number * 1000) / perSecond - performance.now()
      if (wait > 0) await new Promise((next) => setTimeout(next, wait))
      const sentAt = performance.now()
      await exchange(bytes)
      if (number >= perSecond * WARM_UP_SECONDS) samples.push(performance.now() - sentAt)
    }
  }
  await Promise.all(exchanges.map(lane))
  return samples
}
