import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import type { Server } from 'node:net'
import { after, describe, test } from 'node:test'
import type { Injection } from '../../src/credentials/connector.ts'
import { Secret } from '../../src/secret.ts'
import { exchange, listening, readAll, readHead, startRig, targetAt } from '../gateway/rig.ts'
import { frame, handshake, webSocketServer } from '../gateway/websocket.ts'

const SECRET = 'gh_S3cret/Value+with=signs&more'
const value = new Secret(SECRET)
const header: Injection = { kind: 'header', name: 'authorization', prefix: 'Bearer ', value }

/** Every way the secret is usually written. */
const SPELLINGS: Readonly<Record<string, string>> = {
  'as it is': SECRET,
  'percent-encoded': encodeURIComponent(SECRET),
  'in base64': Buffer.from(SECRET).toString('base64'),
  'in base64 behind a username': Buffer.from(`x:${SECRET}`).toString('base64'),
  'in base64 behind a longer username': Buffer.from(`user:${SECRET}:rest`).toString('base64'),
  'in base64url': Buffer.from(SECRET).toString('base64url'),
  'in hexadecimal': Buffer.from(SECRET).toString('hex'),
  'inside JSON': JSON.stringify({ echo: SECRET }),
}

const closers: (() => unknown)[] = []
after(async () => {
  for (const close of closers) await close()
})

async function play(upstream: Server, injection: Injection = header) {
  const port = await listening(upstream)
  const rig = await startRig({ targets: [targetAt({ port })], injections: [injection] })
  closers.push(async () => {
    await rig.stop()
    upstream.close()
  })
  const ask = (...fields: readonly string[]) =>
    exchange(rig, `GET http://up.test:${port}/ HTTP/1.1`, `Host: up.test:${port}`, ...fields, 'Connection: close', '', '')
  return { rig, host: `up.test:${port}`, ask }
}

/** No piece of the secret longer than a few bytes may come back, in whatever spelling. */
function assertClean(text: string, spelling: string): void {
  const core = spelling.slice(4, -4)
  assert.ok(!text.includes(core), text)
  assert.ok(!text.includes(SECRET), text)
}

describe('G2: a reply that echoes the injected secret', () => {
  for (const [name, spelling] of Object.entries(SPELLINGS)) {
    test(`${name} is scrubbed in the body, wherever chunks split it, and keeps its length`, async () => {
      const text = `before ${spelling} after`
      const listener: RequestListener = (request, response) => {
        const cut = Number(request.headers['x-cut'])
        response.writeHead(200, { 'content-length': text.length })
        response.write(text.slice(0, cut))
        setImmediate(() => response.end(text.slice(cut)))
      }
      const { ask } = await play(createServer(listener))
      for (let cut = 8; cut < text.length - 5; cut += 3) {
        const { body } = await ask(`X-Cut: ${cut}`)
        assertClean(body, spelling)
        assert.equal(body.length, text.length)
        assert.match(body, /^before .*\[scrubbed\].* after$/)
      }
    })

    test(`${name} is scrubbed in header fields, the reason phrase and trailers`, async () => {
      const visible = spelling.replaceAll('"', '')
      const { ask } = await play(
        createServer((_request, response) => {
          response.writeHead(302, `Found ${visible}`, {
            location: `https://x.test/?a=${visible}`,
            'x-echo': visible,
            trailer: 'x-end',
          })
          response.write('body')
          response.addTrailers({ 'x-end': visible })
          response.end()
        }),
      )
      const { head, body } = await ask()
      assertClean(head + body, visible)
      assert.match(head, /^location: https:\/\/x\.test\/\?a=.*\[scrubbed\]/m)
      assert.match(body, /x-end: .*\[scrubbed\]/)
    })
  }

  test('is scrubbed when the target echoes the whole request, for every way of injecting', async () => {
    const kinds: readonly Injection[] = [
      header,
      { kind: 'basic', username: 'x-access-token', value },
      { kind: 'query', name: 'key', value },
      { kind: 'placeholder', placeholder: 'PLACEHOLDER', body: true, value },
    ]
    for (const injection of kinds) {
      let received = ''
      const { ask } = await play(
        createServer((request, response) => {
          received = JSON.stringify([request.url, request.rawHeaders])
          response.end(received)
        }),
        injection,
      )
      const { status, head, body } = await ask('X-Placed: PLACEHOLDER')
      assert.equal(status, 200)
      for (const spelling of Object.values(SPELLINGS)) assertClean(head + body, spelling)
      assert.match(body, /\[scrubbed\]/, `${injection.kind}: ${received}`)
    }
  })

  test('is scrubbed inside WebSocket frames, which stay valid', async () => {
    const { rig, host } = await play(webSocketServer((socket) => void socket.end(frame(`it is ${SECRET}!`))))
    const socket = await rig.attach()
    socket.write(handshake(host))
    await readHead(socket)
    const text = await readAll(socket)
    assertClean(text, SECRET)
    assert.equal(text.length, frame(`it is ${SECRET}!`).length)
    assert.match(text, /it is \[scrubbed\]\*+!$/)
  })
})

describe('G2: a session that the target opens for the injected credential', () => {
  test('stays behind: cookies are passed in neither direction', async () => {
    let cookie: string | undefined = ''
    const { ask } = await play(
      createServer((request, response) => {
        cookie = request.headers.cookie
        response.setHeader('set-cookie', 'session=as-good-as-the-secret').end()
      }),
    )
    const { head } = await ask('Cookie: session=as-good-as-the-secret')
    assert.doesNotMatch(head, /session/)
    assert.equal(cookie, undefined)
  })
})

describe('G2: an error on the way', () => {
  test('says nothing of the secret, to the caller, in the record or to the operator', async () => {
    const odd: Injection = { kind: 'header', name: 'authorization', prefix: '', value: new Secret('line\r\nbreak-secret') }
    const { rig, ask } = await play(
      createServer((_request, response) => response.end()),
      odd,
    )
    const { status, head, body } = await ask()
    assert.equal(status, 500)
    assert.doesNotMatch(head + body + JSON.stringify(rig.events), /break-secret/)
  })
})
