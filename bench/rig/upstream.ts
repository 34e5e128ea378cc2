import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A process of its own: the target of the benchmarks. `/` answers 2 bytes, `/bytes/N` N bytes, `/endless` drips until it is cut. */
Error.stackTraceLimit = 0 // it shares the machine with what is measured, and makes an error for each connection broken off
const chunk = Buffer.alloc(65_536, 0x78)
const server = createServer((request, response) => {
  const [, kind, size] = (request.url ?? '/').split('/')
  if (kind === 'bytes') return send(Number(size))
  if (kind === 'endless') return drip()
  response.writeHead(200, { 'content-type': 'text/plain', 'content-length': '2' })
  response.end('ok')

  function send(bytes: number): void {
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': String(bytes) })
    let left = bytes
    const pump = (): void => {
      while (left > 0) {
        const part = left >= chunk.length ? chunk : chunk.subarray(0, left)
        left -= part.length
        if (!response.write(part)) return void response.once('drain', pump)
      }
      response.end()
    }
    pump()
  }

  function drip(): void {
    response.writeHead(200, { 'content-type': 'application/octet-stream' })
    const timer = setInterval(() => response.write('x'), 50)
    response.on('close', () => clearInterval(timer))
  }
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
process.on('disconnect', () => process.exit(0))
