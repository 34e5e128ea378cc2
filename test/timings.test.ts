import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Histogram, Registry } from 'prom-client'
import { createTimings } from '../src/timings.ts'

test('timings are exposed as prom-client exposes a histogram of its own', async () => {
  const bounds = [0.000005, 0.5, 1]
  const seconds = fc.oneof(fc.constantFrom(...bounds), fc.double({ min: 0, max: 2, noNaN: true }))
  await fc.assert(
    fc.asyncProperty(fc.array(seconds), async (observed) => {
      const [ours, theirs] = [new Registry(), new Registry()]
      const timings = createTimings('some_seconds', 'Some time.', bounds)
      ours.registerMetric(timings as never)
      const histogram = new Histogram({ name: 'some_seconds', help: 'Some time.', buckets: bounds, registers: [theirs] })
      for (const one of observed) {
        timings.add(one)
        histogram.observe(one)
      }
      assert.equal(await ours.metrics(), await theirs.metrics())
    }),
  )
})
