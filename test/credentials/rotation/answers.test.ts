import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { HttpAnswer } from '../../../src/credentials/minting.ts'
import { readFound, readMaking, readProbe, readRetiring } from '../../../src/credentials/rotation/answers.ts'
import { isPointer, pointAt } from '../../../src/credentials/rotation/json-pointer.ts'
import { Secret } from '../../../src/secret.ts'
import { code } from '../../targets/fixture.ts'
import { recipeAt } from './recipe-example.ts'

const { make, find, probe } = recipeAt('https://api.example.com')
const OLD = { value: new Secret('old-old-old'), id: '1' }

function answer(status: number, body: unknown = {}, headers = {}): HttpAnswer {
  return { status, headers, body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) }
}

describe('the answer to a request for a key', () => {
  test('is a key and its id', () => {
    const making = readMaking(answer(201, { key: { value: 'new-new-new', id: 7 } }), make, OLD)
    assert.equal(making.kind, 'made')
    assert.ok(making.kind === 'made' && making.made.value.reveal() === 'new-new-new' && making.made.id === '7')
  })

  const unclear: readonly (readonly [what: string, answer: HttpAnswer])[] = [
    ['a server’s error', answer(503)],
    ['a redirect', answer(302)],
    ['a refusal that is no word of its own', answer(403, {}, { 'retry-after': '5' })],
    ['no JSON', answer(200, '<html>')],
    ['bytes that are not UTF-8', { ...answer(200), body: Buffer.from('7b226b6579223a22ff227d', 'hex') }],
    ['no key', answer(200, { key: {} })],
    ['a key that is a number', answer(200, { key: { value: 12345678901, id: 2 } })],
    ['a key that is too short to be scrubbed', answer(200, { key: { value: 'short', id: 2 } })],
    ['a key that no request carries', answer(200, { key: { value: 'line\r\nbreak: 1', id: 2 } })],
    ['a key that no header holds', answer(200, { key: { value: 'x'.repeat(8193), id: 2 } })],
    ['the key that is to be replaced', answer(200, { key: { value: OLD.value.reveal(), id: 2 } })],
    ['no id', answer(200, { key: { value: 'new-new-new' } })],
    ['the id of the key that is to be replaced', answer(200, { key: { value: 'new-new-new', id: 1 } })],
    ['an id that is an object', answer(200, { key: { value: 'new-new-new', id: {} } })],
    ['a key that is no object', answer(200, { key: 'x' })],
  ]
  for (const [what, one] of unclear)
    test(`with ${what} leaves it open whether there is one`, () => assert.equal(readMaking(one, make, OLD).kind, 'unclear'))

  test('429 is too early, 403 a refusal', () => {
    assert.equal(readMaking(answer(429), make, OLD).kind, 'busy')
    assert.equal(readMaking(answer(403), make, OLD).kind, 'refused')
  })
})

describe('the list of keys', () => {
  assert.ok(find)
  test('names those of the rotation', () => {
    const keys = [
      { name: 'stint rotation_a', id: 1 },
      { name: 'mine', id: 2 },
      { id: 3 },
      null,
      { name: 'rotation_a 2', id: 'x' },
    ]
    assert.deepEqual(readFound(answer(200, { keys }), find, 'rotation_a'), ['1', 'x'])
  })
  for (const [what, one] of [
    ['is no list', answer(200, { keys: {} })],
    ['is an error', answer(500, { keys: [] })],
    ['has a key of ours without an id', answer(200, { keys: [{ name: 'rotation_a' }] })],
  ] as const)
    test(`that ${what} proves nothing`, () => assert.throws(() => readFound(one, find, 'rotation_a'), code('upstream_failed')))
})

describe('a probe', () => {
  test('tells a key that works from one that is refused', () => {
    assert.equal(readProbe(answer(200), probe), 'live')
    assert.equal(readProbe(answer(401), probe), 'refused')
    assert.equal(readProbe(answer(418), { ...probe, refused: [418] }), 'refused')
  })
  for (const one of [answer(500), answer(429), answer(302), answer(404), answer(403, {}, { 'retry-after': '1' })])
    test(`says nothing by ${one.status}`, () => assert.throws(() => readProbe(one, probe), code('upstream_failed')))
  for (const one of [answer(500), answer(429), answer(400), answer(409)])
    test(`is not worth it after ${one.status} to a retirement`, () =>
      assert.throws(() => readRetiring(one, probe), code('upstream_failed')))
})

describe('a JSON Pointer (RFC 6901)', () => {
  const value = { 'a/b': { '~': [1, 2] }, '': 3 }
  for (const [pointer, found] of [
    ['', value],
    ['/a~1b/~0/1', 2],
    ['/', 3],
    ['/a~1b/~0/01', undefined],
    ['/a~1b/~0/length', undefined],
    ['/constructor/name', undefined],
    ['/nothing/here', undefined],
  ] as const)
    test(JSON.stringify(pointer), () => {
      assert.ok(isPointer(pointer))
      assert.equal(pointAt(value, pointer), found)
    })
  for (const pointer of ['a', '/~', '/~2']) test(`${pointer} is none`, () => assert.equal(isPointer(pointer), false))
})
