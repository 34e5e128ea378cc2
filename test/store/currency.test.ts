import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createCurrency } from '../../src/store/currency.ts'

describe('how recent what is known is', () => {
  const open = () => {
    const now = { wall: 1_000_000, steady: 500 }
    let stale = 0
    const currency = createCurrency(
      2000,
      () => stale++,
      () => ({ ...now }),
    )
    return { now, currency, stale: () => stale }
  }

  test('nothing is known before it was proved', () => {
    assert.equal(open().currency.isCurrent(), false)
  })

  test('it is current up to the bound, by the clock that is further on', () => {
    for (const clock of ['wall', 'steady'] as const) {
      const { now, currency } = open()
      currency.known({ ...now })
      now[clock] += 1999
      assert.equal(currency.isCurrent(), true)
      now[clock] += 1
      assert.equal(currency.isCurrent(), false, `${clock} has passed the bound`)
      currency.close()
    }
  })

  test('an older proof that comes late proves nothing', () => {
    const { now, currency } = open()
    const earlier = { ...now }
    now.wall += 1500
    now.steady += 1500
    currency.known({ ...now })
    currency.known(earlier)
    now.steady += 1000
    assert.equal(currency.isCurrent(), true)
    currency.close()
  })

  test('who listens hears that the bound has passed, and not while it has not', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { now, currency, stale } = open()
    currency.known({ ...now })
    t.mock.timers.tick(2000) // a timer that came early
    assert.equal(stale(), 0)
    now.wall += 2000
    t.mock.timers.tick(2000)
    assert.equal(stale(), 1)
  })
})
