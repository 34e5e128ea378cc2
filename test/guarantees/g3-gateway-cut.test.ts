import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { mkdtempSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { listening, readAll, readHead, startRig, startTls, targetAt, task, until } from '../gateway/rig.ts'
import { handshake, webSocketServer } from '../gateway/websocket.ts'

const closers: (() => unknown)[] = []
after(async () => {
  for (const close of closers) await close()
})

async function play(upstream: Server, options: Partial<Parameters<typeof startRig>[0]> = {}) {
  const port = await listening(upstream)
  const rig = await startRig({ targets: [targetAt({ port })], tunnels: [`tunnel.test:${port}`], ...options })
  closers.push(async () => {
    await rig.stop()
    upstream.close()
  })
  return { rig, port, host: `up.test:${port}` }
}

/** Sees the target's side of every connection. */
function watched(listener: RequestListener): { server: Server; open: Set<Socket> } {
  const open = new Set<Socket>()
  const server = createServer(listener).on('connection', (socket: Socket) => {
    open.add(socket)
    socket.on('error', () => {}).on('close', () => open.delete(socket))
  })
  return { server, open }
}

const ofTask = { kind: 'task', id: task.id } as const
const get = (host: string) => `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`

describe('G3: when a revocation cuts', () => {
  test('a download ends on both sides at once, and does not look complete', async () => {
    const { server, open } = watched((_request, response) => {
      const more = () => {
        while (response.write(Buffer.alloc(65536)));
        response.once('drain', more)
      }
      more()
    })
    const { rig, host } = await play(server)
    const socket = await rig.attach()
    socket.write(get(host))
    await readHead(socket)
    assert.ok(rig.flows.cut(ofTask) >= 2)
    const rest = await readAll(socket)
    assert.doesNotMatch(rest, /\r\n0\r\n\r\n$/)
    await until(() => open.size === 0 && rig.outcomes().length === 1)
    assert.deepEqual([rig.outcomes()[0]?.result, rig.outcomes()[0]?.code], ['cut', 'revoked'])
    await new Promise((done) => setTimeout(done, 30))
    assert.deepEqual(rig.dialled, ['up.test'], 'the target was dialled again')
  })

  test('a whole answer that came in that turn is not written; one that nothing cuts is', async () => {
    const { server } = watched((_request, response) => void response.end('all of it'))
    const { rig, host } = await play(server)
    const read = async (): Promise<string> => {
      const socket = await rig.attach()
      socket.write(get(host).replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
      return readAll(socket)
    }
    assert.match(await read(), /all of it$/)
    const cut = (): void => queueMicrotask(() => rig.flows.cut(ofTask)) // when all of the target's answer was read
    subscribe('undici:request:trailers', cut)
    try {
      assert.equal(await read(), '')
    } finally {
      unsubscribe('undici:request:trailers', cut)
    }
    await until(() => rig.outcomes().length === 2)
    assert.deepEqual(
      rig.outcomes().map(({ result }) => result),
      ['completed', 'cut'],
    )
  })

  test('an upload ends on both sides, and does not look complete', async () => {
    let whole: boolean | undefined
    const { server, open } = watched((request) => {
      request
        .on('error', () => {})
        .on('close', () => (whole = request.complete))
        .resume()
    })
    const { rig, host } = await play(server)
    const socket = await rig.attach()
    socket.write(`POST http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n`)
    await until(() => open.size === 1)
    rig.flows.cut(ofTask)
    await readAll(socket)
    await until(() => whole !== undefined)
    assert.equal(whole, false)
  })

  test('a request that the target has not answered yet ends', async () => {
    const { server, open } = watched(() => {})
    const { rig, host } = await play(server)
    const socket = await rig.attach()
    socket.write(get(host))
    await until(() => open.size === 1)
    rig.flows.cut(ofTask)
    assert.equal(await readAll(socket), '')
    await until(() => open.size === 0)
  })

  test('a request that waits for its record is refused, and reaches nobody', async () => {
    let record = () => {}
    const seen: string[] = []
    const { server } = watched((request, response) => {
      seen.push(request.url ?? '')
      response.end()
    })
    const { rig, host } = await play(server, { record: () => new Promise((done) => (record = done)) })
    const socket = await rig.attach()
    socket.write(get(host))
    await until(() => rig.decided().length === 1)
    rig.flows.cut({ kind: 'target', id: 'up' }) // covers the exchange, not the connection
    record()
    assert.match(await readHead(socket), /^HTTP\/1\.1 403 /)
    assert.deepEqual([seen, rig.dialled], [[], []])
    socket.destroy()
  })

  test('a request whose target is being dialled is never sent', async () => {
    let dialling = () => {}
    const seen: string[] = []
    const { server } = watched((request, response) => {
      seen.push(request.url ?? '')
      response.end()
    })
    const { rig, host } = await play(server, { resolving: () => new Promise((done) => (dialling = done)) })
    const socket = await rig.attach()
    socket.write(get(host))
    await until(() => rig.dialled.length === 1)
    rig.flows.cut(ofTask)
    dialling()
    assert.equal(await readAll(socket), '')
    await new Promise((done) => setTimeout(done, 50))
    assert.deepEqual(seen, [])
  })

  test('a WebSocket ends on both sides', async () => {
    let closed = false
    const { rig, host } = await play(webSocketServer((socket) => void socket.on('close', () => (closed = true)).resume()))
    const socket = await rig.attach()
    socket.write(handshake(host))
    await readHead(socket)
    rig.flows.cut(ofTask)
    await readAll(socket)
    await until(() => closed && rig.outcomes().length === 1)
    assert.equal(rig.outcomes()[0]?.result, 'cut')
  })

  test('a tunnel ends on both sides', async () => {
    let closed = false
    const upstream = createTcpServer(
      (socket) =>
        void socket
          .on('error', () => {})
          .on('close', () => (closed = true))
          .resume(),
    )
    const { rig, port } = await play(upstream)
    const socket = await rig.attach()
    socket.write(`CONNECT tunnel.test:${port} HTTP/1.1\r\nHost: tunnel.test:${port}\r\n\r\n`)
    await readHead(socket)
    rig.flows.cut({ kind: 'target', id: `tunnel:tunnel.test:${port}` })
    await readAll(socket)
    await until(() => closed && rig.outcomes().length === 1)
    assert.equal(rig.outcomes()[0]?.result, 'cut')
  })

  test('an attached connection that is idle ends', async () => {
    const { rig } = await play(watched((_request, response) => response.end()).server)
    const socket = await rig.attach()
    assert.equal(rig.flows.size, 1)
    rig.flows.cut(ofTask)
    assert.equal(await readAll(socket), '')
    assert.equal(rig.flows.size, 0)
  })

  test('connections opened by CONNECT end, idle or not, over HTTP/1.1 and HTTP/2', async () => {
    const { trustedCa, options } = await startTls(mkdtempSync(join(tmpdir(), 'stint-up-')))
    const upstream = createHttpsServer(options, (_request, response) => void response.write('first'))
    const port = await listening(upstream)
    const { rig } = await play(createTcpServer(), { targets: [targetAt({ scheme: 'https', port, trustedCa })] })
    closers.push(() => upstream.close())
    const open = async (protocol: string) => {
      const outer = (await rig.attach()).on('error', () => {})
      outer.write(`CONNECT up.test:${port} HTTP/1.1\r\nHost: up.test:${port}\r\n\r\n`)
      await readHead(outer)
      const inner = connectTls({ socket: outer, servername: 'up.test', ca: rig.ca.certificatePem, ALPNProtocols: [protocol] })
      await new Promise((done) => inner.once('secureConnect', done))
      inner.on('error', () => {})
      return inner
    }
    const idle = await open('http/1.1')
    const carrier = await open('h2')
    const real = connectHttp2(`https://up.test:${port}`, { createConnection: () => carrier }).on('error', () => {})
    const stream = real.request({ ':path': '/' })
    await new Promise((done) => stream.once('data', done))
    const ended = Promise.all([
      readAll(idle),
      new Promise((done) => real.once('close', done)),
      new Promise((done) => stream.on('error', () => {}).once('close', done)),
    ])
    rig.flows.cut(ofTask)
    await ended
    assert.notEqual(stream.rstCode, 0)
    upstream.closeAllConnections()
  })

  test('what the selector does not cover goes on', async () => {
    let next = () => {}
    const { server } = watched((_request, response) => {
      response.write('one')
      next = () => void response.end('two')
    })
    const { rig, host } = await play(server)
    const socket = await rig.attach()
    socket.write(get(host))
    await readHead(socket)
    assert.equal(rig.flows.cut({ kind: 'target', id: 'other' }), 0)
    next()
    let text = ''
    socket.on('data', (chunk) => (text += chunk)).resume()
    await until(() => text.endsWith('0\r\n\r\n'))
    socket.destroy()
  })

  test('200 open streams all end, and nothing stays registered', async () => {
    const { server, open } = watched((_request, response) => void response.write('data: 1\n\n'))
    const { rig, host } = await play(server)
    const sockets = await Promise.all(Array.from({ length: 200 }, () => rig.attach()))
    for (const socket of sockets) socket.write(get(host))
    await Promise.all(sockets.map((socket) => readHead(socket)))
    const ends = sockets.map((socket) => readAll(socket))
    assert.equal(rig.flows.cut({ kind: 'all' }), 400)
    await Promise.all(ends)
    await until(() => open.size === 0 && rig.outcomes().length === 200)
    assert.ok(rig.outcomes().every(({ result }) => result === 'cut'))
    assert.equal(rig.flows.size, 0)
  })
})
