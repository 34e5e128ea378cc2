import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { canonicalClaimName, flattenClaims, matchRule } from '../../src/identity/claims.ts'
import { RULE, withCode } from './fake-issuer.ts'

const matches = (claims: Record<string, string>, payload: Record<string, unknown>): boolean =>
  matchRule([{ ...RULE, claims }], flattenClaims(payload)) !== undefined

describe('claims as flat names', () => {
  test('a top-level claim has its own name and a nested one a JSON Pointer', () => {
    const payload = {
      sub: 'a',
      'kubernetes.io': { namespace: 'ci', serviceaccount: { uid: 'u' } },
      'a/b': '1',
      '/a': { 'b~/': '2' },
      '/x': '3',
    }
    assert.deepEqual(flattenClaims(payload), {
      sub: 'a',
      '/kubernetes.io/namespace': 'ci',
      '/kubernetes.io/serviceaccount/uid': 'u',
      'a/b': '1',
      '/~1a/b~0~1': '2',
      '/~1x': '3',
    })
  })

  test('booleans and whole numbers become their JSON text; nothing else does', () => {
    const payload = { yes: true, run: 12, half: 0.5, huge: 2 ** 60, none: null, list: ['a'], empty: {} }
    assert.deepEqual(flattenClaims(payload), { yes: 'true', run: '12' })
  })

  test('no two claims of one token ever get the same name, and each name is its own canonical form', () => {
    const names = fc.string({ unit: fc.constantFrom('/', '~', '0', '1', 'a'), minLength: 1, maxLength: 4 })
    const within = (inner: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
      fc.oneof(fc.string(), fc.dictionary(names, inner, { maxKeys: 4 }))
    const values = within(within(within(fc.string())))
    const leaves = (value: unknown): number =>
      typeof value === 'string' ? 1 : Object.values(value as object).reduce((sum: number, one) => sum + leaves(one), 0)
    fc.assert(
      fc.property(fc.dictionary(names, values, { maxKeys: 4 }), (payload) => {
        const flat = flattenClaims(payload)
        assert.equal(Object.keys(flat).length, leaves(payload))
        for (const name of Object.keys(flat)) assert.equal(canonicalClaimName(name), name)
      }),
    )
  })

  test('a pointer to a top-level claim is the same name as the plain one', () => {
    assert.equal(canonicalClaimName('/repository_id'), 'repository_id')
    assert.equal(canonicalClaimName('/~1x'), '/~1x')
  })

  test('texts that are no claim name are refused', () => {
    for (const text of ['', '/~2', '/a~', '/1/2/3/4/5/6/7/8/9']) assert.equal(canonicalClaimName(text), undefined, text)
  })

  test('a token with hundreds of claims is refused', () => {
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`c${i}`, 'x']))
    assert.throws(() => flattenClaims(many), withCode('invalid_token'))
  })

  test('a token nested thousands deep does not exhaust the stack', () => {
    const deep: unknown = JSON.parse(`${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`)
    assert.deepEqual(flattenClaims(deep as Record<string, unknown>), {})
  })
})

describe('matching a rule', () => {
  test('every claim must be equal', () => {
    assert.ok(matches({ a: '1', b: '2' }, { a: '1', b: 2, c: 3 }))
    assert.ok(!matches({ a: '1', b: '2' }, { a: '1' }))
    assert.ok(!matches({ a: '1', b: '2' }, { a: '1', b: '3' }))
  })

  test('a value is no pattern, and an array never matches a text', () => {
    assert.ok(!matches({ ref: 'refs/heads/*' }, { ref: 'refs/heads/main' }))
    assert.ok(!matches({ ref: 'main' }, { ref: ['main'] }))
    assert.ok(!matches({ ref: 'main' }, { ref: { toString: 'main' } }))
    assert.ok(!matches({ ref: '' }, { ref: null }))
  })

  test('letters that only look the same, and other spellings of a letter, do not match', () => {
    assert.ok(!matches({ owner: 'acme' }, { owner: '\u0430cme' }))
    assert.ok(!matches({ owner: 'caf\u00e9' }, { owner: 'cafe\u0301' }))
    assert.ok(!matches({ owner: 'acme' }, { owner: 'Acme' }))
    assert.ok(!matches({ owner: 'acme' }, { owner: 'acme ' }))
  })

  test('a number that cannot be told from its neighbour matches nothing', () => {
    assert.ok(!matches({ id: '9007199254740992' }, JSON.parse('{"id":9007199254740993}')))
  })

  test('a nested claim does not match by a top-level claim that spells its path', () => {
    assert.ok(!matches({ '/kubernetes.io/namespace': 'ci' }, { '/kubernetes.io/namespace': 'ci' }))
    assert.ok(!matches({ '/kubernetes.io/namespace': 'ci' }, { 'kubernetes.io/namespace': 'ci' }))
    assert.ok(!matches({ '/kubernetes.io/namespace': 'ci' }, { kubernetes: { io: { namespace: 'ci' } } }))
  })

  test('what every object inherits is no claim', () => {
    assert.ok(!matches({ constructor: 'Object' }, {}))
    assert.ok(!matches(JSON.parse('{"__proto__":"x"}'), { a: '1' }))
    assert.equal(flattenClaims(JSON.parse('{"__proto__":{"admin":"1"}}')).admin, undefined)
  })

  test('a rule without claims matches nothing', () => {
    assert.ok(!matches({}, { a: '1' }))
  })

  test('the first rule that matches admits', () => {
    const rules = ['a', 'b'].map((owner) => ({ ...RULE, owner }))
    assert.equal(matchRule(rules, flattenClaims({ repository_id: 1234 }))?.owner, 'a')
  })
})
