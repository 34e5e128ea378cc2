import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { nextTick } from 'node:process'
import { type TestContext, test } from 'node:test'
import { breakOff } from '../../src/gateway/break-off.ts'
import { listening, until } from './rig.ts'

/** A TCP connection: our end, and the other's, which stays half open for as long as it can. */
async function connection(t: TestContext): Promise<{ ours: Socket; theirs: Socket }> {
  const server = createServer({ allowHalfOpen: true })
  const accepted = once(server, 'connection')
  const ours = connect(await listening(server), '127.0.0.1')
  const [[theirs]] = (await Promise.all([accepted, once(ours, 'connect')])) as unknown as [[Socket]]
  t.after(() => {
    for (const one of [ours, theirs]) one.destroy()
    server.close()
  })
  return { ours, theirs }
}

/** What the other end learns: it writes on, which only a closed connection answers. */
async function closing(theirs: Socket): Promise<string | undefined> {
  let code: string | undefined
  theirs.on('error', (error: NodeJS.ErrnoException) => {
    code = error.code
  })
  theirs.resume()
  const writing = setInterval(() => theirs.write('still there?'), 5)
  await until(() => theirs.destroyed).finally(() => clearInterval(writing))
  return code
}

test('a connection that is broken off is reset, not ended', async (t) => {
  const { ours, theirs } = await connection(t)
  const ended: string[] = []
  theirs.on('end', () => ended.push('ended'))
  breakOff(ours)
  assert.equal(await closing(theirs), 'ECONNRESET')
  assert.deepEqual(ended, [])
})

for (const ticks of [0, 1, 2, 3, 4])
  test(`a connection that began to end ${ticks} ticks ago is closed as well`, async (t) => {
    const { ours, theirs } = await connection(t)
    ours.end()
    for (let tick = 0; tick < ticks; tick++) await new Promise<void>((done) => nextTick(done))
    breakOff(ours)
    assert.match(String(await closing(theirs)), /^(ECONNRESET|EPIPE)$/)
    await until(() => ours.closed)
  })

test('a connection that is still being dialled is given up at once', async (t) => {
  const server = createServer()
  const ours = connect(await listening(server), '127.0.0.1')
  t.after(() => server.close())
  breakOff(ours)
  assert.ok(ours.destroyed)
  await until(() => ours.closed)
})
