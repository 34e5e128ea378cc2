import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { Finding } from '../../src/detections/finding.ts'
import { type FindingVerbs, openFindings } from '../../src/detections/findings.ts'
import type { Store } from '../../src/store/store.ts'
import { action, target, task } from '../policy/sample.ts'
import { temporaryStore } from '../store/temporary.ts'

const allowed = { effect: 'allow', policies: [], policySetHash: 'h', code: 'c', reasons: [] } as const

async function open(t: TestContext, changes: Partial<FindingVerbs> = {}, given?: Store) {
  const store = given ?? (await temporaryStore(t)).store
  const told: Finding[] = []
  const clock = { now: 1_700_000_000_000 }
  const findings = await openFindings(store, {
    actions: {},
    live: (id) => (id === 'gone' ? undefined : { task: { ...task, id }, ancestors: id === 'child' ? ['parent', 'root'] : [] }),
    now: () => clock.now,
    told: (finding) => void told.push(finding),
    report: (thrown) => assert.fail(String(thrown)),
    ...changes,
  })
  const kept = async (count: number): Promise<readonly Finding[]> => {
    for (let turn = 0; turn < 500; turn++) {
      const { items } = await findings.list({ limit: 100 })
      if (items.length >= count) return items
      await new Promise((later) => setImmediate(later))
    }
    return assert.fail('it was not kept')
  }
  return { store, findings, told, clock, kept }
}

describe('a finding', () => {
  test('is kept, told once and listed newest first, by pages', async (t) => {
    const { findings, told, clock, kept } = await open(t)
    for (const id of ['a', 'b', 'c']) {
      findings.rejectedProof(id, 'its key is another')
      clock.now += 1
    }
    assert.deepEqual(
      (await kept(3)).map(({ taskId, kind, revoked }) => [taskId, kind, revoked]),
      ['c', 'b', 'a'].map((id) => [id, 'rejected-proof', false]),
    )
    assert.equal(told.length, 3)
    const { items, next } = await findings.list({ limit: 2 })
    assert.deepEqual(
      [items.length, (await findings.list({ limit: 2, cursor: next ?? '' })).items.map(({ taskId }) => taskId)],
      [2, ['a']],
    )
    assert.deepEqual((await findings.list({ limit: 2, taskId: 'b' })).items.length, 1)
    await assert.rejects(findings.list({ limit: 2, cursor: '%' }), { code: 'invalid_argument' })
  })

  test('raises the risk of the whole tree for a while, in words, also after a restart and at another gateway', async (t) => {
    const { store, findings, clock, kept } = await open(t)
    const other = await open(t, { now: () => clock.now }, store)
    assert.deepEqual(findings.raising('root'), [])
    findings.rejectedProof('child', 'its key is another')
    const raise = [{ points: 30, because: 'its token was shown with a proof that does not hold' }]
    await kept(1)
    for (let turn = 0; turn < 500 && other.findings.raising('root').length === 0; turn++)
      await new Promise((next) => setImmediate(next))
    assert.deepEqual([findings.raising('root'), other.findings.raising('root')], [raise, raise])
    assert.deepEqual((await open(t, { now: () => clock.now }, store)).findings.raising('root'), raise)
    assert.deepEqual(findings.raising('child'), [], 'it is the tree that is asked about')
    const at = clock.now
    clock.now += 15 * 60_000
    assert.deepEqual(findings.raising('root'), [])
    assert.deepEqual(await findings.raisingThen('root', at + 1), raise)
    assert.deepEqual([await findings.raisingThen('root', at), await findings.raisingThen('root', clock.now)], [[], []])
  })

  test('raises it further by another one, which does not end with the first', async (t) => {
    const { findings, clock } = await open(t)
    const reasons = (): string[] => findings.raising('root').map(({ because }) => because)
    findings.rejectedProof('root', 'its key is another')
    const [first] = reasons()
    clock.now += 10 * 60_000
    for (let i = 0; i < 50; i += 1) {
      findings.decided({ task: { ...task, id: 'root' }, target, action, decision: { ...allowed, effect: 'deny' } })
    }
    assert.equal(reasons().length, 2)
    assert.equal(reasons()[0], first)
    clock.now += 6 * 60_000
    assert.equal(reasons().length, 1)
    assert.notEqual(reasons()[0], first)
  })

  test('says that it revoked only where that was done', async (t) => {
    const reported: unknown[] = []
    const report = (thrown: unknown): void => void reported.push(thrown)
    const { findings, kept } = await open(t, { actions: { 'rejected-proof': { action: 'revoke' } }, report })
    findings.onRevoke(() => Promise.reject(new Error('the disk is full')))
    findings.rejectedProof('a', 'its key is another')
    assert.deepEqual(
      (await kept(1)).map(({ revoked }) => revoked),
      [false],
    )
    assert.equal(reported.length, 1)
  })

  test('revokes its task where the settings say so, and no other kind does', async (t) => {
    const { findings, kept } = await open(t, { actions: { 'rejected-proof': { action: 'revoke' } } })
    const revoked: string[] = []
    findings.onRevoke(async ({ taskId }) => void revoked.push(taskId))
    findings.rejectedProof('a', 'its key is another')
    findings.usedAfterEnd('b')
    await kept(2)
    assert.deepEqual(revoked, ['a'])
  })

  test('of a task that ended is kept and raises nothing; a proof for one is nothing to be told about', async (t) => {
    const { findings, told, kept } = await open(t)
    findings.rejectedProof('gone', 'its key is another')
    findings.usedAfterEnd('gone')
    await kept(1)
    assert.deepEqual([told.map(({ kind }) => kind), findings.raising('gone')], [['use-after-end'], []])
  })

  test('of a new target is made once for a workload, whatever task, gateway or start it is', async (t) => {
    const { store, findings, kept } = await open(t)
    const see = (one: typeof findings, id: string, on = 'system') =>
      one.decided({ task: { ...task, id }, target: { ...target, id: on }, action, decision: allowed })
    see(findings, 'a')
    await kept(1)
    see(findings, 'b')
    const other = await open(t, {}, store)
    see(other.findings, 'c')
    see(other.findings, 'c', 'another')
    const items = await kept(2)
    assert.deepEqual(items.map(({ targetId }) => targetId).sort(), ['another', 'system'])
  })
})
