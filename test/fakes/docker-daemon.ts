import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Docker's daemon as far as a pull goes (Docker Engine API, "ImageCreate"): what it is shown for the registry, and an image that is there already. */
export interface DockerDaemon {
  readonly host: string
  /** X-Registry-Auth of each pull, decoded. */
  readonly shown: readonly Readonly<Record<string, string>>[]
  close(): Promise<void>
}

export async function startDockerDaemon(): Promise<DockerDaemon> {
  const shown: Record<string, string>[] = []
  const server = createServer((request, response) => {
    response.setHeader('api-version', '1.49')
    response.setHeader('content-type', 'application/json')
    const { pathname } = new URL(request.url ?? '/', 'http://daemon')
    if (pathname.endsWith('/images/create')) {
      const told = String(request.headers['x-registry-auth'] ?? '')
      shown.push(JSON.parse(Buffer.from(told, 'base64url').toString() || '{}') as Record<string, string>)
      return void response.end('{"status":"Status: Image is up to date"}\n')
    }
    response.end(pathname.endsWith('/_ping') ? 'OK' : '{}')
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  const { port } = server.address() as AddressInfo
  return {
    host: `tcp://127.0.0.1:${port}`,
    shown,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed())
        server.closeAllConnections()
      }),
  }
}
