import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { askPreparsed } from '../../src/policy/cedar.ts'
import { slotFor } from '../../src/policy/slots.ts'

const question = {
  principal: { type: 'Workload', id: 'w' },
  action: { type: 'Action', id: 'http:GET' },
  resource: { type: 'Target', id: 't' },
  context: {},
  entities: [],
}
const PERMIT = 'permit (principal, action, resource);'

describe('the places Cedar parses into', () => {
  test('are a fixed number, however many sets come and go', () => {
    const ids = new Set(Array.from({ length: 2000 }, (_, n) => slotFor(`set ${n}`, 1, () => [PERMIT])))
    assert.equal(ids.size, 512)
  })

  test('hold what was asked for, also after it was put out and parsed again', () => {
    for (let n = 0; n < 1200; n++) {
      const id = slotFor(`alternating ${n % 600}`, 1, () => (n % 2 === 0 ? [PERMIT] : []))
      assert.equal(askPreparsed(id, question).allowed, n % 2 === 0)
    }
  })

  test('are not parsed into again while they hold it', () => {
    slotFor('kept', 1, () => [PERMIT])
    slotFor('kept', 1, () => assert.fail('parsed twice'))
  })

  test('are bounded by policies too: a large slice puts out the others', () => {
    slotFor('small', 1, () => [PERMIT])
    slotFor('large', 20_000, () => [PERMIT])
    let parsed = false
    slotFor('small', 1, () => {
      parsed = true
      return [PERMIT]
    })
    assert.ok(parsed)
  })

  test('are given back when the text does not parse', () => {
    for (let n = 0; n < 600; n++) assert.throws(() => slotFor(`broken ${n}`, 1, () => ['permit (']))
    assert.equal(
      askPreparsed(
        slotFor('whole', 1, () => [PERMIT]),
        question,
      ).allowed,
      true,
    )
  })
})
