import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { connect as connectTcp, createServer as createTcpServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import {
  answerOf,
  attachTo,
  curl,
  listening,
  proofFor,
  type Rig,
  readAll,
  readHead,
  startRig,
  startTls,
  targetAt,
  until,
} from './rig.ts'

let rig: Rig
let port = 0
let plainPort = 0
let echoPort = 0
const seen: string[] = []
const servers: Server[] = []

before(async () => {
  const directory = mkdtempSync(join(tmpdir(), 'stint-up-'))
  const { trustedCa, options } = await startTls(directory)
  const https = createHttpsServer(options, (request, response) => {
    seen.push(`${request.method} ${request.headers.host} ${request.url}`)
    request.resume().on('end', () => response.end(`tls ${request.url}`))
  })
  const http = createHttpServer((request, response) => response.end(`plain ${request.url}`))
  const echo = createTcpServer((socket) => void socket.on('error', () => {}).pipe(socket))
  servers.push(https, http, echo)
  port = await listening(https)
  plainPort = await listening(http)
  echoPort = await listening(echo)
  rig = await startRig({
    targets: [targetAt({ scheme: 'https', port, trustedCa }), targetAt({ port: plainPort, id: 'plain' })],
    tunnels: [`tunnel.test:${echoPort}`],
  })
})
after(async () => {
  await rig.stop()
  for (const server of servers) server.close()
})

function proved(authority: string): string[] {
  return ['-x', `http://127.0.0.1:${rig.port}`, '--cacert', rig.caFile, ...proofFor('CONNECT', `https://${authority}/`)]
}

/** Opens a CONNECT on an attached connection. */
async function open(authority: string) {
  const socket = await attachTo(rig.port)
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`)
  return { socket, head: await readHead(socket) }
}

async function openTls(authority: string, servername: string, alpn = 'http/1.1'): Promise<TLSSocket> {
  const { socket } = await open(authority)
  const inner = connectTls({
    socket,
    servername,
    ca: rig.ca.certificatePem,
    ALPNProtocols: [alpn],
    checkServerIdentity: () => undefined,
  })
  await new Promise((done, fail) => inner.once('secureConnect', done).once('error', fail))
  return inner
}

describe('CONNECT to a declared https host', () => {
  test('is answered in its name, and each request inside is decided, with real curl over HTTP/1.1', async () => {
    const url = `https://up.test:${port}/a`
    const before = rig.decided().length
    const got = await curl('--http1.1', ...proved(`up.test:${port}`), url, `${url}/b`)
    assert.equal(got.stdout, 'tls /atls /a/b', got.stderr)
    assert.equal(rig.decided().length - before, 2)
  })

  test('speaks HTTP/2 to curl when it asks', async () => {
    const got = await curl(
      '--http2',
      '-w',
      ' %{http_version}',
      ...proved(`up.test:${port}`),
      '-d',
      'body',
      `https://up.test:${port}/h2`,
    )
    assert.equal(got.stdout, 'tls /h2 2', got.stderr)
  })

  test('carries many HTTP/2 streams at once, each decided by itself', async () => {
    const socket = await openTls(`up.test:${port}`, 'up.test', 'h2')
    const session = connectHttp2(`https://up.test:${port}`, { createConnection: () => socket })
    const before = rig.decided().length
    const bodies = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        let text = ''
        for await (const chunk of session.request({ ':path': `/${i}` })) text += chunk
        return text
      }),
    )
    session.destroy()
    assert.deepEqual(
      bodies,
      Array.from({ length: 20 }, (_, i) => `tls /${i}`),
    )
    assert.equal(rig.decided().length - before, 20)
  })

  test('without a proof gets 407 and is recorded', async () => {
    const before = rig.events.length
    const got = await curl('-x', `http://127.0.0.1:${rig.port}`, '--cacert', rig.caFile, `https://up.test:${port}/`)
    assert.match(got.stderr, /407/)
    assert.deepEqual(
      rig.events
        .slice(before)
        .filter(({ kind }) => kind === 'attempt')
        .map(({ code }) => code),
      ['invalid_token'],
    )
  })

  test('refuses a TLS handshake in another name (no domain fronting)', async () => {
    await assert.rejects(openTls(`up.test:${port}`, 'evil.test'))
  })

  test('refuses a request inside for another host', async () => {
    const inner = await openTls(`up.test:${port}`, 'up.test')
    const before = seen.length
    inner.write('GET / HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n')
    const answer = answerOf(await readAll(inner))
    assert.deepEqual([answer.status, JSON.parse(answer.body).code], [400, 'malformed_request'])
    assert.equal(seen.length, before)
  })

  test('refuses an HTTP/2 request inside for another authority', async () => {
    const socket = await openTls(`up.test:${port}`, 'up.test', 'h2')
    const session = connectHttp2(`https://up.test:${port}`, { createConnection: () => socket })
    const status = await new Promise((done) => {
      session.request({ ':authority': 'evil.test' }).once('response', (headers) => done(headers[':status']))
    })
    session.destroy()
    assert.equal(status, 400)
  })

  test('refuses CONNECT inside it', async () => {
    const inner = await openTls(`up.test:${port}`, 'up.test')
    inner.write(`CONNECT up.test:${port} HTTP/1.1\r\nHost: up.test:${port}\r\n\r\n`)
    assert.equal(answerOf(await readAll(inner)).status, 400)
  })

  test('ends when the client speaks no TLS', async () => {
    const { socket } = await open(`up.test:${port}`)
    socket.write('GET / HTTP/1.1\r\nHost: up.test\r\n\r\n')
    assert.doesNotMatch(await readAll(socket), /HTTP/)
  })

  test('survives a client that goes away in the middle of the handshake', async () => {
    const { socket } = await open(`up.test:${port}`)
    socket.write(Buffer.from('160301', 'hex'))
    socket.resetAndDestroy()
    const got = await curl(...proved(`up.test:${port}`), `https://up.test:${port}/alive`)
    assert.equal(got.stdout, 'tls /alive')
  })
})

describe('CONNECT to another place', () => {
  test('to a declared http host carries plain requests, each decided', async () => {
    const before = rig.decided().length
    const got = await curl('-p', ...proved(`up.test:${plainPort}`), `http://up.test:${plainPort}/x`)
    assert.equal(got.stdout, 'plain /x', got.stderr)
    assert.equal(rig.decided().length - before, 1)
  })

  test('that nothing declares gets 403 whose reason phrase says what would allow it, and dials nobody', async () => {
    const dialled = rig.dialled.length
    const { head } = await open('other.test:443')
    assert.match(head, /^HTTP\/1\.1 403 no target declares https:\/\/other\.test; .*stint target add/)
    assert.equal(rig.dialled.length, dialled)
  })

  test('that is tunnel-only is decided once, recorded, and its bytes pass both ways', async () => {
    const before = rig.events.length
    const { socket, head } = await open(`tunnel.test:${echoPort}`)
    assert.match(head, /^HTTP\/1\.1 200 /)
    socket.end('hello')
    assert.equal(await readAll(socket), 'hello')
    await until(() => rig.events.length === before + 2)
    const [decided, settled] = rig.events.slice(before)
    assert.equal(decided?.action, 'tunnel:open')
    assert.deepEqual([settled?.outcome?.bytesIn, settled?.outcome?.bytesOut, settled?.outcome?.result], [5, 5, 'completed'])
  })

  test('that is tunnel-only but not in the lease is refused, and nobody is dialled', async () => {
    const own = await startRig({
      targets: [],
      tunnels: ['tunnel.test:1'],
      leaseHosts: [{ scheme: 'https', host: 'other.test', port: 1 }],
    })
    const socket = await attachTo(own.port)
    socket.write('CONNECT tunnel.test:1 HTTP/1.1\r\nHost: tunnel.test:1\r\n\r\n')
    assert.match(await readHead(socket), /^HTTP\/1\.1 403 /)
    assert.deepEqual(own.dialled, [])
    await own.stop()
  })

  test('that is tunnel-only but not there gets 502', async () => {
    const own = await startRig({ targets: [], tunnels: ['tunnel.test:1'] })
    const socket = await attachTo(own.port)
    socket.write('CONNECT tunnel.test:1 HTTP/1.1\r\nHost: tunnel.test:1\r\n\r\n')
    assert.match(await readHead(socket), /^HTTP\/1\.1 502 /)
    await own.stop()
  })
})

describe('attaching', () => {
  const ask = async (...lines: readonly string[]) => {
    const socket = connectTcp(rig.port, '127.0.0.1')
    socket.write(`${lines.join('\r\n')}\r\n\r\n`)
    return answerOf(await readAll(socket))
  }
  const start = ['GET /.well-known/stint/attach HTTP/1.1', 'Host: x', 'Connection: Upgrade', 'Upgrade: stint-task/1']

  test('with a bad token is refused with 401, recorded and closed', async () => {
    const before = rig.events.length
    const answer = await ask(...start, 'Authorization: DPoP bad', 'DPoP: x')
    assert.deepEqual([answer.status, JSON.parse(answer.body).code], [401, 'invalid_token'])
    assert.match(answer.head, /^www-authenticate: DPoP /m)
    assert.ok(rig.events.slice(before).some(({ kind, code }) => kind === 'attempt' && code === 'invalid_token'))
  })

  test('takes the address from the socket, not from the Host field', async () => {
    const answer = await ask(...start, 'Authorization: DPoP good', 'DPoP: GET http://x/.well-known/stint/attach')
    assert.equal(answer.status, 401)
  })

  test('lets requests that came right behind it be read', async () => {
    const socket = connectTcp(rig.port, '127.0.0.1')
    const url = `http://127.0.0.1:${rig.port}/.well-known/stint/attach`
    const request = `GET http://up.test:${plainPort}/behind HTTP/1.1\r\nHost: up.test:${plainPort}\r\nConnection: close\r\n\r\n`
    socket.write(`${[...start, 'Authorization: DPoP good', `DPoP: GET ${url}`].join('\r\n')}\r\n\r\n${request}`)
    assert.match(await readAll(socket), /^HTTP\/1\.1 101 [\s\S]*plain \/behind$/)
  })

  test('an upgrade to another protocol is ignored, and the connection closes after the answer', async () => {
    const socket = await attachTo(rig.port)
    const host = `up.test:${plainPort}`
    socket.write(
      `GET http://${host}/x HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n`,
    )
    assert.match(await readAll(socket), /^HTTP\/1\.1 200 [\s\S]*plain \/x$/)
  })

  test('other upgrades are ignored, and a plain visit is told what this is', async () => {
    const h2c = await ask('GET / HTTP/1.1', 'Host: x', 'Connection: Upgrade', 'Upgrade: h2c')
    assert.equal(h2c.status, 400)
    assert.match(JSON.parse(h2c.body).detail, /forward proxy/)
  })
})
