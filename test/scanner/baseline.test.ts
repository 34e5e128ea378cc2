import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readBaseline, writeBaseline } from '../../src/scanner/baseline.ts'

const key = Buffer.alloc(32, 7)

describe('a baseline', () => {
  test('that was written is read, and one of another key is refused', () => {
    const text = writeBaseline([], key)
    assert.deepEqual(readBaseline(text, 'known.json', key), new Set())
    assert.throws(() => readBaseline(text, 'known.json', Buffer.alloc(32, 8)), /another key/)
  })

  test('of any other shape is refused by its name', () => {
    const { installation } = JSON.parse(writeBaseline([], key))
    const whole = { version: 1, installation, known: [{ fingerprint: 'a' }] }
    assert.deepEqual(readBaseline(JSON.stringify(whole), 'known.json', key), new Set(['a']))
    const others = [{ version: 2 }, { installation: 1 }, { known: undefined }, { known: {} }, { known: [null] }, { known: [{}] }]
    const texts = ['', 'null', '[]', '1', ...others.map((other) => JSON.stringify({ ...whole, ...other }))]
    for (const text of [...texts, JSON.stringify({ ...whole, known: [{ fingerprint: 1 }] })])
      assert.throws(() => readBaseline(text, 'known.json', key), /known\.json is not a baseline/)
  })
})
