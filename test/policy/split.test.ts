import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { policySetTextToParts } from '@cedar-policy/cedar-wasm/nodejs'
import fc from 'fast-check'
import { fromBytes, placesIn, splitPolicies } from '../../src/policy/split.ts'

const parts = [
  'permit (principal, action, resource);',
  '// a; "comment\n',
  '@id("a;\\"//b") ',
  'forbid (principal, action, resource) when { "//;" == "\\\\" };',
  '\n\n',
  ' ',
  '//',
  '"',
  ';',
  '/',
  'when {',
  '\\',
]

describe('splitting policies', () => {
  test('ends each at its own semicolon, over strings and comments that hold one', () => {
    const text =
      '// one;\n@id("a;b\\"//") permit (principal, action, resource); // two;\n  forbid (principal, // ; "\n action, resource);\n// end;'
    assert.deepEqual(
      splitPolicies(text).map((piece) => piece.text),
      ['@id("a;b\\"//") permit (principal, action, resource);', 'forbid (principal, // ; "\n action, resource);'],
    )
    for (const { text: piece, offset } of splitPolicies(text)) assert.equal(text.slice(offset, offset + piece.length), piece)
  })

  test('finds as many policies as Cedar does in whatever Cedar takes, so that none is ever dropped', () => {
    let taken = 0
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...parts), { maxLength: 8 }), (some) => {
        const text = some.join('')
        const whole = policySetTextToParts(text)
        if (whole.type !== 'success') return
        taken++
        assert.equal(splitPolicies(text).length, whole.policies.length)
      }),
      { numRuns: 600 },
    )
    assert.ok(taken > 20, `${taken}`)
  })

  test('leaves what does not end in one piece, for Cedar to refuse', () => {
    assert.deepEqual(splitPolicies('permit (principal'), [{ text: 'permit (principal', offset: 0 }])
    assert.equal(splitPolicies(`permit ("${'x'.repeat(10_000)}`).length, 1)
    assert.deepEqual(splitPolicies('// nothing'), [])
  })
})

describe('places', () => {
  test('count lines and columns from 1, and bytes as UTF-8', () => {
    assert.deepEqual(placesIn('a\nbc')(0), { line: 1, column: 1 })
    assert.deepEqual(placesIn('a\nbc')(3), { line: 2, column: 2 })
    assert.deepEqual([1, 2, 4, 5].map(placesIn('a\n\nbc\n')), [
      { line: 1, column: 2 },
      { line: 2, column: 1 },
      { line: 3, column: 2 },
      { line: 3, column: 3 },
    ])
    assert.equal(fromBytes('é€x', 5), 2)
  })
})
