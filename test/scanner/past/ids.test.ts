import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { createLookup, type Ids, mergeIds, sortIds } from '../../../src/scanner/past/ids.ts'

const width = 20
const idsOf = (texts: Iterable<string>): Ids => ({ bytes: Buffer.from([...texts].join(''), 'hex'), width })
const textsOf = ({ bytes }: Ids): string[] => bytes.toString('hex').match(/.{40}/g) ?? []
/** Some share their first bytes, as an attacker can have it. */
const some = (count: number): string[] =>
  Array.from({ length: count }, (_, i) =>
    i % 3 === 0 ? `0000${randomBytes(18).toString('hex')}` : randomBytes(20).toString('hex'),
  )

describe('ids of objects', () => {
  test('are sorted, each once', () => {
    const texts = some(5000)
    assert.deepEqual(textsOf(sortIds(idsOf([...texts, ...texts.slice(0, 100)]))), texts.toSorted())
    assert.deepEqual(textsOf(sortIds(idsOf([]))), [])
  })

  test('are found by what they are, and nothing else is', () => {
    const texts = some(5000).toSorted()
    const find = createLookup(idsOf(texts))
    const numbers = texts.map((text) => find(Buffer.from(`00${text}`, 'hex'), 1))
    assert.deepEqual(numbers, [...texts.keys()])
    for (const other of [...some(1000), '00'.repeat(20), 'ff'.repeat(20)]) assert.equal(find(Buffer.from(other, 'hex'), 0), -1)
  })

  test('are merged without those that are gone, each once', () => {
    const [one, other] = [some(3000), some(500)]
    const sorted = one.toSorted()
    const others = idsOf([...other, ...one.slice(0, 50)].toSorted())
    const gone = new Set(sorted.filter((_, i) => i % 7 === 0 && !one.slice(0, 50).includes(sorted[i] ?? '')))
    const merged = mergeIds(idsOf(sorted), (index) => gone.has(sorted[index] ?? ''), others)
    assert.deepEqual(textsOf(merged), [...sorted.filter((text) => !gone.has(text)), ...other].toSorted())
  })
})
