import assert from 'node:assert/strict'
import { Duplex, PassThrough } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { StintError } from '../../src/errors.ts'
import { outcomeOf, startTally } from '../../src/gateway/outcome.ts'
import { splice } from '../../src/gateway/splice.ts'
import { NO_PREFIX, Upload } from '../../src/gateway/upload.ts'
import type { CountOut, Flow } from '../../src/model.ts'

/** Lets so many bytes through, and asks the store about every other chunk. */
function counter(limit: number): CountOut {
  let [left, turn] = [limit, 0]
  return (bytes) => {
    turn += 1
    const isAfforded = bytes <= left
    if (isAfforded) left -= bytes
    return isAfforded && turn % 2 === 0 ? true : new Promise((done) => setImmediate(() => done(isAfforded)))
  }
}

const flowOf = (countOut?: CountOut): Flow => ({ countOut, isCut: false, onCut() {}, close() {} })

describe('a body whose bytes are counted', () => {
  test('arrives whole and in order where the budget lasts, its first bytes included', async () => {
    const source = new PassThrough()
    const upload = new Upload(source, { chunks: [Buffer.from('a'), Buffer.from('b')], ended: false }, undefined, counter(2000))
    const parts = Array.from({ length: 300 }, (_, at) => `${at};`)
    for (const part of parts) source.write(part)
    source.end()
    assert.equal(await text(upload), `ab${parts.join('')}`)
    assert.equal(upload.size, 2 + parts.join('').length)
    const whole = new Upload(
      new PassThrough(),
      { chunks: [Buffer.from('ab'), Buffer.from('c')], ended: true },
      undefined,
      counter(3),
    )
    assert.equal(await text(whole), 'abc')
  })

  test('is cut off before the chunk that is too much, and what is still sent is dropped', async () => {
    for (const limit of [0, 9, 15]) {
      const source = new PassThrough()
      const upload = new Upload(source, NO_PREFIX, undefined, counter(limit))
      for (let i = 0; i < 20; i++) source.write('12345')
      source.end()
      await assert.rejects(buffer(upload), (thrown) => thrown instanceof StintError && thrown.code === 'budget_exceeded')
      assert.equal(upload.size, Math.floor(limit / 5) * 5)
    }
  })

  test('is cut off where nobody can say whether it may go on', async () => {
    const source = new PassThrough()
    const failed = new StintError('store_unavailable', 'gone')
    const upload = new Upload(source, NO_PREFIX, undefined, () => Promise.reject(failed))
    source.end('x')
    await assert.rejects(buffer(upload), failed)
    assert.equal(upload.size, 0)
  })
})

describe('a stream both ways whose bytes are counted', () => {
  /** Both sides of a connection: what is written to `near` can be read at `far`. */
  function pair(): { near: Duplex; far: Duplex } {
    const [there, back] = [new PassThrough(), new PassThrough()]
    return {
      near: Duplex.from({ readable: back, writable: there }),
      far: Duplex.from({ readable: there, writable: back }),
    }
  }

  test('carries all of it, in order, while the budget lasts', async () => {
    const [client, target] = [pair(), pair()]
    const tally = startTally()
    const spliced = splice(client.far, target.near, flowOf(counter(10_000)), tally)
    const parts = Array.from({ length: 200 }, (_, at) => `${at};`)
    for (const part of parts) client.near.write(part)
    client.near.end()
    assert.equal(await text(target.far), parts.join(''))
    target.far.end()
    client.near.resume()
    assert.equal(await spliced, 'completed')
    assert.equal(tally.bytesOut, parts.join('').length)
  })

  test('is cut by the chunk that is too much, which does not go on', async () => {
    const [client, target] = [pair(), pair()]
    const tally = startTally()
    const arrived: string[] = []
    target.far.on('data', (chunk) => arrived.push(String(chunk))).on('error', () => {})
    client.near.on('error', () => {})
    const spliced = splice(client.far, target.near, flowOf(counter(7)), tally)
    client.near.write('12345')
    await new Promise((later) => setTimeout(later, 5))
    client.near.write('67890')
    assert.equal(await spliced, 'cut')
    assert.equal(arrived.join(''), '12345')
    assert.equal(tally.bytesOut, 5)
    assert.equal(outcomeOf(tally, 'cut').code, 'budget_exceeded')
  })
})
