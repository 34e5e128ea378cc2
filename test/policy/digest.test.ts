import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { canonicalJson } from '../../src/policy/digest.ts'

describe('canonical JSON', () => {
  test('does not depend on the order in which members were set', () => {
    assert.equal(canonicalJson({ b: 1, a: [true, { d: 'x', c: -2 }] }), '{"a":[true,{"c":-2,"d":"x"}],"b":1}')
    assert.equal(canonicalJson({ a: 1, b: 2 }), canonicalJson({ b: 2, a: 1 }))
  })

  test('has one spelling for a value, in whatever order its members were set at any depth', () => {
    const value = fc.jsonValue().map((one) => JSON.parse(JSON.stringify(one).replaceAll('null', '0')))
    fc.assert(fc.property(value, (one) => assert.equal(canonicalJson(reversed(one)), canonicalJson(one))))
    assert.equal(canonicalJson({ 10: 1, 9: { b: [{ d: 1, c: 2 }] } }), '{"10":1,"9":{"b":[{"c":2,"d":1}]}}')
  })

  test('says the same value that it was given', () => {
    const value = fc.jsonValue().map((one) => JSON.parse(JSON.stringify(one).replaceAll('null', '0')))
    fc.assert(fc.property(value, (one) => assert.deepEqual(JSON.parse(canonicalJson(one)), one)))
  })

  test('keeps members that objects have by inheritance elsewhere', () => {
    assert.equal(canonicalJson(JSON.parse('{"__proto__":{"x":1},"constructor":2}')), '{"__proto__":{"x":1},"constructor":2}')
  })
})

/** The same value, with the members of every record set the other way round. */
function reversed(value: unknown): never {
  if (Array.isArray(value)) return value.map(reversed) as never
  if (typeof value !== 'object' || value === null) return value as never
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([name, member]) => [name, reversed(member)]),
  ) as never
}
