import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createDeadlines } from '../src/deadlines.ts'

test('every deadline is due exactly once, in its time, whatever is set, moved and deleted', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] })
  const act = fc.record({
    id: fc.integer({ min: 0, max: 20 }).map(String),
    after: fc.integer({ min: 0, max: 50_000 }),
    kind: fc.constantFrom('set', 'set', 'delete', 'wait'),
  })
  fc.assert(
    fc.property(fc.array(act, { maxLength: 200 }), (acts) => {
      const expected = new Map<string, number>()
      const deadlines = createDeadlines(Date.now, (ids) => {
        for (const id of ids) {
          assert.ok((expected.get(id) ?? Number.POSITIVE_INFINITY) <= Date.now(), 'not before its time, and not twice')
          expected.delete(id)
        }
      })
      for (const { id, after, kind } of acts) {
        if (kind === 'wait') t.mock.timers.tick(after)
        else if (kind === 'delete') [deadlines.delete(id), expected.delete(id)]
        else [deadlines.set(id, Date.now() + after), expected.set(id, Date.now() + after)]
        const late = [...expected.values()].filter((at) => at < Date.now())
        assert.deepEqual(late, [], 'nothing is late')
      }
      t.mock.timers.tick(60_000)
      assert.equal(expected.size, 0)
      deadlines.close()
    }),
    { numRuns: 200 },
  )
})

test('what passed while the machine slept is noticed within a quarter of a minute', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let now = 0
  const due: string[] = []
  const deadlines = createDeadlines(
    () => now,
    (ids) => due.push(...ids),
  )
  deadlines.set('a', 3_600_000)
  now = 4_000_000
  t.mock.timers.tick(15_000)
  assert.deepEqual(due, ['a'])
  deadlines.close()
})

test('10,000 deadlines that are moved many times hold no more than a few entries each', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] })
  let due = 0
  const deadlines = createDeadlines(Date.now, (ids) => (due += ids.length))
  for (let round = 0; round < 10; round++)
    for (let i = 0; i < 10_000; i++) deadlines.set(String(i), 1000 + ((i * 7919) % 10_000) + round)
  t.mock.timers.tick(20_000)
  assert.equal(due, 10_000)
  deadlines.close()
})
