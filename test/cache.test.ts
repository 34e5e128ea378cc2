import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createCache, MAX_KEY } from '../src/cache.ts'

describe('the cache', () => {
  test('keeps what is used and forgets what is not', () => {
    const cache = createCache<number>(10)
    cache.set('used', 1)
    for (let n = 0; n < 100; n++) {
      cache.set(`once ${n}`, n)
      assert.equal(cache.get('used'), 1)
    }
    assert.equal(cache.get('once 0'), undefined)
  })

  test('never holds more than two generations', () => {
    const cache = createCache<number>(10)
    for (let n = 0; n < 1000; n++) cache.set(`key ${n}`, n)
    const held = Array.from({ length: 1000 }, (_, n) => cache.get(`key ${n}`)).filter((value) => value !== undefined)
    assert.ok(held.length <= 20, `${held.length}`)
  })

  test('does not keep keys whose length an attacker chose', () => {
    const cache = createCache<number>(10)
    cache.set('x'.repeat(MAX_KEY + 1), 1)
    assert.equal(cache.get('x'.repeat(MAX_KEY + 1)), undefined)
  })

  test('takes names that objects inherit like any other', () => {
    const cache = createCache<number>(10)
    for (const name of ['__proto__', 'constructor', 'hasOwnProperty']) assert.equal(cache.get(name), undefined)
    cache.set('__proto__', 1)
    assert.equal(cache.get('__proto__'), 1)
  })
})
