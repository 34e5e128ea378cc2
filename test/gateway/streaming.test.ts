import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { createServer, request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { createServer as createTcpServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { Secret } from '../../src/secret.ts'
import { listening, readAll, readHead, startRig, startTls, targetAt, until } from './rig.ts'

const closers: (() => unknown)[] = []
after(async () => {
  for (const close of closers) await close()
})

async function play(listener: RequestListener, options: Partial<Parameters<typeof startRig>[0]> = {}) {
  const upstream = createServer(listener)
  return { ...(await front(upstream, options)), upstream }
}

async function front(upstream: Server, options: Partial<Parameters<typeof startRig>[0]> = {}) {
  const port = await listening(upstream)
  const rig = await startRig({ targets: [targetAt({ port })], ...options })
  closers.push(async () => {
    await rig.stop()
    if ('closeAllConnections' in upstream) (upstream as ReturnType<typeof createServer>).closeAllConnections()
    upstream.close()
  })
  return { rig, host: `up.test:${port}` }
}

/** A real Node client through an attached connection. */
async function ask(
  rig: Awaited<ReturnType<typeof startRig>>,
  host: string,
  options: { method?: string; headers?: Record<string, string> } = {},
) {
  const socket = await rig.attach()
  const request = httpRequest({
    createConnection: () => socket,
    path: `http://${host}/`,
    headers: { host, ...options.headers },
    method: options.method ?? 'GET',
  })
  return request.once('socket', () => socket.resume()) // `readHead` paused it
}

function answered(request: ReturnType<typeof httpRequest>): Promise<IncomingMessage> {
  return new Promise((done, fail) => request.once('response', done).once('error', fail))
}

const MEGABYTE = 1024 * 1024
setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

/** Bytes held outside the JavaScript heap right now. */
function heldBytes(): number {
  collectGarbage()
  return process.memoryUsage().arrayBuffers
}
const secret = new Secret('a-secret-of-some-length')
const injections = [{ kind: 'header', name: 'authorization', prefix: 'Bearer ', value: secret } as const]

describe('a large body', { timeout: 30_000 }, () => {
  for (const [name, given] of [
    ['with nothing injected', []],
    ['while looking for an injected secret', injections],
  ] as const) {
    test(`comes down whole, ${name}, without being held in memory`, async () => {
      const block = Buffer.alloc(MEGABYTE, 'x')
      const { rig, host } = await play(
        (_request, response) => {
          response.setHeader('content-length', 64 * MEGABYTE)
          let left = 64
          const more = () => {
            while (left > 0) {
              left -= 1
              if (!response.write(block)) return void response.once('drain', more)
            }
            response.end()
          }
          more()
        },
        { injections: given },
      )
      const response = await answered((await ask(rig, host)).end())
      assert.equal(response.headers['content-length'], String(64 * MEGABYTE))
      const before = heldBytes()
      let size = 0
      let most = 0
      for await (const chunk of response) {
        size += chunk.length
        if (size % (4 * MEGABYTE) < chunk.length) most = Math.max(most, heldBytes() - before)
      }
      assert.equal(size, 64 * MEGABYTE)
      assert.ok(most < 20 * MEGABYTE, `${most} bytes were held`)
      await until(() => rig.outcomes().length === 1)
      assert.equal(rig.outcomes()[0]?.bytesIn, 64 * MEGABYTE)
    })
  }

  test('goes up whole, without being held in memory', async () => {
    const hash = createHash('sha256')
    const expected = createHash('sha256')
    const { rig, host } = await play((request, response) => {
      request.on('data', (chunk) => hash.update(chunk)).on('end', () => response.end('done'))
    })
    const request = await ask(rig, host, { method: 'PUT', headers: { 'transfer-encoding': 'chunked' } })
    const before = heldBytes()
    let most = 0
    for (let i = 0; i < 64; i += 1) {
      const block = Buffer.alloc(MEGABYTE, i)
      expected.update(block)
      if (!request.write(block)) await new Promise((done) => request.once('drain', done))
      if (i % 4 === 0) most = Math.max(most, heldBytes() - before)
    }
    const response = answered(request)
    request.end()
    ;(await response).resume()
    assert.equal(hash.digest('hex'), expected.digest('hex'))
    assert.ok(most < 20 * MEGABYTE, `${most} bytes were held`)
    await until(() => rig.outcomes().length === 1)
    assert.equal(rig.outcomes()[0]?.bytesOut, 64 * MEGABYTE)
  })

  test('for a target that does not read holds the client up instead of filling the memory', async () => {
    const { rig, host } = await play((request) => void request.pause())
    const request = await ask(rig, host, { method: 'PUT', headers: { 'transfer-encoding': 'chunked' } })
    request.on('error', () => {})
    let written = 0
    const more = () => {
      while (written < 200) {
        written += 1
        if (!request.write(Buffer.alloc(MEGABYTE))) return void request.once('drain', more)
      }
    }
    more()
    let last = -1
    while (last !== written) {
      last = written
      await new Promise((done) => setTimeout(done, 100))
    }
    assert.ok(written < 40, `${written} MB were taken from the client`)
    request.destroy()
  })

  test('for a client that does not read holds the target up instead of filling the memory', async () => {
    let written = 0
    const { rig, host } = await play((_request, response) => {
      const block = Buffer.alloc(MEGABYTE)
      const more = () => {
        while (written < 200 && !response.destroyed) {
          written += 1
          if (!response.write(block)) return void response.once('drain', more)
        }
      }
      more()
    })
    const response = await answered((await ask(rig, host)).end())
    response.pause()
    let last = -1
    while (last !== written) {
      last = written
      await new Promise((done) => setTimeout(done, 100))
    }
    assert.ok(written < 40, `${written} MB were taken from the target`)
    response.destroy()
  })
})

describe('an exchange that breaks off', () => {
  test('on the target’s side never looks complete to the client', async () => {
    const framings = ['content-length: 10\r\n', 'transfer-encoding: chunked\r\n']
    for (const framing of framings) {
      const target = createTcpServer((socket) => {
        socket
          .on('error', () => {})
          .once('data', () => {
            socket.write(`HTTP/1.1 200 OK\r\n${framing}\r\n${framing.startsWith('c') ? 'part' : '4\r\npart\r\n'}`)
            setTimeout(() => socket.destroy(), 30)
          })
      })
      const { rig, host } = await front(target)
      const response = await answered((await ask(rig, host)).end())
      await assert.rejects(async () => {
        for await (const _ of response);
      })
      await until(() => rig.outcomes().length === 1)
      const [outcome] = rig.outcomes()
      assert.deepEqual([outcome?.result, outcome?.code, outcome?.bytesIn], ['failed', 'upstream_failed', 4])
    }
  })

  test('on the client’s side breaks off the request to the target', async () => {
    let closed = false
    const { rig, host } = await play((request, response) => {
      response.write('first')
      request.on('close', () => (closed = true))
    })
    const request = await ask(rig, host)
    const response = await answered(request.end())
    response.once('data', () => request.destroy())
    await until(() => closed && rig.outcomes().length === 1)
    assert.deepEqual([rig.outcomes()[0]?.result, rig.outcomes()[0]?.code], ['failed', 'client_closed'])
  })

  test('on the client’s side while it is decided is never sent', async () => {
    let record = () => {}
    const { rig, host } = await play((_request, response) => response.end(), {
      record: () =>
        new Promise((done) => {
          record = done
        }),
    })
    const request = await ask(rig, host)
    request.on('error', () => {}).end()
    await until(() => rig.decided().length === 1)
    request.destroy()
    await until(() => rig.flows.size === 1) // the connection’s is gone, the exchange’s is left
    record()
    await until(() => rig.outcomes().length === 1)
    assert.deepEqual([rig.outcomes()[0]?.code, rig.dialled, rig.flows.size], ['client_closed', [], 0])
  })

  test('in the middle of an upload never looks complete to the target', async () => {
    let whole: boolean | undefined
    const { rig, host } = await play((request) => {
      request.on('error', () => {}).on('close', () => (whole = request.complete))
      request.resume()
    })
    const request = await ask(rig, host, { method: 'POST', headers: { 'content-length': '100' } })
    request.on('error', () => {})
    request.write('part')
    await until(() => rig.decided().length === 1)
    setTimeout(() => request.destroy(), 20)
    await until(() => whole !== undefined && rig.outcomes().length === 1)
    assert.equal(whole, false)
    assert.equal(rig.outcomes()[0]?.result, 'failed')
  })

  test('by an answer before the upload is done gives the client that answer', async () => {
    const { rig, host } = await play((_request, response) => response.writeHead(413, { connection: 'close' }).end('too large'))
    const request = await ask(rig, host, { method: 'POST', headers: { 'transfer-encoding': 'chunked' } })
    request.on('error', () => {})
    const response = answered(request)
    request.write('x'.repeat(1000))
    assert.equal((await response).statusCode, 413)
    request.destroy()
  })
})

describe('a server-sent event stream', { timeout: 30_000 }, () => {
  for (const [name, given] of [
    ['with nothing injected', []],
    ['while looking for an injected secret', injections],
  ] as const) {
    test(`delivers each event as it comes, ${name}`, async () => {
      let next = () => {}
      const { rig, host } = await play(
        (_request, response) => {
          response.writeHead(200, { 'content-type': 'text/event-stream' })
          let count = 0
          next = () => void response.write(`data: ${count++}\n\n`)
          next()
        },
        { injections: given },
      )
      const request = await ask(rig, host)
      const response = await answered(request.end())
      const events = response[Symbol.asyncIterator]()
      for (const event of ['data: 0\n\n', 'data: 1\n\n', 'data: 2\n\n']) {
        assert.equal(String((await events.next()).value), event)
        next()
      }
      request.destroy()
    })
  }

  test('is known to have begun before its first event, which may be hours away', async () => {
    const { rig, host } = await play((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    })
    const request = await ask(rig, host)
    const response = await answered(request.end())
    assert.equal(response.headers['content-type'], 'text/event-stream')
    request.destroy()
  })
})

describe('trailers', () => {
  test('of the answer come back, scrubbed', async () => {
    const { rig, host } = await play(
      (_request, response) => {
        response.writeHead(200, { trailer: 'x-sum, x-echo' })
        response.write('body')
        response.addTrailers({ 'x-sum': '42', 'x-echo': secret.reveal() })
        response.end()
      },
      { injections },
    )
    const response = await answered((await ask(rig, host)).end())
    for await (const _ of response);
    assert.equal(response.trailers['x-sum'], '42')
    assert.match(response.trailers['x-echo'] ?? '', /^\[scrubbed\]/)
  })

  test('of the request reach the target, without those that would pass for header fields', async () => {
    const { rig, host } = await play(
      (request, response) => {
        request.resume().on('end', () => response.end(JSON.stringify({ trailers: request.trailers, headers: request.headers })))
      },
      { injections },
    )
    const headers = { trailer: 'x-sum', 'transfer-encoding': 'chunked' }
    const request = await ask(rig, host, { method: 'POST', headers })
    const response = answered(request)
    request.write('body')
    request.addTrailers({
      'x-sum': '42',
      authorization: 'mine',
      host: 'evil.test',
      'cache-control': 'x',
      'x-http-method': 'DELETE',
    })
    request.end()
    let text = ''
    for await (const chunk of await response) text += chunk
    const got = JSON.parse(text)
    assert.deepEqual(got.trailers, { 'x-sum': '42' })
    assert.match(got.headers.authorization, /scrubbed/)
  })
})

describe('Expect: 100-continue', () => {
  const head = (host: string) =>
    `POST http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`

  test('is answered only after the decision is durable', async () => {
    let record = () => {}
    const recorded = new Promise<void>((done) => (record = done))
    const { rig, host } = await play((request, response) => void request.pipe(response), { record: () => recorded })
    const socket = await rig.attach()
    let told = ''
    socket.on('data', (chunk) => (told += chunk)).resume()
    socket.write(head(host))
    await until(() => rig.decided().length === 1)
    await new Promise((done) => setTimeout(done, 30))
    assert.equal(told, '')
    record()
    await until(() => told !== '')
    assert.equal(told, 'HTTP/1.1 100 Continue\r\n\r\n')
    socket.write('body')
    assert.match(told + (await readAll(socket)), /\r\n\r\nbody$|4\r\nbody\r\n0\r\n\r\n$/)
  })

  test('of a refused request gets the refusal, and the connection closes', async () => {
    const { rig, host } = await play((_request, response) => response.end(), { denies: () => true })
    const socket = await rig.attach()
    socket.write(head(host))
    const answer = await readAll(socket)
    assert.match(answer, /^HTTP\/1\.1 403 /)
    assert.doesNotMatch(answer, /100 Continue/)
  })
})

describe('an answer in a content coding', () => {
  test('is asked for without one, and undone when it comes with one, so that the secret is still found', async () => {
    const asked: unknown[] = []
    const { rig, host } = await play(
      (request, response) => {
        asked.push(request.headers['accept-encoding'])
        const body = gzipSync(`before ${secret.reveal()} after`)
        response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': body.length }).end(body)
      },
      { injections },
    )
    const response = await answered((await ask(rig, host, { headers: { 'accept-encoding': 'gzip' } })).end())
    let text = ''
    for await (const chunk of response) text += chunk
    assert.deepEqual(asked, ['identity'])
    assert.equal(response.headers['content-encoding'], undefined)
    assert.match(text, /^before \[scrubbed\]\*+ after$/)
  })

  test('that cannot be undone is refused with 502', async () => {
    const { rig, host } = await play(
      (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip, br' }).end('x'),
      { injections },
    )
    const response = await answered((await ask(rig, host)).end())
    assert.equal(response.statusCode, 502)
    response.resume()
  })

  test('that does not hold breaks off', async () => {
    const { rig, host } = await play(
      (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('not gzip'),
      { injections },
    )
    await assert.rejects(async () => {
      const response = await answered((await ask(rig, host)).end())
      for await (const _ of response);
    })
  })

  test('passes as it is where nothing was injected', async () => {
    const { rig, host } = await play((request, response) => {
      response
        .writeHead(200, { 'content-encoding': 'gzip', 'x-asked': request.headers['accept-encoding'] ?? '' })
        .end(gzipSync('plain'))
    })
    const response = await answered((await ask(rig, host, { headers: { 'accept-encoding': 'gzip' } })).end())
    assert.deepEqual([response.headers['content-encoding'], response.headers['x-asked']], ['gzip', 'gzip'])
    response.resume()
  })
})

describe('over HTTP/2', () => {
  test('bodies stream both ways, with trailers, and a broken answer resets the stream', async () => {
    const { trustedCa, options } = await startTls(mkdtempSync(join(tmpdir(), 'stint-up-')))
    const upstream = createHttpsServer(options, (request, response) => {
      if (request.url === '/broken') {
        response.write('part')
        setTimeout(() => response.destroy(), 20)
        return
      }
      response.writeHead(200, { trailer: 'x-sum' })
      request
        .on('data', (chunk) => response.write(chunk))
        .on('end', () => {
          response.addTrailers({ 'x-sum': String(request.trailers['x-up'] ?? '') })
          response.end()
        })
    })
    const port = await listening(upstream)
    const { rig } = await play(() => {}, { targets: [targetAt({ scheme: 'https', port, trustedCa })] })
    closers.push(() => upstream.close())
    const outer = await rig.attach()
    outer.write(`CONNECT up.test:${port} HTTP/1.1\r\nHost: up.test:${port}\r\n\r\n`)
    assert.match(await readHead(outer), / 200 /)
    const socket = connectTls({ socket: outer, servername: 'up.test', ca: rig.ca.certificatePem, ALPNProtocols: ['h2'] })
    const session = connectHttp2(`https://up.test:${port}`, { createConnection: () => socket })
    const stream = session.request({ ':path': '/', ':method': 'POST', trailer: 'x-up' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-up': '42' }))
    let sum: unknown
    stream.on('trailers', (fields) => (sum = fields['x-sum']))
    const block = Buffer.alloc(MEGABYTE, 'y')
    let sent = 0
    const more = () => {
      if (sent++ < 8) stream.write(block, more)
      else stream.end()
    }
    more()
    let size = 0
    for await (const chunk of stream) size += chunk.length
    assert.deepEqual([size, sum], [8 * MEGABYTE, '42'])
    const broken = session.request({ ':path': '/broken' })
    await assert.rejects(async () => {
      for await (const _ of broken);
    })
    session.destroy()
  })
})
