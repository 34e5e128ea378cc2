import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { openVault } from '../../src/credentials/vault.ts'
import { createIssuers } from '../../src/identity/registry.ts'
import { createUsedTokens } from '../../src/identity/used-tokens.ts'
import { openRevocations } from '../../src/revocations/revocations.ts'
import { Secret } from '../../src/secret.ts'
import { createIdempotency } from '../../src/store/idempotency.ts'
import type { SharedStore } from '../../src/store/postgres-store.ts'
import { createTargets } from '../../src/targets/targets.ts'
import { createTasks } from '../../src/tasks/tasks.ts'
import { fileSource } from '../credentials/sources.ts'
import { AUDIENCE, RULE, withCode } from '../identity/fake-issuer.ts'
import { startPostgres } from '../services/postgres.ts'
import { targetOn } from '../targets/fixture.ts'
import { OPTIONS, START } from '../tasks/fixture.ts'
import { temporaryDirectory, temporarySharedStore } from './temporary.ts'

const postgres = await startPostgres()

/** The same room in two processes. What the first writes is followed by the second in `heard`. */
async function openTwice<T>(t: TestContext, open: (store: SharedStore, name: string) => T | Promise<T>) {
  const url = await postgres.running.createDatabase()
  const [one, two] = [await temporarySharedStore(t, postgres.running, url), await temporarySharedStore(t, postgres.running, url)]
  return { first: await open(one, 'one'), second: await open(two, 'two'), heard: two.follow, heardByFirst: one.follow }
}

const openTasksOf =
  (t: TestContext, isHere: (id: string) => boolean = () => true) =>
  async (store: SharedStore, self: string) => {
    const tasks = await createTasks(store, { ...OPTIONS, runnerGraceSeconds: 1, gateways: { self, isHere } })
    t.after(() => tasks.close())
    return tasks
  }

describe('rooms of two processes on one state', { skip: postgres.skip }, () => {
  test('a task that one starts is live in the other, and dead with its children when either ends it', async (t) => {
    const { first, second, heard, heardByFirst } = await openTwice(t, openTasksOf(t))
    const parent = await first.start(START)
    const child = await first.start({ ...START, parentId: parent.id })
    await heard()
    assert.deepEqual([second.live(parent.id), second.live(child.id)], [parent, child])
    const told: string[] = []
    first.onEnd(({ id, endReason }) => told.push(`${id} ${endReason}`))
    await second.end(parent.id, 'revoked', 'looks wrong')
    await heardByFirst()
    assert.deepEqual(told, [`${parent.id} looks wrong`, `${child.id} its parent ended: looks wrong`])
    assert.equal(first.live(parent.id), undefined)
  })

  test('a child whose parent ended in the other meanwhile does not start', async (t) => {
    const { first, second, heard } = await openTwice(t, openTasksOf(t))
    const parent = await first.start(START)
    await heard()
    await first.end(parent.id, 'ended', 'done')
    await assert.rejects(second.start({ ...START, parentId: parent.id }), withCode('task_not_live'))
  })

  test('a runner is judged where it is: elsewhere its task lives while that gateway does, and is not attended', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.now() })
    let isHere = true
    const { first, second, heard } = await openTwice(
      t,
      openTasksOf(t, () => isHere),
    )
    const task = await first.start({ ...START, supervised: true })
    const leave = first.attend(task.id)
    await heard()
    assert.throws(() => second.attend(task.id), withCode('conflict'))
    t.mock.timers.tick(5000)
    assert.ok(second.live(task.id) !== undefined && first.live(task.id) !== undefined)
    isHere = false
    t.mock.timers.tick(5000)
    assert.equal(second.live(task.id), undefined)
    leave()
  })

  test('a target that one adds is taken in the other at once, and matched there when heard of; so are tunnels', async (t) => {
    const { first, second, heard, heardByFirst } = await openTwice(t, (store) => createTargets(store))
    const added = await first.add(targetOn('a', 'a.test'))
    await assert.rejects(second.add(targetOn('b', 'a.test')), withCode('conflict'))
    await assert.rejects(second.addTunnel({ host: 'a.test', port: 443 }), withCode('conflict'))
    await heard()
    const before = second.match('https', 'a.test', 443)
    assert.deepEqual(before, added)
    await first.addTunnel({ host: 't.test', port: 443 })
    await heard()
    assert.ok(second.isTunnel('t.test', 443))
    assert.equal(second.match('https', 'a.test', 443), before, 'what did not change is the same object')
    const gone: string[] = []
    first.onGone((id) => gone.push(id))
    await second.remove('a')
    await second.removeTunnel({ host: 't.test', port: 443 })
    await heardByFirst()
    assert.deepEqual([gone, first.match('https', 'a.test', 443), first.isTunnel('t.test', 443)], [['a'], undefined, false])
  })

  test('a credential is opened, replaced and gone in the other, which lets go of what it had', async (t) => {
    const key = join(await temporaryDirectory(t), 'vault.key')
    const { first, second, heard } = await openTwice(t, (store) => openVault(store, fileSource(key)))
    const changed: string[] = []
    second.onChange((id) => changed.push(id))
    await first.add('k', new Secret('value-number-1'))
    await heard()
    assert.equal(second.open('k').reveal(), 'value-number-1')
    await first.replace('k', new Secret('value-number-2'))
    await assert.rejects(second.replace('k', new Secret('value-number-3')), withCode('conflict'))
    await heard()
    assert.equal(second.open('k').reveal(), 'value-number-2')
    await first.remove('k')
    await heard()
    assert.throws(() => second.open('k'), withCode('credential_missing'))
    assert.deepEqual(changed, ['k', 'k'])
  })

  test('a key of Stint’s own is made by one of those that start together, and taken by the other; not under another key', async (t) => {
    const directory = await temporaryDirectory(t)
    const keyOf = (name: string) => fileSource(join(directory, name))
    const same = await openTwice(t, (store) => openVault(store, keyOf('same')))
    const [one, two] = await Promise.all([same.first.innerKey('leases'), same.second.innerKey('leases')])
    assert.deepEqual(one, two)
    const differing = await openTwice(t, (store, name) => openVault(store, keyOf(name)))
    await differing.first.innerKey('leases')
    await assert.rejects(differing.second.innerKey('leases'), withCode('vault_key_wrong'))
  })

  test('a revocation is in force in the other when heard of, told once, and lifted there', async (t) => {
    const { first, second, heard, heardByFirst } = await openTwice(t, (store) => openRevocations(store, Date.now, () => []))
    const told: number[] = []
    for (const one of [first, second]) one.onHeard(({ number }) => told.push(number))
    const { number } = await first.add({ kind: 'all' }, 'drill', 'me')
    await heard()
    assert.deepEqual([second.size, told], [1, [number]])
    await second.lift(number, 'me')
    await assert.rejects(first.lift(number, 'me'), withCode('conflict'))
    await heardByFirst()
    assert.deepEqual([first.size, second.size], [0, 0])
  })

  test('an issuer is known in the other', async (t) => {
    const { first, second, heard } = await openTwice(t, createIssuers)
    const input = { id: 'ci', kind: 'oidc', issuer: 'https://ci.example', audience: AUDIENCE, rules: [RULE] }
    await first.add(input)
    await assert.rejects(second.add(input), withCode('conflict'))
    await heard()
    assert.equal(second.byIssuer('https://ci.example')?.id, 'ci')
  })

  test('a token is used once, and a key claimed once, by all together', async (t) => {
    const tokens = await openTwice(t, (store) => createUsedTokens(store, Date.now))
    const uses = [tokens.first, tokens.second, tokens.first].map((one) =>
      one.use('https://ci.example', 'jti', Date.now() + 60_000),
    )
    assert.deepEqual((await Promise.all(uses)).toSorted(), ['again', 'again', 'first'])
    const keys = await openTwice(t, (store) => createIdempotency(store, Date.now))
    const claims = [keys.first, keys.second].map((one) => one.claim({ key: 'k', caller: 'ann' }, 'digest'))
    assert.equal((await Promise.all(claims)).filter((held) => held === undefined).length, 1)
  })
})
