import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ledger } from '../../src/credentials/ledger.ts'
import type { Minting } from '../../src/credentials/minting.ts'
import { sweepTarget } from '../../src/credentials/sweep.ts'
import { StintError } from '../../src/errors.ts'
import { temporaryDirectory } from '../store/temporary.ts'
import { code } from '../targets/fixture.ts'
import type { Quirks } from './directory-provider.ts'
import { MINTED, openRig, type Rig } from './leases-rig.ts'
import { TASK } from './permit.ts'

type Options = Parameters<typeof openRig> extends [string, ...infer Rest] ? Rest : never

async function rigOf(t: TestContext, ...options: Options): Promise<Rig> {
  const rig = await openRig(await temporaryDirectory(t), ...options)
  t.after(() => rig.close())
  return rig
}

/** A quirk that fails the first `times` calls of one verb, before or after it happened. */
function failing(moment: string, times = 1, error = new StintError('upstream_failed', 'the provider is down')): Quirks {
  let left = times
  return {
    at(now) {
      if (now !== moment || left === 0) return
      left -= 1
      throw error
    },
  }
}

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const deadline = Date.now() + 15_000; !(await condition()); await sleep(20))
    assert.ok(Date.now() < deadline, `in 15 s not: ${what}`)
}

const TASK_ONE = { kind: 'task', id: TASK.id } as const

describe('a minted credential', () => {
  test('is recorded before it is made, and made before it is handed out', async (t) => {
    const seen: string[] = []
    const rig: Rig = await rigOf(t, {
      async at(moment, id) {
        if (moment === 'before mint') seen.push((await rig.leases.get(id)).state)
      },
    })
    const { record, injections } = await rig.ask()
    assert.deepEqual(seen, ['minting'])
    assert.equal(record.state, 'active')
    assert.deepEqual(rig.objects(), [record.id])
    assert.equal(injections.length, 1)
    const [row] = await rig.store.db.selectFrom('leases').selectAll().execute()
    assert.equal(row?.state, 'active')
    const secret = injections[0]?.value.reveal() ?? ''
    assert.ok(secret.length > 8 && !JSON.stringify(row).includes(secret), 'its material is sealed')
  })

  test('dies with its task: revoked, and refused three times by the probe that saw it live', async (t) => {
    const rig = await rigOf(t)
    const { record } = await rig.ask()
    assert.deepEqual(rig.leases.end(TASK_ONE, { why: 'the task ended' }), [record.id])
    await rig.leases.settled(record.id)
    const dead = await rig.leases.get(record.id)
    assert.equal(dead.state, 'dead')
    assert.equal(dead.why, 'the task ended')
    assert.deepEqual(
      dead.sightings.map(({ saw }) => saw),
      ['live', 'refused', 'refused', 'refused'],
    )
    assert.deepEqual(rig.objects(), [])
    assert.deepEqual(rig.told, [`mint ${record.id}`, `revoke ${record.id}`, `dead ${record.id}`])
    const row = await rig.store.db.selectFrom('leases').select(['state', 'sealed']).executeTakeFirstOrThrow()
    assert.deepEqual({ ...row }, { state: 'dead', sealed: null })
  })

  test('of a provider that answers from one place is refused twice', async (t) => {
    const rig = await rigOf(t, {}, { propagationMs: 0 })
    const { record } = await rig.ask()
    rig.leases.end(TASK_ONE, { why: 'the task ended' })
    await rig.leases.settled(record.id)
    assert.deepEqual(
      (await rig.leases.get(record.id)).sightings.map(({ saw }) => saw),
      ['live', 'refused', 'refused'],
    )
  })

  test('that waits for its next probe lets others die meanwhile, no more than 16 at once', async (t) => {
    const begun = new Set<string>()
    let [working, most, begunAtFirstDeath] = [0, 0, 0]
    const rig: Rig = await rigOf(t, {
      async at(moment, id) {
        if (moment === 'before revoke') begun.add(id)
        if (moment.startsWith('before')) most = Math.max(most, ++working)
        else working -= 1
        if (begunAtFirstDeath === 0 && rig?.told.some((one) => one.startsWith('dead'))) begunAtFirstDeath = begun.size
        await sleep(2)
      },
    })
    const asked: string[] = []
    for (let one = 0; one < 60; one += 1)
      asked.push((await rig.ask({ grant: { key: String(one), reach: ['reads'], terms: {} } })).record.id)
    rig.leases.end(TASK_ONE, { why: 'the task ended' })
    await Promise.all(asked.map((id) => rig.leases.settled(id)))
    assert.deepEqual(rig.objects(), [])
    assert.ok(begunAtFirstDeath > 16, `${begunAtFirstDeath} were begun when the first was dead`)
    assert.ok(most <= 16, `${most} were worked on at once`)
  })

  test('is looked at once while it is new, two at a time, since its provider mints for others meanwhile', async (t) => {
    let [looking, most] = [0, 0]
    const rig: Rig = await rigOf(t, {
      async at(moment) {
        if (moment === 'after probe') looking -= 1
        if (moment !== 'before probe') return
        most = Math.max(most, ++looking)
        await sleep(50)
      },
    })
    const asked: string[] = []
    for (let one = 0; one < 12; one += 1)
      asked.push((await rig.ask({ grant: { key: String(one), reach: ['reads'], terms: {} } })).record.id)
    const seen = async (): Promise<boolean> => {
      const records = await Promise.all(asked.map((id) => rig.leases.get(id)))
      return records.every(({ sightings }) => sightings.length === 1 && sightings[0]?.saw === 'live')
    }
    await until(seen, 'each was seen to work')
    assert.equal(most, 2)
  })

  test('that waits for its next probe is finished when Stint stops', async (t) => {
    const rig = await rigOf(t)
    const { record } = await rig.ask()
    rig.leases.end(TASK_ONE, { why: 'the task ended' })
    await until(async () => (await rig.leases.get(record.id)).sightings.length > 1 || rig.objects().length === 0, 'revoked')
    await rig.leases.close()
    const row = await rig.store.db.selectFrom('leases').select('state').executeTakeFirstOrThrow()
    assert.equal(row.state, 'dead')
  })

  test('dies when it expires, by itself', async (t) => {
    const rig = await rigOf(t)
    const { record } = await rig.ask({ expiresAt: Date.now() + 300 })
    await until(() => rig.objects().length === 0, 'gone at the provider')
    await rig.leases.settled(record.id)
    assert.equal((await rig.leases.get(record.id)).why, 'it expired')
  })

  for (const [selector, isCovered] of [
    [{ kind: 'owner', id: TASK.owner }, true],
    [{ kind: 'owner', id: 'someone else' }, false],
    [{ kind: 'caller', id: TASK.workload }, true],
    [{ kind: 'target', id: 'orders' }, true],
    [{ kind: 'target', id: 'other' }, false],
    [{ kind: 'all' }, true],
  ] as const)
    test(`${isCovered ? 'dies' : 'lives on'} under ${JSON.stringify(selector)}`, async (t) => {
      const rig = await rigOf(t)
      const { record } = await rig.ask()
      assert.equal(rig.leases.end(selector, { why: 'because' }).length, isCovered ? 1 : 0)
      if (!isCovered) return assert.equal((await rig.leases.get(record.id)).state, 'active')
      await rig.leases.settled(record.id)
      assert.deepEqual(rig.objects(), [])
    })

  test('that was ended while it was being made is refused, and dies', async (t) => {
    const rig: Rig = await rigOf(t, {
      at: (moment) => void (moment === 'before mint' && rig.leases.end({ kind: 'all' }, { why: 'killed' })),
    })
    await assert.rejects(rig.ask(), code('revoked'))
    await until(() => rig.objects().length === 0, 'gone')
  })

  test('is taken up again after a restart, with the same material, for the same grant alone', async (t) => {
    const directory = await temporaryDirectory(t)
    const first = await openRig(directory)
    const { record, injections } = await first.ask()
    await first.close()
    const again = await openRig(directory)
    t.after(() => again.close())
    again.leases.start(() => true)
    const resumed = await again.ask()
    assert.equal(resumed.record.id, record.id)
    assert.equal(resumed.injections[0]?.value.reveal(), injections[0]?.value.reveal())
    assert.notEqual((await again.ask({ grant: { key: 'write', reach: ['writes'], terms: {} } })).record.id, record.id)
  })

  test('whose task ended while Stint was stopped dies at the next start', async (t) => {
    const directory = await temporaryDirectory(t)
    const first = await openRig(directory)
    const { record } = await first.ask()
    await first.close()
    const again = await openRig(directory)
    t.after(() => again.close())
    again.leases.start(() => false)
    await again.leases.settled(record.id)
    assert.deepEqual(again.objects(), [])
    assert.match((await again.leases.get(record.id)).why ?? '', /stopped/)
  })

  test('does not open as another lease’s', async (t) => {
    const directory = await temporaryDirectory(t)
    const first = await openRig(directory)
    const [one, two] = [await first.ask(), await first.ask({ grant: { key: 'write', reach: ['writes'], terms: {} } })]
    const sealedOf = (id: string) =>
      first.store.db.selectFrom('leases').select('sealed').where('id', '=', id).executeTakeFirstOrThrow()
    const { sealed } = await sealedOf(one.record.id)
    await first.store.db.updateTable('leases').set({ sealed }).where('id', '=', two.record.id).execute()
    await first.close()
    const again = await openRig(directory)
    t.after(() => again.close())
    await assert.rejects(again.ask({ grant: two.record.grant }), code('state_unsafe'))
  })
})

describe('a provider that', () => {
  test('refuses for good leaves a dead lease and nothing to revoke', async (t) => {
    const rig = await rigOf(t, failing('before mint', 1, new StintError('mint_refused', 'no such role')))
    await assert.rejects(rig.ask(), code('mint_refused'))
    const { items } = await rig.leases.list({ limit: 10 })
    assert.deepEqual(
      items.map(({ state }) => state),
      ['dead'],
    )
  })

  for (const [what, moment] of [
    ['fails', 'before mint'],
    ['fails, and has made it all the same,', 'after mint'],
  ] as const)
    for (const chooses of [false, true])
      test(`${what} leaves nothing behind${chooses ? ', though nobody knows the secret' : ''}`, async (t) => {
        const rig = await rigOf(t, { ...failing(moment), chooses })
        await assert.rejects(rig.ask(), code('upstream_failed'))
        await until(() => rig.leases.counts().living === 0, 'proved dead')
        assert.deepEqual(rig.objects(), [])
        const [dead] = (await rig.leases.list({ limit: 10 })).items
        assert.match(dead?.why ?? '', /could not be made: the provider is down/)
      })

  for (const moment of ['before revoke', 'after revoke', 'before probe', 'after probe'])
    test(`fails ${moment} is asked again until the credential is proved dead`, async (t) => {
      const rig = await rigOf(t, failing(moment, 2))
      const { record } = await rig.ask()
      rig.leases.end(TASK_ONE, { why: 'over' })
      await rig.leases.settled(record.id)
      const dead = await rig.leases.get(record.id)
      assert.equal(dead.state, 'dead')
      assert.deepEqual(
        dead.sightings.slice(-3).map(({ saw }) => saw),
        ['refused', 'refused', 'refused'],
      )
      assert.deepEqual(rig.objects(), [])
    })

  test('says that it revoked and did not is seen through, asked again, and never believed', async (t) => {
    const quirks: Quirks = { lies: true }
    const rig = await rigOf(t, quirks)
    const { record } = await rig.ask()
    rig.leases.end(TASK_ONE, { why: 'over' })
    await until(async () => (await rig.leases.get(record.id)).attempts >= 2, 'tried again')
    const alive = await rig.leases.get(record.id)
    assert.equal(alive.state, 'revoking')
    assert.match(alive.lastError ?? '', /still works/)
    quirks.lies = false
    await rig.leases.settled(record.id)
    assert.equal((await rig.leases.get(record.id)).state, 'dead')
  })

  test('proved dead is told so only once that is durable', async (t) => {
    let probes = 0
    const rig: Rig = await rigOf(t, {
      at(moment) {
        if (moment !== 'after probe' || ++probes !== 4) return
        const { store } = rig
        const { write } = store
        Object.assign(store, {
          write() {
            Object.assign(store, { write })
            return Promise.reject(new StintError('store_unavailable', 'the disk is full'))
          },
        })
      },
    })
    const { record } = await rig.ask()
    rig.leases.end(TASK_ONE, { why: 'over' })
    await until(() => probes >= 4, 'refused three times')
    await sleep(50)
    assert.ok(!rig.told.includes(`dead ${record.id}`))
    await rig.leases.settled(record.id)
    const row = await rig.store.db.selectFrom('leases').select('state').executeTakeFirstOrThrow()
    assert.equal(row.state, 'dead')
    assert.equal(rig.told.filter((one) => one.startsWith('dead')).length, 1)
  })

  test('takes its time to honour a revocation is probed only after that', async (t) => {
    const probes: number[] = []
    const rig = await rigOf(
      t,
      { at: (moment) => void (moment === 'before probe' && probes.push(Date.now())) },
      { propagationMs: 400 },
    )
    const { record } = await rig.ask()
    rig.leases.end(TASK_ONE, { why: 'over' })
    await rig.leases.settled(record.id)
    const { revokedAt = 0 } = await rig.leases.get(record.id)
    assert.ok(probes.slice(1).every((at) => at >= revokedAt + 400))
  })

  test('cannot revoke leaves it irrevocable until it expires, and says so', async (t) => {
    const rig: Rig = await rigOf(t, { irrevocableMs: 1500 })
    const { record } = await rig.ask({ expiresAt: Date.now() + 1500 })
    rig.leases.end(TASK_ONE, { why: 'over' })
    await rig.leases.settled(record.id)
    const kept = await rig.leases.get(record.id)
    assert.equal(kept.state, 'irrevocable')
    assert.ok((kept.irrevocableUntil ?? 0) >= Date.now())
    assert.ok(rig.told.includes(`irrevocable ${record.id}`))
  })

  test('lost the secret of one it cannot list: it is irrevocable for as long as such a one can live, and then over', async (t) => {
    const rig = await rigOf(t, { ...failing('after mint'), chooses: true, isBlind: true, irrevocableMs: 500 })
    await assert.rejects(rig.ask(), code('upstream_failed'))
    const [lost] = (await rig.leases.list({ limit: 1 })).items
    assert.ok(lost)
    await rig.leases.settled(lost.id)
    const kept = await rig.leases.get(lost.id)
    assert.deepEqual([kept.state, kept.irrevocableUntil], ['irrevocable', kept.requestedAt + 500])
    await until(async () => (await rig.leases.get(lost.id)).state === 'dead', 'over')
  })

  test('is asked while others are slow: one target does not hold up the deaths at it for long, and order does not matter', async (t) => {
    const rig = await rigOf(t, { at: (moment) => (moment === 'before revoke' ? sleep(30) : undefined) })
    const grants = Array.from({ length: 40 }, (_, number) => ({ key: `k${number}`, reach: ['x'], terms: {} }))
    const asked = await Promise.all(grants.map((grant) => rig.ask({ grant })))
    rig.leases.end({ kind: 'all' }, { why: 'over' })
    await Promise.all(asked.map(({ record }) => rig.leases.settled(record.id)))
    assert.deepEqual(rig.objects(), [])
    assert.equal(rig.leases.counts().living, 0)
  })
})

describe('a sweep', () => {
  test('finds what no living lease is for, revokes it, and leaves everything else alone', async (t) => {
    const directory = await temporaryDirectory(t)
    const rig = await openRig(directory)
    t.after(() => rig.close())
    const { record } = await rig.ask()
    const installation = record.id.slice(6, 12)
    const stray = `lease_${installation}${'s'.repeat(16)}`
    const names = [stray, `lease_zzzzzz${'s'.repeat(16)}`, 'alice', `lease_${installation}`]
    for (const name of names) writeFileSync(join(directory, 'provider', name), 'x')
    assert.equal(await rig.leases.sweep(), 1)
    await rig.leases.settled(stray)
    assert.deepEqual([...rig.objects()].sort(), [record.id, ...names.slice(1)].sort())
    assert.match((await rig.leases.get(stray)).why ?? '', /found at the provider/)
  })

  test('revokes again what was dead and is there once more', async (t) => {
    const directory = await temporaryDirectory(t)
    const rig = await openRig(directory)
    t.after(() => rig.close())
    const { record } = await rig.ask()
    const secret = readFileSync(join(directory, 'provider', record.id))
    rig.leases.end(TASK_ONE, { why: 'over' })
    await rig.leases.settled(record.id)
    await sleep(5)
    writeFileSync(join(directory, 'provider', record.id), secret)
    assert.equal(await rig.leases.sweep(), 1)
    await rig.leases.settled(record.id)
    assert.deepEqual(rig.objects(), [])
  })

  test('leaves a stray alone that cannot be looked up: it may be another gateway’s', async () => {
    const undertaken: string[] = []
    const stray = `lease_abcdef${'s'.repeat(16)}`
    const minting = { strays: async () => [{ leaseId: stray, handle: {} }] } as unknown as Minting
    const ledger = {
      get: () => undefined,
      find: () => Promise.reject(new StintError('store_unavailable', 'gone')),
    } as unknown as Ledger
    const verbs = {
      ledger,
      installation: 'abcdef',
      self: 'a',
      now: Date.now,
      undertake: (id: string) => void undertaken.push(id),
    }
    await assert.rejects(
      sweepTarget({ target: MINTED, standing: undefined, minting, io: undefined as never }, verbs),
      code('store_unavailable'),
    )
    assert.deepEqual(undertaken, [])
  })

  test('that a provider does not answer is reported, and harms nothing', async (t) => {
    const rig = await rigOf(t, failing('before strays'))
    const { record } = await rig.ask()
    assert.equal(await rig.leases.sweep(), 0)
    assert.match(String(rig.reported[0]), /the provider is down/)
    assert.equal((await rig.leases.get(record.id)).state, 'active')
  })
})

describe('a gateway beside others on one state', () => {
  const gateway = (self: string, here: Set<string>) => ({ self, others: async () => [...here] })

  test('leaves alone what another keeps, and takes it over when that one is gone', async (t) => {
    const directory = await temporaryDirectory(t)
    const here = new Set(['a', 'b'])
    const first = await openRig(directory, {}, {}, gateway('a', here))
    const { record } = await first.ask()
    const second = await openRig(directory, {}, {}, gateway('b', here))
    t.after(() => second.close())
    second.leases.start(() => false)
    assert.equal(await second.leases.sweep(), 0)
    assert.equal((await second.leases.get(record.id)).state, 'active')
    assert.deepEqual(second.leases.end({ kind: 'all' }, { why: 'killed' }), [], 'each gateway ends its own')
    assert.deepEqual(first.objects(), [record.id])
    await first.close()
    here.delete('a')
    const third = await openRig(directory, {}, {}, gateway('c', here.add('c')))
    t.after(() => third.close())
    third.leases.start(() => true)
    await until(() => third.objects().length === 0, 'revoked by the one that took over')
    await third.leases.settled(record.id)
    const { state, keeper, why } = await third.leases.get(record.id)
    assert.deepEqual([state, keeper, why], ['dead', 'c', 'its gateway is gone'])
  })
})
