import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { examplesOf, missesOf, sourceOf } from '../../src/scanner/look.ts'

const isLike = (look: string, text: string): boolean => new RegExp(`^${sourceOf(look)}$`).test(text)

describe('a look', () => {
  test('is read as a pattern, with examples that it matches and misses that it does not', () => {
    const look = 'ab.<hex 8>-<url 20-22>'
    assert.equal(sourceOf(look), 'ab\\.[0-9a-f]{8}-[0-9A-Za-z_-]{20,22}')
    assert.deepEqual(
      examplesOf(look).map((one) => one.length),
      [32, 34],
    )
    assert.ok(examplesOf(look).every((one) => isLike(look, one)))
    const misses = missesOf(look)
    assert.equal(misses.length, 7)
    assert.deepEqual(
      misses.filter((one) => isLike(look, one)),
      [],
    )
    assert.ok(isLike(look, `ab.${'f'.repeat(8)}-${'_'.repeat(22)}`) && !isLike(look, `abc${'f'.repeat(8)}-${'_'.repeat(22)}`))
    assert.ok(isLike('<uuid>', '00000000-0000-4000-8000-000000000000'))
  })

  test('of an alphabet that is none is refused', () => {
    for (const look of ['<hax 20>', 'a<hex>', '<hex 2 4>', 'a<hex 3-b>']) assert.throws(() => sourceOf(look), RangeError, look)
  })
})
