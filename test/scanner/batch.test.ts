import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createBatchReader, PART_BYTES } from '../../src/scanner/batch.ts'

function read(stream: Buffer, size: number): string[] {
  const said: string[] = []
  const reader = createBatchReader({
    object: ({ id, type }, bytes) => void said.push(`${id} ${type} ${bytes.toString('hex')}`),
    part: ({ id }, bytes, isLast) => void said.push(`${id} part ${bytes.length} ${isLast}`),
    missing: (id) => void said.push(`${id} missing`),
  })
  for (let at = 0; at < stream.length; at += size) reader.read(stream.subarray(at, at + size))
  return said
}

describe('the stream of git cat-file --batch', () => {
  test('is read in chunks of any size', () => {
    const content = fc.uint8Array({ maxLength: 300 })
    fc.assert(
      fc.property(fc.array(content, { maxLength: 12 }), fc.integer({ min: 1, max: 400 }), (contents, size) => {
        const stream = contents.map((bytes, i) =>
          Buffer.concat([Buffer.from(`id${i} blob ${bytes.length}\n`), bytes, Buffer.from('\n')]),
        )
        const expected = contents.map((bytes, i) => `id${i} blob ${Buffer.from(bytes).toString('hex')}`)
        assert.deepEqual(read(Buffer.concat([...stream, Buffer.from('gone missing\n')]), size), [...expected, 'gone missing'])
      }),
    )
  })

  test('gives a large object in parts', () => {
    const stream = Buffer.concat([
      Buffer.from(`big blob ${PART_BYTES + 5}\n`),
      Buffer.alloc(PART_BYTES + 5),
      Buffer.from('\nx blob 1\ny\n'),
    ])
    assert.deepEqual(read(stream, 65_536), [`big part ${PART_BYTES} false`, 'big part 5 true', 'x blob 79'])
  })

  test('that is none is refused', () => {
    for (const text of ['fatal: no\n', 'a blob -1\n', 'a blob 1e3\n', 'x'.repeat(300)])
      assert.throws(() => read(Buffer.from(text), 10), RangeError)
  })
})
