import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { createMembership } from '../../src/store/gateways.ts'
import { startPostgres } from '../services/postgres.ts'
import { code } from '../targets/fixture.ts'
import { temporarySharedStore } from './temporary.ts'

const postgres = await startPostgres()

async function member(t: TestContext, url: string, id: string) {
  const store = await temporarySharedStore(t, postgres.running, url)
  const gateway = createMembership(store, id, 2000, () => undefined)
  t.after(() => gateway.leave())
  return gateway
}

describe('processes that join one state', { skip: postgres.skip }, () => {
  test('see each other, confirm, and are gone when they leave; one with other keys or the same id does not join', async (t) => {
    const url = await postgres.running.createDatabase()
    const one = await member(t, url, 'one')
    assert.equal(one.isCurrent(), false, 'not before it has joined')
    await one.join({ 'token.key': 'a' })
    assert.equal(one.isCurrent(), true)
    const two = await member(t, url, 'two')
    await assert.rejects(two.join({ 'token.key': 'b' }), code('state_unsafe', /token\.key differs from what gateway one has/))
    await assert.rejects((await member(t, url, 'one')).join({ 'token.key': 'a' }), code('already_running'))
    await two.join({ 'token.key': 'a' })
    assert.deepEqual(await one.others(), ['two'])
    const { confirmed, unconfirmed } = await one.confirm()
    assert.deepEqual([confirmed.map(({ id }) => id), unconfirmed], [['two'], []])
    await two.leave()
    assert.deepEqual(await one.others(), [])
  })
})
