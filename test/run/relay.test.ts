import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { get, type IncomingMessage, request } from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { createClient } from '../../src/cli/client.ts'
import { generateKey, makeProof } from '../../src/identity/dpop.ts'
import { admitSandbox, admitSecret } from '../../src/run/admit.ts'
import { attach } from '../../src/run/attach.ts'
import { type Admission, relay } from '../../src/run/relay.ts'
import { startSession, type TaskSession } from '../../src/run/task-session.ts'
import { type FakeStint, startFakeStint } from './fake-stint.ts'

let fake: FakeStint
let session: TaskSession
const closers: (() => void)[] = []
before(async () => {
  fake = await startFakeStint()
})
beforeEach(async () => {
  fake.seen.length = 0
  fake.serve = (_request, response) => void response.end('hello from upstream\n')
  const key = await generateKey()
  const proofKey = {
    thumbprint: key.thumbprint,
    prove: (request: { method: string; url: string; token: string }) => makeProof(key, request),
  }
  session = await startSession(
    createClient(() => fake.home).call,
    { purpose: 'p', targets: ['github'], actions: ['*'], labels: [] },
    'sandbox',
    proofKey,
  )
})
afterEach(async () => {
  for (const close of closers.splice(0)) close()
  await session.end('over')
})
after(() => fake.close())

async function open(admission: Admission = admitSandbox): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(relay(server, admission, () => attach(session)))
  return (server.address() as AddressInfo).port
}

async function ask(
  port: number,
  options: object = {},
): Promise<{ status: number | undefined; body: string; headers: IncomingMessage['headers'] }> {
  const asked = get({ host: '127.0.0.1', port, path: 'http://upstream.test/x', agent: false, ...options })
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  return { status: answer.statusCode, body: await text(answer), headers: answer.headers }
}

test('each connection is attached with a proof of its own', async () => {
  const port = await open()
  const before = fake.attaches
  const answers = await Promise.all(Array.from({ length: 200 }, () => ask(port)))
  assert.ok(answers.every(({ status, body }) => status === 200 && body === 'hello from upstream\n'))
  assert.equal(fake.attaches, before + 200)
})

test('many requests on one connection share its attachment', async () => {
  const port = await open()
  const before = fake.attaches
  const socket = connect(port, '127.0.0.1')
  socket.write(
    'GET http://upstream.test/a HTTP/1.1\r\nHost: upstream.test\r\n\r\nGET http://upstream.test/b HTTP/1.1\r\nHost: upstream.test\r\nConnection: close\r\n\r\n',
  )
  assert.equal((await text(socket)).match(/hello from upstream/g)?.length, 2)
  assert.equal(fake.attaches, before + 1)
})

test('a large body passes both ways whole', async () => {
  fake.serve = async (request, response) => {
    const hash = createHash('sha256')
    for await (const chunk of request) hash.update(chunk)
    response.setHeader('digest', hash.digest('hex'))
    response.end(Buffer.alloc(40_000_000, 'b'))
  }
  const port = await open()
  const asked = request({ host: '127.0.0.1', port, path: 'http://upstream.test/', method: 'POST', agent: false })
  asked.end(Buffer.alloc(40_000_000, 'a'))
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  let length = 0
  for await (const chunk of answer) length += chunk.length
  assert.equal(length, 40_000_000)
  assert.equal(answer.headers.digest, createHash('sha256').update(Buffer.alloc(40_000_000, 'a')).digest('hex'))
})

test('a client that does not read holds the upstream back', async () => {
  let sent = 0
  fake.serve = (_request, response) => {
    const source = new Readable({
      read() {
        sent += 65_536
        this.push(Buffer.alloc(65_536))
      },
    })
    response.on('close', () => source.destroy())
    source.on('error', () => {}).pipe(response)
  }
  const port = await open()
  const asked = get({ host: '127.0.0.1', port, path: 'http://upstream.test/', agent: false })
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  answer.on('error', () => {})
  answer.pause()
  let last = -1
  while (last !== sent) {
    last = sent
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  assert.ok(sent < 60_000_000, `${sent} bytes were taken from an upstream whose client reads nothing`)
  asked.destroy()
})

test('a half-closed tunnel still carries the answer', async () => {
  fake.connect = async (_request, socket) => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
    const all = await text(socket)
    socket.end(`you said ${all}`)
  }
  const client = connect({ port: await open(), host: '127.0.0.1', allowHalfOpen: true })
  client.write('CONNECT upstream.test:443 HTTP/1.1\r\nHost: upstream.test:443\r\n\r\n')
  await once(client, 'data')
  client.end('last words')
  assert.equal(await text(client), 'you said last words')
})

test('a client that vanishes takes its gateway connection with it, and the other way round', async () => {
  const upstream: Socket[] = []
  fake.connect = (_request, socket) => {
    upstream.push(
      socket
        .on('error', () => {})
        .on('end', () => socket.end())
        .resume(),
    )
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
  }
  const port = await open()
  for (const end of ['client', 'upstream'] as const) {
    const client = connect(port, '127.0.0.1').on('error', () => {})
    client.write('CONNECT upstream.test:443 HTTP/1.1\r\nHost: upstream.test:443\r\n\r\n')
    await once(client, 'data')
    const other = upstream.at(-1)
    assert.ok(other)
    const gone = once(end === 'client' ? other : client, 'close')
    ;(end === 'client' ? client : other).resetAndDestroy()
    await gone
  }
})

test('when the task is over the client is told so, for CONNECT and for plain requests', async () => {
  const port = await open()
  fake.revoke(fake.task())
  const { status, body, headers } = await ask(port)
  assert.deepEqual([status, headers['content-type'], JSON.parse(body).code], [403, 'application/problem+json', 'task_not_live'])
  const socket = connect(port, '127.0.0.1')
  socket.write('CONNECT upstream.test:443 HTTP/1.1\r\nHost: upstream.test:443\r\n\r\n')
  assert.match(await text(socket), /^HTTP\/1\.1 403 .*task_not_live/s)
  assert.deepEqual(fake.seen, [])
})

test('a token that is refused is renewed once, and the request goes through', async () => {
  fake.task().tokens.push('a newer one')
  assert.equal((await ask(await open())).status, 200)
})

test('without a gateway the client is told that Stint is not running', async () => {
  const port = await open()
  const lost = { ...session, gateway: '127.0.0.1:1' }
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(relay(server, admitSandbox, () => attach(lost)))
  const { status, body } = await ask((server.address() as AddressInfo).port)
  assert.deepEqual([status, JSON.parse(body).code], [503, 'not_running'])
  assert.ok(port)
})

for (const [name, answer] of [
  ['nonsense', 'nonsense\r\n\r\n'],
  ['an endless head', 'HTTP/1.1 101 '.padEnd(200_000, 'x')],
  ['200 instead of 101', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['another version’s 101', 'HTTP/1.0 101 Switching Protocols\r\n\r\n'],
  ['an unknown code', 'HTTP/1.1 403 No\r\nContent-Length: 19\r\n\r\n{"code":"__proto__"'],
] as const) {
  test(`a gateway that answers with ${name} gets none of the client’s bytes`, async () => {
    let heard = ''
    const bad = createServer((socket) => {
      socket.on('error', () => {}).on('data', (chunk) => (heard += String(chunk)))
      socket.end(answer)
    }).listen(0, '127.0.0.1')
    await once(bad, 'listening')
    const gateway = `127.0.0.1:${(bad.address() as AddressInfo).port}`
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    closers.push(
      relay(server, admitSandbox, () => attach({ ...session, gateway })),
      () => bad.close(),
    )
    const { status } = await ask((server.address() as AddressInfo).port, { headers: { marker: 'client-bytes' } })
    assert.equal(status, 502)
    assert.doesNotMatch(heard, /client-bytes/)
  })
}

test('bytes that follow the switch at once are not lost', async () => {
  const quick = createServer(
    (socket) => void socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nquick'),
  )
  quick.listen(0, '127.0.0.1')
  await once(quick, 'listening')
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const gateway = `127.0.0.1:${(quick.address() as AddressInfo).port}`
  closers.push(
    relay(server, admitSandbox, () => attach({ ...session, gateway })),
    () => quick.close(),
  )
  assert.equal((await ask((server.address() as AddressInfo).port)).body, 'quick')
})

test('G11: where processes cannot be looked up, the secret of the address is asked for, and a wrong one gets nothing', async () => {
  const port = await open(admitSecret('right'))
  const basic = (userinfo: string) => ({
    headers: { 'proxy-authorization': `Basic ${Buffer.from(userinfo).toString('base64')}` },
  })
  const none = await ask(port)
  assert.deepEqual([none.status, none.headers['proxy-authenticate']], [407, 'Basic realm="stint"'])
  for (const wrong of ['stint:wrong', 'stint:', 'other:right', 'stint:right '])
    assert.equal((await ask(port, basic(wrong))).status, 407, wrong)
  assert.deepEqual(fake.seen, [])
  assert.equal((await ask(port, basic('stint:right'))).body, 'hello from upstream\n')
})

test('closing the relay cuts what is open', async () => {
  fake.connect = (_request, socket) => void socket.on('error', () => {}).write('HTTP/1.1 200 OK\r\n\r\n')
  const client = connect(await open(), '127.0.0.1').on('error', () => {})
  client.write('CONNECT upstream.test:443 HTTP/1.1\r\nHost: upstream.test:443\r\n\r\n')
  await once(client, 'data')
  const gone = once(client, 'close')
  for (const close of closers.splice(0)) close()
  await gone
})
