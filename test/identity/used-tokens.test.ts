import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createUsedTokens } from '../../src/identity/used-tokens.ts'
import { openStore } from '../../src/store/store.ts'
import { temporaryStore } from '../store/temporary.ts'
import { createClock, withCode } from './fake-issuer.ts'

const HOUR = 3_600_000
const SOON = 300_000

describe('the memory of used tokens', () => {
  test('tells the second use from the first, issuer by issuer', async (t) => {
    const { store } = await temporaryStore(t)
    const clock = createClock()
    const used = createUsedTokens(store, clock.now)
    const until = clock.at + SOON
    assert.equal(await used.use('https://a', 'x', until), 'first')
    assert.equal(await used.use('https://a', 'x', until), 'again')
    assert.equal(await used.use('https://b', 'x', until), 'first')
    assert.equal(await used.use('https://a","x', '', until), 'first')
    assert.equal(await used.use('https://a', '","x', until), 'first')
  })

  test('of many uses at the same moment lets one through', async (t) => {
    const { store } = await temporaryStore(t)
    const clock = createClock()
    const used = createUsedTokens(store, clock.now)
    const answers = await Promise.all(Array.from({ length: 20 }, () => used.use('https://a', 'x', clock.at + SOON)))
    assert.deepEqual(
      answers.filter((one) => one !== 'again'),
      ['first'],
    )
  })

  test('is there after the store is opened again', async (t) => {
    const { store, path } = await temporaryStore(t)
    const clock = createClock()
    await createUsedTokens(store, clock.now).use('https://a', 'x', clock.at + SOON)
    const other = await openStore(path)
    t.after(() => other.close())
    assert.equal(await createUsedTokens(other, clock.now).use('https://a', 'x', clock.at + SOON), 'again')
  })

  test('is full for one issuer alone, still knows what it held, and has room again when that has expired', async (t) => {
    const { store } = await temporaryStore(t)
    const clock = createClock()
    const used = createUsedTokens(store, clock.now, 2)
    const use = (issuer: string, jti: string) => used.use(issuer, jti, clock.at + SOON)
    const answers = []
    for (const jti of ['1', '2', '3', '1']) answers.push(await use('https://flood', jti))
    assert.deepEqual([...answers, await use('https://other', '3')], ['first', 'first', 'full', 'again', 'first'])
    clock.at += SOON + HOUR + 1
    assert.equal(await use('https://flood', '3'), 'first')
  })

  test('holds nothing that has expired, an hour for a clock set back apart', async (t) => {
    const { store } = await temporaryStore(t)
    const clock = createClock()
    const used = createUsedTokens(store, clock.now)
    const steps = fc.array(
      fc.record({ wait: fc.integer({ min: 0, max: 2 * HOUR }), lives: fc.integer({ min: 1, max: 24 * HOUR }) }),
    )
    let name = 0
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const ends: number[] = []
        for (const { wait, lives } of all) {
          clock.at += wait
          assert.equal(await used.use('https://a', String(name++), clock.at + lives), 'first')
          ends.push(clock.at + lives + HOUR)
        }
        const rows = await store.db.selectFrom('used_tokens').select('expires_at').execute()
        const held = new Set(rows.map((row) => row.expires_at))
        for (const end of ends) if (end >= clock.at) assert.ok(held.has(end))
        for (const end of all.length > 0 ? held : []) assert.ok(end >= clock.at)
      }),
      { numRuns: 20 },
    )
  })

  test('keeps no jti in clear', async (t) => {
    const { store } = await temporaryStore(t)
    const clock = createClock()
    await createUsedTokens(store, clock.now).use('https://a', 'the-jti', clock.at + SOON)
    assert.doesNotMatch(JSON.stringify(await store.db.selectFrom('used_tokens').selectAll().execute()), /the-jti/)
  })

  test('answers store_unavailable when it cannot write', async (t) => {
    const { store, path } = await temporaryStore(t)
    const clock = createClock()
    const other = new DatabaseSync(path)
    t.after(() => other.close())
    other.exec('begin immediate')
    await assert.rejects(createUsedTokens(store, clock.now).use('https://a', 'x', clock.at), withCode('store_unavailable'))
  })
})
