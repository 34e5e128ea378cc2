import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Log } from '../../src/audit/log.ts'
import { createRecorder } from '../../src/audit/record.ts'
import { type EntryFilter, type FoundEntry, openSearch, type Search } from '../../src/audit/search.ts'
import { summarise, termOf } from '../../src/audit/summary.ts'
import { appendNotes, decided, digest, freshDirectory, NOW, note, openTestLog } from './rig.ts'

/** 1,000 decisions, one a second: task by 10, owner by 3, every seventh denied. */
async function filled(): Promise<{ log: Log; all: FoundEntry[] }> {
  const log = await openTestLog(freshDirectory())
  let at = NOW
  const recorder = createRecorder(log, { now: () => at, digest })
  const recording = Array.from({ length: 1000 }, (_, i) => {
    at = NOW + i * 1000
    return recorder.record(
      decided({
        correlationId: `req_${i}`,
        task: { id: `task_${i % 10}`, owner: `owner "${i % 3}"` },
        target: { id: i % 2 === 0 ? 'github' : 'orders-db' },
        effect: i % 7 === 0 ? 'deny' : 'allow',
      }),
    )
  })
  await Promise.all(recording)
  await log.checkpoint()
  const { items } = await openSearch(log).search({ limit: 2000 })
  assert.equal(items.length, 1000)
  return { log, all: [...items] }
}

async function pages(search: Search, filter: EntryFilter, limit: number): Promise<FoundEntry[]> {
  const found: FoundEntry[] = []
  let cursor: string | undefined
  do {
    const page = await search.search({ ...filter, limit, cursor })
    assert.ok(page.items.length <= limit)
    found.push(...page.items)
    cursor = page.next
  } while (cursor !== undefined)
  return found
}

test('every filter finds exactly what it says, newest first, however the pages are cut', async () => {
  const { log, all } = await filled()
  const search = openSearch(log)
  const some = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
  const filters = fc.record({
    task: some(fc.nat(11).map((n) => `task_${n}`)),
    owner: some(fc.nat(3).map((n) => `owner "${n}"`)),
    target: some(fc.constantFrom('github', 'orders-db', 'none')),
    effect: some(fc.constantFrom('allow', 'deny')),
    kind: some(fc.constantFrom('decision', 'outcome')),
    correlationId: some(fc.nat(1100).map((n) => `req_${n}`)),
    since: some(fc.nat(1_100_000).map((ms) => NOW + ms)),
    until: some(fc.nat(1_100_000).map((ms) => NOW + ms)),
    text: some(fc.constantFrom('ORDERS', 'req_99', 'nowhere')),
  })
  await fc.assert(
    fc.asyncProperty(filters, fc.integer({ min: 1, max: 300 }), async (filter, limit) => {
      const expected = all.filter((entry) => {
        if (entry.kind !== 'decision') return false
        const time = Date.parse(entry.at)
        return (
          [
            ['task', entry.task],
            ['owner', entry.owner],
            ['target', entry.target],
            ['effect', entry.effect],
            ['kind', entry.kind],
            ['correlationId', entry.correlationId],
          ].every(([name, value]) => filter[name as 'task'] === undefined || filter[name as 'task'] === value) &&
          time >= (filter.since ?? 0) &&
          time <= (filter.until ?? Infinity) &&
          JSON.stringify(entry)
            .toLowerCase()
            .includes((filter.text ?? '').toLowerCase())
        )
      })
      const found = await pages(search, filter, limit)
      assert.deepEqual(
        found.map(({ index }) => index),
        expected.map(({ index }) => index),
      )
    }),
    { numRuns: 60 },
  )
  await log.close()
})

test('a search that was done before is answered the same from the summaries', async () => {
  const { log } = await filled()
  const search = openSearch(log)
  const filter = { correlationId: 'req_123', limit: 5 }
  const first = await search.search(filter)
  let reads = 0
  const counting = openSearch({
    ...log,
    bundle: (index) => {
      reads++
      return log.bundle(index)
    },
  })
  await counting.search(filter)
  const before = reads
  assert.deepEqual(await counting.search(filter), first)
  assert.ok(reads - before < before, `${reads - before} of ${before}`)
  await log.close()
})

test('a value in a filter cannot pass for part of another field', async () => {
  const log = await openTestLog(freshDirectory())
  const recorder = createRecorder(log, { now: () => NOW, digest })
  await recorder.recordAct({ action: 'x","task":"task_1', details: { task: 'task_1' } })
  await recorder.recordAct({ action: 'y', task: 'task_1' })
  const { items } = await openSearch(log).search({ task: 'task_1', limit: 10 })
  assert.deepEqual(
    items.map(({ index }) => index),
    [1],
  )
  assert.equal((await openSearch(log).search({ action: 'x","task":"task_1', limit: 10 })).items.length, 1)
  await log.close()
})

test('a cursor that is not one is refused, and an entry that is not there is not found', async () => {
  const { log, all } = await filled()
  const search = openSearch(log)
  for (const cursor of ['', '-1', '1.5', 'x', '1e3'])
    await assert.rejects(search.search({ limit: 1, cursor }), { code: 'invalid_argument' })
  assert.deepEqual((await search.search({ limit: 1, cursor: '999999' })).items[0]?.index, 999)
  assert.deepEqual(await search.entry(0), all.at(-1))
  for (const index of [1000, -1, 0.5, Number.NaN]) await assert.rejects(search.entry(index), { code: 'not_found' })
  await log.close()
})

test('tail follows: what was there, then what comes, in order and without gaps', async () => {
  const log = await openTestLog(freshDirectory())
  await appendNotes(log, 300)
  const stop = new AbortController()
  const seen: number[] = []
  const following = (async () => {
    for await (const { index } of openSearch(log).tail({ from: 250 }, stop.signal)) {
      seen.push(index)
      if (index === 899) stop.abort()
    }
  })()
  for (let i = 0; i < 6; i++) await appendNotes(log, 100)
  await following
  assert.deepEqual(
    seen,
    Array.from({ length: 650 }, (_, i) => 250 + i),
  )
  await log.close()
})

test('tail begins with what is new, shows what was asked for, and ends with the log', async () => {
  const log = await openTestLog(freshDirectory())
  await appendNotes(log, 10)
  const seen: FoundEntry[] = []
  const following = (async () => {
    for await (const entry of openSearch(log).tail({ text: 'WANTED' }, new AbortController().signal)) seen.push(entry)
  })()
  await new Promise((resolve) => setImmediate(resolve))
  await log.append(note('other'))
  await log.append(note('wanted'))
  await log.close()
  await following
  assert.deepEqual(
    seen.map(({ index }) => index),
    [11],
  )
})

test('tail that nobody listens to any more ends at once', async () => {
  const log = await openTestLog(freshDirectory())
  const stop = new AbortController()
  const next = openSearch(log).tail({}, stop.signal)[Symbol.asyncIterator]().next()
  stop.abort()
  assert.equal((await next).done, true)
  await log.close()
})

test('a summary never says no to what a bundle holds', () => {
  const values = fc.array(fc.string({ unit: 'binary', maxLength: 20 }), { maxLength: 20 })
  fc.assert(
    fc.property(values, fc.string(), (held, other) => {
      const bundle = held.map((value) => JSON.stringify({ at: '2026-11-22T08:00:00.000Z', task: value })).join('\u0000')
      const { mayHold } = summarise(bundle)
      for (const value of held) assert.ok(mayHold(termOf('task', value)))
      if (held.length === 0) assert.ok(!mayHold(termOf('task', other)))
    }),
  )
})

test('a search since a time stops at the stretch an hour before it, and finds what a clock set back left there', async () => {
  const log = await openTestLog(freshDirectory())
  let at = NOW
  const recorder = createRecorder(log, { now: () => at, digest })
  const recordAt = (hours: number, count: number): Promise<unknown> => {
    at = NOW + hours * 3_600_000
    return Promise.all(Array.from({ length: count }, (_, i) => recorder.record(decided({ correlationId: `h${hours}_${i}` }))))
  }
  for (const hours of [0, 1, 2, 3, 4, 10, 9.5, 10]) await recordAt(hours, 256)
  const read: number[] = []
  const bundle = (index: number): Promise<Buffer> => {
    read.push(index)
    return log.bundle(index)
  }
  const search = openSearch({ ...log, bundle })
  const found = await search.search({ since: NOW + 9.4 * 3_600_000, limit: 5000 })
  assert.equal(found.items.length, 3 * 256)
  assert.deepEqual(read, [7, 6, 5, 4])
  const late = await search.search({ since: NOW + 9.9 * 3_600_000, limit: 5000 })
  assert.equal(late.items.length, 2 * 256)
  await log.close()
})
