import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Http1Reply } from '../../src/gateway/reply-http1.ts'

test('whole answers of one turn are written at its end, in order, and what was broken off meanwhile is not', async (t) => {
  const { asked, clients } = await threeAsking(t)
  const sockets = asked.map(({ socket }) => socket) // an answer that was written lets go of its own
  const written = () => sockets.map((socket) => socket?.bytesWritten ?? 0)
  const replies = asked.map((response) => new Http1Reply(response, '1.1'))
  for (const [at, reply] of replies.entries()) {
    reply.start(200, 'OK', ['content-length', '4', 'connection', 'close'])
    reply.end([], Buffer.from(`ok ${at}`), true)
  }
  replies[1]?.reset()
  assert.deepEqual(written(), [0, 0, 0], 'within the turn')
  await turn()
  assert.deepEqual(
    written().map((bytes) => bytes > 0),
    [true, false, true],
    'at its end',
  )
  const got = await Promise.all(clients.map((client) => text(client).catch((error: NodeJS.ErrnoException) => error.code)))
  assert.match(String(got[0]), /^HTTP\/1\.1 200 OK\r\n(?:.+\r\n)+\r\nok 0$/)
  assert.equal(got[1], 'ECONNRESET')
  assert.match(String(got[2]), /\r\n\r\nok 2$/)
})

test('an answer that nobody watches is handed over at once', async (t) => {
  const { asked, clients } = await threeAsking(t)
  for (const response of asked) {
    const { socket } = response
    const reply = new Http1Reply(response, '1.1')
    reply.start(200, 'OK', ['content-length', '2', 'connection', 'close'])
    reply.end([], Buffer.from('ok'))
    assert.ok(socket !== null && socket.bytesWritten > 0)
  }
  for (const client of clients) assert.match(await text(client), /\r\n\r\nok$/)
})

test('an answer whose client is gone by the end of the turn holds up no other', async (t) => {
  const { asked, clients } = await threeAsking(t)
  for (const response of asked) {
    const reply = new Http1Reply(response, '1.1')
    reply.start(200, 'OK', ['content-length', '2', 'connection', 'close'])
    reply.end([], Buffer.from('ok'), true)
  }
  asked[0]?.destroy()
  const [first, ...rest] = clients
  for (const client of rest) assert.match(await text(client), /\r\n\r\nok$/)
  assert.equal(await text(first ?? assert.fail()), '')
})

/** Three connections, each with a request that waits for its answer, in the order of their coming. */
async function threeAsking(t: { after(close: () => void): void }): Promise<{ asked: ServerResponse[]; clients: Socket[] }> {
  const asked: ServerResponse[] = []
  const server = createServer((_request, response) => void asked.push(response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => void server.close())
  const clients: Socket[] = []
  for (let count = 1; count <= 3; count += 1) {
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    clients.push(client)
    while (asked.length < count) await once(server, 'request')
  }
  return { asked, clients }
}
