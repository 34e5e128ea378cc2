import assert from 'node:assert/strict'
import type { Server, Socket } from 'node:net'
import { after, describe, test } from 'node:test'
import { Secret } from '../../src/secret.ts'
import { answerOf, listening, readAll, readHead, startRig, targetAt, until } from './rig.ts'
import { frame, handshake, webSocketServer } from './websocket.ts'

const closers: (() => unknown)[] = []
after(async () => {
  for (const close of closers) await close()
})

async function play(upstream: Server, options: Partial<Parameters<typeof startRig>[0]> = {}) {
  const port = await listening(upstream)
  const rig = await startRig({ targets: [targetAt({ port })], ...options })
  closers.push(async () => {
    await rig.stop()
    upstream.close()
  })
  return { rig, host: `up.test:${port}` }
}

const echo = (socket: Socket) => void socket.pipe(socket)

describe('a WebSocket', () => {
  test('is decided, opened, and carries bytes both ways until it is closed', async () => {
    const { rig, host } = await play(webSocketServer(echo))
    const socket = await rig.attach()
    socket.write(handshake(host))
    const head = await readHead(socket)
    assert.match(head, /^HTTP\/1\.1 101 /)
    assert.match(head, /^sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=$/m)
    socket.end(frame('hello'))
    assert.equal(await readAll(socket), frame('hello').toString('latin1'))
    await until(() => rig.outcomes().length === 1)
    const [outcome] = rig.outcomes()
    assert.deepEqual([outcome?.result, outcome?.status, outcome?.bytesIn, outcome?.bytesOut], ['completed', 101, 7, 7])
    assert.deepEqual(
      rig.decided().map(({ action }) => action),
      ['http:GET'],
    )
  })

  test('may be sent to before it is open', async () => {
    const { rig, host } = await play(webSocketServer(echo))
    const socket = await rig.attach()
    socket.write(Buffer.concat([Buffer.from(handshake(host)), frame('early')]))
    await readHead(socket)
    socket.end()
    assert.equal(await readAll(socket), frame('early').toString('latin1'))
  })

  test('gets the injected credential, and offers no compression that would hide it', async () => {
    let seen: Readonly<Record<string, unknown>> = {}
    const upstream = webSocketServer((socket, headers) => {
      seen = headers
      socket.end()
    })
    const injections = [
      { kind: 'header', name: 'authorization', prefix: 'Bearer ', value: new Secret('a-secret-of-some-length') } as const,
    ]
    const { rig, host } = await play(upstream, { injections })
    const socket = await rig.attach()
    socket.write(handshake(host, 'Sec-WebSocket-Extensions: permessage-deflate', 'Authorization: mine'))
    await readAll(socket)
    assert.equal(seen.authorization, 'Bearer a-secret-of-some-length')
    assert.equal(seen['sec-websocket-extensions'], undefined)
  })

  test('that policy denies never reaches the target', async () => {
    let opened = false
    const { rig, host } = await play(
      webSocketServer(() => (opened = true)),
      { denies: () => true },
    )
    const socket = await rig.attach()
    socket.write(handshake(host))
    const answer = answerOf(await readAll(socket))
    assert.deepEqual([answer.status, JSON.parse(answer.body).code, opened], [403, 'denied', false])
  })

  test('that the target will not open gets the target’s answer', async () => {
    const upstream = webSocketServer(echo)
    upstream.removeAllListeners('upgrade')
    const { rig, host } = await play(upstream)
    const socket = await rig.attach()
    socket.write(handshake(host))
    const answer = answerOf(await readAll(socket))
    assert.equal(answer.status, 426)
    assert.match(answer.body, /upgrade, please/)
    await until(() => rig.outcomes().length === 1)
    assert.equal(rig.outcomes()[0]?.status, 426)
  })

  test('whose target breaks off ends on both sides', async () => {
    const { rig, host } = await play(webSocketServer((socket) => void setTimeout(() => socket.resetAndDestroy(), 20)))
    const socket = await rig.attach()
    socket.write(handshake(host))
    await readHead(socket)
    await readAll(socket)
    await until(() => rig.outcomes().length === 1)
  })

  test('whose client goes away while the target is dialled leaves nothing open', async () => {
    const { rig, host } = await play(webSocketServer(echo))
    const socket = await rig.attach()
    socket.write(handshake(host))
    socket.resetAndDestroy()
    await until(() => rig.flows.size === 0)
  })
})
