import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createAutomaton } from '../../src/scanner/automaton.ts'

function found(keywords: readonly string[], bytes: Uint8Array, from = 0, to = bytes.length): string[] {
  const hits = createAutomaton(keywords)(bytes, from, to)
  return Array.from({ length: hits.count }, (_, i) => `${keywords[hits.keywords[i] ?? -1]} ${hits.ends[i]}`).sort()
}

/** The same by looking everywhere. */
function expected(keywords: readonly string[], bytes: Buffer, from: number, to: number): string[] {
  const text = bytes.toString('latin1', from, to).replace(/[A-Z]/g, (letter) => letter.toLowerCase())
  return keywords
    .flatMap((keyword) => {
      const ends: string[] = []
      for (let at = text.indexOf(keyword); at >= 0; at = text.indexOf(keyword, at + 1)) {
        ends.push(`${keyword} ${from + at + keyword.length}`)
      }
      return ends
    })
    .sort()
}

describe('the automaton', () => {
  test('finds every keyword wherever it stands, in whatever case, also those in one another', () => {
    assert.deepEqual(found(['ghp_', 'hp_', 'akia'], Buffer.from('xGHP_ aKiA ghp')), ['akia 10', 'ghp_ 5', 'hp_ 5'])
    assert.deepEqual(found([], Buffer.from('anything')), [])
    assert.deepEqual(found(['abc'], Buffer.from('\xc1\xe1abc', 'latin1')), ['abc 5'])
  })

  test('finds the same as looking everywhere, in one lane and in two, at every boundary', () => {
    const keyword = fc.string({ unit: fc.constantFrom('a', 'b', '_'), minLength: 1, maxLength: 6 })
    const letters = fc.array(fc.constantFrom('a', 'B', '_', 'é', '.'), { minLength: 2046, maxLength: 2100 })
    const cases = fc.record({ keywords: fc.uniqueArray(keyword, { maxLength: 8 }), letters, from: fc.nat(30), cut: fc.nat(30) })
    fc.assert(
      fc.property(cases, ({ keywords, letters: all, from, cut }) => {
        const bytes = Buffer.from(all.join(''), 'latin1')
        for (const to of [bytes.length - cut, from + 40]) {
          assert.deepEqual(found(keywords, bytes, from, to), expected(keywords, bytes, from, to))
        }
      }),
      { numRuns: 60 },
    )
  })

  test('refuses what is no keyword', () => {
    for (const keyword of ['', 'Ab', 'é', 'a\n']) assert.throws(() => createAutomaton([keyword]), RangeError)
  })
})
