import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import { connect, type Socket } from 'node:net'
import { after, describe, test } from 'node:test'
import { curl, exchange, listening, proofFor, readAll, readHead, startRig, targetAt, until } from './rig.ts'

const closers: (() => unknown)[] = []
after(async () => {
  for (const close of closers) await close()
})

async function play(listener: RequestListener, options: Partial<Parameters<typeof startRig>[0]> = {}) {
  const upstream = createServer(listener)
  const port = await listening(upstream)
  const rig = await startRig({ targets: [targetAt({ port })], ...options })
  closers.push(async () => {
    await rig.stop()
    upstream.closeAllConnections()
    upstream.close()
  })
  return { rig, host: `up.test:${port}` }
}

const answer: RequestListener = (request, response) => {
  request.resume()
  response.end('ok')
}
const get = (host: string) => `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`

describe('the gateway’s limits', () => {
  test('a client that does not finish its header section is told so and closed', async () => {
    const { rig } = await play(answer, { clientHeadersTimeoutMs: 100 })
    const socket = connect(rig.port, '127.0.0.1')
    socket.write('GET http://up.test/ HTTP/1.1\r\nHost: up.te')
    assert.match(await readAll(socket), /^HTTP\/1\.1 400 .*did not arrive in time/)
  })

  test('an attached client that does not finish its header section is closed too', async () => {
    const { rig } = await play(answer, { clientHeadersTimeoutMs: 100 })
    const socket = await rig.attach()
    socket.write('CONNECT up.te')
    assert.match(await readAll(socket), /^HTTP\/1\.1 400 /)
  })

  test('connections past the maximum are closed, and those before go on', async () => {
    const { rig, host } = await play(answer, { maxConnections: 2 })
    const first = await rig.attach()
    await rig.attach()
    const third = connect(rig.port, '127.0.0.1')
    assert.equal(await readAll(third), '')
    first.write(get(host))
    assert.match(await readHead(first), /^HTTP\/1\.1 200 /)
  })

  test('10,000 small requests leave no listener and no flow behind', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error) => void warnings.push(warning)
    process.on('warning', onWarning)
    const { rig, host } = await play(answer)
    const sockets = await Promise.all(Array.from({ length: 10 }, () => rig.attach()))
    await Promise.all(sockets.map((socket) => repeat(socket, get(host), 1000)))
    await until(() => rig.outcomes().length === 10_000)
    process.off('warning', onWarning)
    assert.deepEqual(warnings, [])
    assert.equal(rig.flows.size, sockets.length)
    assert.equal(rig.outcomes().filter(({ result }) => result === 'completed').length, 10_000)
    for (const socket of sockets) socket.destroy()
    await until(() => rig.flows.size === 0)
  })

  test('pipelined requests are answered in order', async () => {
    const { rig, host } = await play((request, response) => {
      setTimeout(() => response.end(request.url), request.url === '/0' ? 50 : 0)
    })
    const socket = await rig.attach()
    const requests = [0, 1, 2].map(
      (i) => `GET http://${host}/${i} HTTP/1.1\r\nHost: ${host}\r\n${i === 2 ? 'Connection: close\r\n' : ''}\r\n`,
    )
    socket.write(requests.join(''))
    const bodies = [...(await readAll(socket)).matchAll(/^\/\d/gm)].map(([path]) => path)
    assert.deepEqual(bodies, ['/0', '/1', '/2'])
  })

  test('a client that half-closes is taken for gone', async () => {
    let gone = false
    const { rig, host } = await play((request) => void request.on('close', () => (gone = true)))
    const socket = await rig.attach()
    socket.end(get(host))
    assert.equal(await readAll(socket), '')
    await until(() => gone && rig.outcomes().length === 1)
    assert.equal(rig.outcomes()[0]?.code, 'client_closed')
  })
})

describe('closing the gateway', () => {
  test('lets an open exchange end, refuses new ones with 503, and then closes its connections', async () => {
    let finish = () => {}
    const { rig, host } = await play((_request, response) => {
      response.write('first ')
      finish = () => void response.end('last')
    })
    const [busy, idle] = [await rig.attach(), await rig.attach()]
    busy.write(get(host))
    await readHead(busy)
    const closed = rig.gateway.close(10)
    await readAll(idle)
    finish()
    assert.match(await readAll(busy), /last\r\n0\r\n\r\n$/)
    await closed
    await assert.rejects(rig.attach())
  })

  test('answers 503 to a request that comes while it drains', async () => {
    let finish = () => {}
    const { rig, host } = await play((_request, response) => {
      finish = () => void response.end('done')
    })
    const socket = await rig.attach()
    socket.write(get(host))
    await until(() => rig.decided().length === 1 && rig.dialled.length === 1)
    const closed = rig.gateway.close(10)
    socket.write(get(host))
    await new Promise((done) => setTimeout(done, 50))
    finish()
    assert.match(await readAll(socket), /done[\s\S]*HTTP\/1\.1 503 [\s\S]*"stopping"/)
    await closed
  })

  test('breaks off what is still open when the time is over', async () => {
    const { rig, host } = await play((_request, response) => void response.write('first'))
    const socket = await rig.attach()
    socket.write(get(host))
    await readHead(socket)
    await rig.gateway.close(0)
    assert.doesNotMatch(await readAll(socket), /\r\n0\r\n\r\n$/)
  })

  test('an address that is taken is an error with a code', async () => {
    const { rig } = await play(answer)
    const { createGateway } = await import('../../src/gateway/gateway.ts')
    const other = createGateway({} as Parameters<typeof createGateway>[0], {
      host: '127.0.0.1',
      port: rig.port,
      maxConnections: 1,
      approvalBodyBytes: 1024,
      approvalSpoolBytes: 0,
      spoolDirectory: '',
      approvalWaitSeconds: 0,
      headersTimeoutMs: 1,
      clientHeadersTimeoutMs: 1000,
      ca: rig.ca,
      dial: {} as Parameters<typeof createGateway>[1]['dial'],
    })
    await assert.rejects(other.listen(), { code: 'already_running' })
  })
})

describe('tools', () => {
  test('curl uploads with Expect: 100-continue', async () => {
    const { rig, host } = await play((request, response) => void request.pipe(response))
    const url = `http://${host}/`
    const got = await curl(
      '-x',
      `http://127.0.0.1:${rig.port}`,
      ...proofFor('POST', url),
      '-H',
      'Expect: 100-continue',
      '-d',
      'body',
      url,
    )
    assert.equal(got.stdout, 'body')
  })

  test('a request over one that came before on the same connection does not borrow its proof', async () => {
    const { rig, host } = await play(answer)
    const socket = connect(rig.port, '127.0.0.1')
    socket.write(
      `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nProxy-Authorization: DPoP good\r\nDPoP: GET http://${host}/\r\n\r\n`,
    )
    assert.match(await readHead(socket), /^HTTP\/1\.1 200 /)
    socket.write(`GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    assert.match(await readAll(socket), /HTTP\/1\.1 407 /)
    const attached = await exchange(rig, `GET http://${host}/ HTTP/1.1`, `Host: ${host}`, 'Connection: close', '', '')
    assert.equal(attached.status, 200)
  })
})

/** Sends the same request so many times, one after the other. */
function repeat(socket: Socket, request: string, times: number): Promise<void> {
  return new Promise((done) => {
    let left = times
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (!text.endsWith('ok') && !text.endsWith('0\r\n\r\n')) return
      text = ''
      left -= 1
      if (left === 0) done()
      else socket.write(request)
    })
    socket.resume().write(request)
  })
}
