import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createLineReader } from '../src/lines.ts'

describe('reading lines', () => {
  test('finds the same lines however the bytes are cut', () => {
    const text = fc.array(fc.string({ unit: 'binary', maxLength: 20 }).map((line) => line.replaceAll(/[\r\n]/g, ' ')))
    fc.assert(
      fc.property(text, fc.array(fc.nat({ max: 7 }), { minLength: 1 }), fc.constantFrom('\n', '\r\n'), (lines, cuts, end) => {
        const bytes = Buffer.from(lines.map((line) => line + end).join(''))
        const found: string[] = []
        const reader = createLineReader(1000, (line) => found.push(line), assert.fail)
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const size = 1 + (cuts[turn % cuts.length] ?? 0)
          reader.push(bytes.subarray(at, at + size))
          at += size
        }
        assert.deepEqual(
          found,
          lines.map((line) => Buffer.from(line).toString()),
        )
      }),
    )
  })

  test('hands on no line that is too long, says so once, and reads nothing after it', () => {
    const found: string[] = []
    let told = 0
    const reader = createLineReader(
      4,
      (line) => found.push(line),
      () => (told += 1),
    )
    for (const chunk of ['abcd\nab', 'cde', 'f\nno', '\n']) reader.push(Buffer.from(chunk))
    assert.deepEqual([found, told], [['abcd'], 1])
  })

  test('hands on nothing of a line that has no end', () => {
    const reader = createLineReader(100, assert.fail, assert.fail)
    reader.push(Buffer.from('half'))
  })
})
