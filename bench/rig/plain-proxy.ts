import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Pool } from 'undici'

/** A process of its own: the baseline. A forward proxy for absolute-form requests with nothing but node:http and undici. */
const pools = new Map<string, Pool>()
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'te', 'trailer'])

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '')
  const pool = pools.get(url.origin) ?? new Pool(url.origin, { connections: 64, pipelining: 1 })
  pools.set(url.origin, pool)
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !HOP_BY_HOP.has(name)))
  const hasBody = request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined
  pool.dispatch(
    {
      path: url.pathname + url.search,
      method: request.method as 'GET',
      headers: headers as Record<string, string>,
      body: hasBody ? request : null,
    },
    {
      onRequestStart(controller) {
        response.on('close', () => {
          if (!response.writableFinished) controller.abort(new Error('the client is gone'))
        })
      },
      onResponseStart(controller, status, head) {
        response.writeHead(status, head as Record<string, string>)
        response.on('drain', () => controller.resume())
      },
      onResponseData(controller, data) {
        if (!response.write(data)) controller.pause()
      },
      onResponseEnd: () => void response.end(),
      onResponseError: () => void response.destroy(),
    },
  )
})
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
process.on('disconnect', () => process.exit(0))
