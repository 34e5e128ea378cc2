import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createCollection } from '../../src/scanner/collection.ts'
import type { Sighting } from '../../src/scanner/finding.ts'

const sighting = (fingerprint: string, line: number, confidence: Sighting['confidence'] = 'low'): Sighting => {
  const named = { rule: confidence, provider: 'Acme', title: 'key', preview: '', facts: {} }
  return { fingerprint, confidence, ...named, place: { path: 'a', line, column: 1 } }
}

describe('what was sighted', () => {
  test('is one finding for each secret, by its surest rule, each place once', () => {
    const collection = createCollection()
    for (const one of [sighting('x', 1), sighting('x', 1), sighting('x', 2, 'high'), sighting('y', 1)]) collection.add(one)
    assert.deepEqual(
      collection.findings().map(({ fingerprint, rule, places }) => [fingerprint, rule, places.length]),
      [
        ['x', 'high', 2],
        ['y', 'low', 1],
      ],
    )
  })

  test('is bounded, and says how much is left out', () => {
    const collection = createCollection({ findings: 2, places: 2 })
    for (const line of [1, 2, 3, 3, 1]) collection.add(sighting('x', line))
    for (const name of ['y', 'z', 'z', 'x']) collection.add(sighting(name, 1))
    assert.deepEqual([collection.findings().map(({ places }) => places.length), collection.leftOut], [[2, 1], 2])
    assert.equal(collection.findings()[0]?.morePlaces, 2)
  })
})
