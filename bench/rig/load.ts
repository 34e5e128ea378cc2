import type { Socket } from 'node:net'

/** One request on a keep-alive connection; resolves when the whole answer with its content-length has arrived. */
export function createExchange(socket: Socket): (bytes: Buffer) => Promise<number> {
  let seen = ''
  let left = -1
  let status = 0
  let done: (status: number) => void = () => undefined
  let failed: (error: Error) => void = () => undefined
  socket.on('data', (chunk: Buffer) => {
    if (left < 0) {
      seen += chunk.toString('latin1')
      const end = seen.indexOf('\r\n\r\n')
      if (end < 0) return
      status = Number(seen.slice(9, 12))
      left = Number(/\r\ncontent-length: (\d+)/i.exec(seen)?.[1] ?? 0) - (seen.length - end - 4)
    } else left -= chunk.length
    if (left > 0) return
    seen = ''
    left = -1
    done(status)
  })
  const broken = (): void => failed(new Error('the connection was broken off'))
  socket.on('close', broken)
  socket.on('error', broken)
  return (bytes) =>
    new Promise((resolve, reject) => {
      done = resolve
      failed = reject
      socket.write(bytes)
    })
}

/** An absolute-form GET, as a forward proxy's client sends it. */
export function requestFor(url: string): Buffer {
  return Buffer.from(`GET ${url} HTTP/1.1\r\nHost: ${new URL(url).host}\r\nAccept: */*\r\nUser-Agent: bench\r\n\r\n`)
}

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

/** Open loop: requests at a fixed rate, spread over the connections. Answers each latency in milliseconds. */
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
    for (let number = first; number < perSecond * seconds; number += exchanges.length) {
      const wait = startedAt + (number * 1000) / perSecond - performance.now()
      if (wait > 0) await new Promise((next) => setTimeout(next, wait))
      const sentAt = performance.now()
      await exchange(bytes)
      samples.push(performance.now() - sentAt)
    }
  }
  await Promise.all(exchanges.map(lane))
  return samples
}
