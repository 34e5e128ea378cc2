import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, describe, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import type { RefusalText } from '../../src/credentials/connector.ts'
import { refusalText } from '../../src/gateway/refusal.ts'
import { answerOf, attachTo, exchange, listening, readAll, readHead, startRig, targetAt } from './rig.ts'

const closers: (() => unknown)[] = []
after(async () => {
  for (const close of closers) await close()
})

async function play(options: Partial<Parameters<typeof startRig>[0]>) {
  const seen: string[] = []
  const upstream = createServer((request, response) => {
    seen.push(request.url ?? '')
    response.end()
  })
  const port = await listening(upstream)
  const rig = await startRig({ targets: [targetAt({ port })], ...options })
  closers.push(() => {
    upstream.close()
    return rig.stop()
  })
  return { rig, seen, host: `up.test:${port}` }
}

describe('a refusal in the target’s own words', () => {
  const speakRefusal = (_: unknown, { line }: RefusalText) => ({
    ...{ status: 200, contentType: 'application/x-said' },
    body: Buffer.from(line),
  })

  test('comes when the body is through, says in its fields that it is one, and nothing is sent', async () => {
    const { rig, seen, host } = await play({ denies: () => true, speakRefusal })
    const socket = await rig.attach()
    socket.write(`POST http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 2000000\r\nConnection: close\r\n\r\n`)
    let written = 0
    let writtenBefore = 0
    socket.once('data', () => (writtenBefore = written))
    const answer = readAll(socket)
    for (; written < 1_900_000; written += 100_000) await new Promise((done) => socket.write(Buffer.alloc(100_000), done))
    await new Promise((done) => setTimeout(done, 50)) // an answer that does not wait has this long to come
    written += 100_000
    socket.write(Buffer.alloc(100_000))
    const { status, head, body } = answerOf(await answer)
    assert.deepEqual([status, writtenBefore], [200, 2_000_000])
    assert.match(head, /^content-type: application\/x-said$/m)
    assert.match(head, /^proxy-status: stint; error=http_request_denied; details="denied"$/m)
    assert.match(head, /^stint-correlation-id: /m)
    assert.match(body, /^Stint: no policy permits it\. The reasons say/)
    assert.deepEqual(seen, [])
    assert.deepEqual(rig.outcomes(), [])
  })

  test('comes at once where it is an HTTP error', async () => {
    const said = { status: 413, contentType: 'application/x-said', body: Buffer.from('no') }
    const { rig, host } = await play({ denies: () => true, speakRefusal: () => said })
    const socket = await rig.attach()
    socket.write(`POST http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 2000000\r\n\r\n`)
    const { status, head, body } = answerOf(await readAll(socket))
    assert.deepEqual([status, body], [413, 'no'])
    assert.match(head, /^content-type: application\/x-said$/m)
    assert.match(head, /^connection: close$/im)
  })

  test('gives way to an HTTP error where the body goes on for too long', async () => {
    const { rig, host } = await play({ denies: () => true, speakRefusal })
    const socket = await rig.attach()
    socket.write(`POST http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1000000000\r\n\r\n`)
    const answer = readAll(socket)
    const flood = Buffer.alloc(1_000_000)
    for (let i = 0; i < 80 && socket.writable; i += 1) await new Promise((done) => socket.write(flood, done))
    assert.match(await answer, /^HTTP\/1\.1 403 /)
  })

  test('is not for what asks for a proof', async () => {
    const { rig, host } = await play({ speakRefusal })
    const { connect } = await import('node:net')
    const socket = connect(rig.port, '127.0.0.1')
    socket.write(`GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    assert.match(await readAll(socket), /^HTTP\/1\.1 407 /)
  })

  test('has nothing in it that a terminal obeys, and is of a bounded length', () => {
    const hostile = `no\u001b[31m\r\n\u202e\u2028\u0085 ${'x'.repeat(10_000)}`
    const reasons = Array.from({ length: 100 }, (_, i) => `${i}${hostile}`)
    const { line, text } = refusalText({ code: 'denied', detail: hostile, reasons, correlationId: 'c' })
    assert.match(line, /^Stint: no\?\[31m\?\?\?\?\? x+…\. /)
    assert.doesNotMatch(line, /[\p{C}\p{Zl}\p{Zp}]/u)
    assert.doesNotMatch(text.replaceAll('\n', ''), /[\p{C}\p{Zl}\p{Zp}]/u)
    assert.ok(line.length < 1000 && text.length < 10_000, `${line.length} ${text.length}`)
  })
})

describe('when the task is over', () => {
  const ask = (host: string, agent: string): string => `CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: ${agent}\r\n\r\n`

  test('a connection is attached to be told so, on every request, which is recorded', async () => {
    const { rig, seen, host } = await play({ isOver: true })
    const { status, body } = await exchange(rig, `GET http://${host}/ HTTP/1.1`, `Host: ${host}`, 'Connection: close', '', '')
    assert.deepEqual([status, JSON.parse(body).code], [403, 'task_not_live'])
    assert.deepEqual(
      rig.events.filter(({ kind }) => kind === 'attempt').map(({ code }) => code),
      ['task_not_live'],
    )
    assert.deepEqual(seen, [])
  })

  test('a CONNECT is refused as ever, but git’s is opened and git told inside', async () => {
    const upstream = { scheme: 'https', port: 1 } as const
    const { rig } = await play({ isOver: true, targets: [targetAt(upstream)], tunnels: ['tunnel.test:1'] })
    for (const host of ['up.test:1', 'other.test:1', 'tunnel.test:1']) {
      const socket = await attachTo(rig.port)
      socket.write(ask(host, 'curl/8'))
      assert.match(await readHead(socket), /^HTTP\/1\.1 403 /)
      assert.match(await toldGit(rig, host), /task_not_live/)
    }
    assert.deepEqual(rig.dialled, [])
  })

  test('what no target declares is told git inside too, and a tunnel stays a tunnel', async () => {
    const { rig } = await play({ targets: [], tunnels: ['tunnel.test:1'] })
    assert.match(await toldGit(rig, 'other.test:443'), /target_unknown/)
    const codes = rig.events.filter(({ kind }) => kind === 'attempt').map(({ code }) => code)
    assert.deepEqual(codes, ['target_unknown'])
    assert.deepEqual(rig.dialled, [])
    const socket = await attachTo(rig.port)
    socket.write(ask('tunnel.test:1', 'git/2.50'))
    assert.match(await readHead(socket), /^HTTP\/1\.1 502 /)
  })

  test('git without a proof is let into nothing', async () => {
    const { rig } = await play({ targets: [] })
    const { connect } = await import('node:net')
    const socket = connect(rig.port, '127.0.0.1')
    socket.write(ask('other.test:443', 'git/2.50'))
    assert.match(await readHead(socket), /^HTTP\/1\.1 407 /)
  })

  async function toldGit(rig: Awaited<ReturnType<typeof startRig>>, host: string): Promise<string> {
    const socket = await attachTo(rig.port)
    socket.write(ask(host, 'git/2.50'))
    assert.match(await readHead(socket), /^HTTP\/1\.1 200 /)
    const inner = connectTls({ socket, servername: host.replace(/:.*/, ''), ca: rig.ca.certificatePem })
    inner.write(
      `GET /a.git/info/refs?service=git-upload-pack HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: git/2.50\r\nConnection: close\r\n\r\n`,
    )
    const answer = await readAll(inner)
    assert.match(answer, /^HTTP\/1\.1 403 [\s\S]*^content-type: text\/plain/m)
    return answer
  }
})
