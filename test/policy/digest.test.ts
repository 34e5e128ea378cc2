import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { canonicalJson } from '../../src/policy/digest.ts'

describe('canonical JSON', () => {
  test('does not depend on the order in which members were set', () => {
    assert.equal(canonicalJson({ b: 1, a: [true, { d: 'x', c: -2 }] }), '{"a":[true,{"c":-2,"d":"x"}],"b":1}')
    assert.equal(canonicalJson({ a: 1, b: 2 }), canonicalJson({ b: 2, a: 1 }))
  })

  test('says the same value that it was given', () => {
    const value = fc.jsonValue().map((one) => JSON.parse(JSON.stringify(one).replaceAll('null', '0')))
    fc.assert(fc.property(value, (one) => assert.deepEqual(JSON.parse(canonicalJson(one)), one)))
  })

  test('keeps members that objects have by inheritance elsewhere', () => {
    assert.equal(canonicalJson(JSON.parse('{"__proto__":{"x":1},"constructor":2}')), '{"__proto__":{"x":1},"constructor":2}')
  })
})
