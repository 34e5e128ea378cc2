import { generateKeyPairSync } from 'node:crypto'
import { createServer, type Server as TcpServer } from 'node:net'
import type { TestContext } from 'node:test'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { makeCaCertificate, makeLeafCertificate } from '../../src/gateway/certificate.ts'
import { listening } from './rig.ts'

/** A CA that only a test knows. */
export interface TestCa {
  readonly certificatePem: string
  leafFor(host: string): Promise<{ key: string; cert: string }>
}

export async function makeTestCa(): Promise<TestCa> {
  const keys = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const ca = { commonName: `Test ${Math.random()}`, ...keys }
  const validity = { from: Date.now() - 60_000, to: Date.now() + 3_600_000 }
  const key = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const certificatePem = await makeCaCertificate(ca, validity)
  const leafFor = async (host: string) => {
    return { key, cert: (await makeLeafCertificate(ca, keys.publicKey, host, validity)) + certificatePem }
  }
  return { certificatePem, leafFor }
}

/** A TCP server that greets; `connections` is how many came. */
export async function startTcp(t: TestContext): Promise<{ port: number; readonly connections: number }> {
  let connections = 0
  const server = createServer((socket) => {
    connections += 1
    socket.on('error', () => {}).end('hello')
  })
  return {
    port: await listenFor(t, server),
    get connections() {
      return connections
    },
  }
}

/** A server that accepts and says nothing. */
export async function startSilent(t: TestContext): Promise<{ port: number; readonly open: number }> {
  const sockets = new Set<object>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket
      .on('error', () => {})
      .on('close', () => sockets.delete(socket))
      .resume()
    t.after(() => socket.destroy())
  })
  return {
    port: await listenFor(t, server),
    get open() {
      return sockets.size
    },
  }
}

/** A TLS server with a leaf for `name`, whatever name is asked for, if any; `asked` are those names. */
export async function startTls(
  t: TestContext,
  ca: TestCa,
  name: string,
  options: TlsOptions = {},
): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = []
  const SNICallback: TlsOptions['SNICallback'] = (servername, done) => {
    asked.push(servername)
    done(null)
  }
  const server = createTlsServer({ ...(await ca.leafFor(name)), SNICallback, ...options })
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {}).once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'))
  })
  server.on('tlsClientError', () => {})
  return { port: await listenFor(t, server), asked }
}

async function listenFor(t: TestContext, server: TcpServer): Promise<number> {
  t.after(() => server.close())
  return listening(server)
}
