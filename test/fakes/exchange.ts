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
