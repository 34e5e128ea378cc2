import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createOnce } from '../../src/identity/once.ts'
import { createClock } from './fake-issuer.ts'

describe('a memory of what may be used once', () => {
  test('the second use is told from the first, whoever pays for it', () => {
    const once = createOnce({ keepMs: 1000, capacity: 10, share: 10, now: createClock().now })
    assert.deepEqual(
      [once.use('a', 'x'), once.use('a', 'x'), once.use('b', 'x'), once.use('b', 'y')],
      ['first', 'again', 'again', 'first'],
    )
  })

  test('a full memory refuses new ids and still knows the old ones', () => {
    const once = createOnce({ keepMs: 1000, capacity: 2, share: 2, now: createClock().now })
    assert.deepEqual(
      ['x', 'y', 'z', 'x'].map((id) => once.use('a', id)),
      ['first', 'first', 'full', 'again'],
    )
  })

  test('one that floods it fills its own share only', () => {
    const once = createOnce({ keepMs: 1000, capacity: 4, share: 2, now: createClock().now })
    const flood = ['1', '2', '3', '4'].map((id) => once.use('flooder', id))
    assert.deepEqual([...flood, once.use('other', '5')], ['first', 'first', 'full', 'full', 'first'])
  })

  test('room comes back when time has passed', () => {
    const clock = createClock()
    const once = createOnce({ keepMs: 1000, capacity: 1, share: 1, now: clock.now })
    assert.equal(once.use('a', 'x'), 'first')
    clock.at += 1000
    assert.equal(once.use('a', 'y'), 'first')
    clock.at += 2000
    assert.equal(once.use('a', 'x'), 'first')
  })

  test('whatever the clock does forwards, nothing is forgotten within the time it is kept', () => {
    const steps = fc.array(fc.record({ wait: fc.integer({ min: 0, max: 1500 }), id: fc.constantFrom('a', 'b', 'c') }), {
      maxLength: 60,
    })
    fc.assert(
      fc.property(steps, (all) => {
        const clock = createClock()
        const once = createOnce({ keepMs: 1000, capacity: 100, share: 100, now: clock.now })
        const usedAt = new Map<string, number>()
        for (const { wait, id } of all) {
          clock.at += wait
          const result = once.use('a', id)
          const before = usedAt.get(id)
          if (before !== undefined && clock.at - before < 1000) assert.equal(result, 'again')
          if (before === undefined || clock.at - before >= 3000) assert.equal(result, 'first')
          if (result === 'first') usedAt.set(id, clock.at)
        }
      }),
    )
  })
})
