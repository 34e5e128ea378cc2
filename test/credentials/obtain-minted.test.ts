import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createObtain, type ObtainVerbs } from '../../src/credentials/obtain.ts'
import { StintError } from '../../src/errors.ts'
import { temporaryDirectory } from '../store/temporary.ts'
import { code } from '../targets/fixture.ts'
import { directoryConnector, type Quirks } from './directory-provider.ts'
import { MINTED, openRig } from './leases-rig.ts'
import { permitOf, TASK } from './permit.ts'

const task = { ...TASK, expiresAt: Date.now() + 3_600_000 }
const permit = (change: Parameters<typeof permitOf>[0] = {}) => permitOf({ task, target: MINTED, ...change })

async function setup(t: TestContext, quirks: Quirks = {}, isAllowed: ObtainVerbs['isAllowed'] = () => true) {
  const rig = await openRig(await temporaryDirectory(t), quirks)
  t.after(() => rig.close())
  const failures: unknown[] = []
  const vault = { open: () => assert.fail('it is not asked here'), onChange: () => undefined }
  const connectors = { directory: directoryConnector('/nowhere') }
  const report = (thrown: unknown): void => void failures.push(thrown)
  return {
    rig,
    failures,
    ...createObtain({
      vault,
      connectors,
      leases: rig.leases,
      isAllowed,
      usableUntil: () => Number.POSITIVE_INFINITY,
      now: Date.now,
      report,
    }),
  }
}

describe('a minted lease', () => {
  test('is made once for all who ask at the same time, and answered at once from then on', async (t) => {
    const { obtain, rig } = await setup(t)
    const leases = await Promise.all(Array.from({ length: 20 }, () => obtain(permit())))
    assert.equal(new Set(leases.map(({ id }) => id)).size, 1)
    assert.equal(rig.objects().length, 1)
    assert.equal(obtain(permit()), leases[0])
  })

  test('is another one for another task, and for another grant', async (t) => {
    const { obtain } = await setup(t)
    const ids = [permit(), permit({ task: { ...task, id: 'task_2' } }), permit({ action: 'http:POST' })].map(
      async (one) => (await obtain(one)).id,
    )
    assert.equal(new Set(await Promise.all(ids)).size, 3)
  })

  test('is not made for an action that needs no credential, which gets a lease without one', async (t) => {
    const { obtain, rig } = await setup(t)
    const none = await obtain(permit({ action: 'directory:none', decision: { ttlSeconds: 60 } }))
    assert.deepEqual(none.injections, [])
    assert.ok(none.expiresAt <= Date.now() + 60_000)
    assert.equal(obtain(permit({ action: 'directory:none' })), none)
    assert.deepEqual([rig.objects().length, rig.leases.counts().living], [0, 0])
    assert.notEqual((await obtain(permit())).id, none.id)
  })

  test('is renewed before it expires while the old one serves, and the old one then dies', async (t) => {
    const { obtain, rig } = await setup(t)
    const first = await obtain(permit({ decision: { ttlSeconds: 1 } }))
    await sleep(600)
    assert.equal(obtain(permit({ decision: {} })), first, 'still the old one, and a new one is on its way')
    await sleep(300)
    const second = await obtain(permit())
    assert.notEqual(second.id, first.id)
    await rig.leases.settled(first.id)
    assert.deepEqual(rig.objects(), [second.id])
  })

  test('that cannot be renewed serves on, and what failed is reported', async (t) => {
    let fails = false
    const { obtain, failures } = await setup(t, {
      at: (moment) => {
        if (fails && moment === 'before mint') throw new StintError('upstream_failed', 'down')
      },
    })
    const first = await obtain(permit({ decision: { ttlSeconds: 2 } }))
    fails = true
    await sleep(1100)
    assert.equal(obtain(permit()), first)
    await sleep(100)
    assert.equal(failures.length, 1)
    assert.equal(obtain(permit()), first)
  })

  test('dropped on its way is refused, and dies', async (t) => {
    const { obtain, drop, rig } = await setup(t, { at: (moment) => (moment === 'before mint' ? sleep(50) : undefined) })
    const coming = Promise.resolve(obtain(permit()))
    drop({ kind: 'task', id: task.id }, { why: 'killed' })
    await assert.rejects(coming, code('revoked'))
    for (const until = Date.now() + 5000; rig.leases.counts().living > 0; await sleep(20)) assert.ok(Date.now() < until)
    assert.deepEqual(rig.objects(), [])
  })

  test('that came after its task ended or was revoked is refused, and dies', async (t) => {
    const { obtain, rig } = await setup(t, {}, () => false)
    await assert.rejects(async () => obtain(permit()), code('revoked'))
    for (const until = Date.now() + 5000; rig.leases.counts().living > 0; await sleep(20)) assert.ok(Date.now() < until)
    assert.deepEqual(rig.objects(), [])
  })

  test('is counted once when it is dropped', async (t) => {
    const { obtain, drop } = await setup(t)
    await obtain(permit())
    assert.equal(drop({ kind: 'all' }, { why: 'killed' }), 1)
  })

  test('that its provider took back by itself is replaced once its target refuses it, and nobody asks the provider often', async (t) => {
    const looked: string[] = []
    const { obtain, doubt, rig } = await setup(t, { at: (moment) => void (moment === 'before probe' && looked.push(moment)) })
    const first = await obtain(permit())
    doubt(first)
    await sleep(50)
    assert.equal(looked.length, 0, 'nobody saw it work yet: a refusal means nothing')
    for (const until = Date.now() + 5000; (await rig.leases.get(first.id)).sightings.length === 0; await sleep(20))
      assert.ok(Date.now() < until)
    doubt(first)
    await sleep(50)
    assert.equal(looked.length, 1, 'not again so soon')
    assert.equal(obtain(permit()), first)
  })

  for (const [what, isGone] of [
    ['was taken back at the provider', true],
    ['works at the provider', false],
  ] as const)
    test(`that its target refuses and that ${what} is ${isGone ? 'another' : 'the same'} from then on`, async (t) => {
      const { obtain, doubt, rig } = await setup(t)
      const first = await obtain(permit())
      for (const until = Date.now() + 5000; (await rig.leases.get(first.id)).sightings.length === 0; await sleep(20))
        assert.ok(Date.now() < until)
      if (isGone) rig.remove(first.id)
      doubt(first)
      if (isGone) await rig.leases.settled(first.id)
      else await sleep(100)
      const next = await obtain(permit())
      assert.equal(next.id !== first.id, isGone)
      assert.deepEqual(rig.objects(), [next.id])
      const { state, why } = await rig.leases.get(first.id)
      assert.equal(state, isGone ? 'dead' : 'active')
      if (isGone) assert.match(String(why), /nobody here took it back/)
      assert.equal(rig.reported.length, isGone ? 1 : 0)
    })
})
