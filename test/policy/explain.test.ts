import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createDecider, type Decider } from '../../src/policy/decide.ts'
import { digestOf } from '../../src/policy/digest.ts'
import { explain } from '../../src/policy/explain.ts'
import { replay } from '../../src/policy/replay.ts'
import { NO_HISTORY } from '../../src/policy/request.ts'
import { action, caller, NOON, requestWith, setOf, target, task } from './sample.ts'

const POLICIES = `@id("reads") permit (principal, action in Action::"read", resource is Target)
when { context.risk < 90 }
unless { context.sensitivity == Sensitivity::"restricted" };
@id("sums") forbid (principal, action, resource is Target) when { context.risk * 9007199254740991 * 9007199254740991 > 0 };
@id("writes") permit (principal, action in Action::"write", resource is Target);`

async function decider(policies: string): Promise<Decider> {
  return createDecider(setOf(policies), (error) => assert.fail(String(error)))
}

describe('an explanation', () => {
  test('says of each policy whose scope fits, and each of its clauses, what became of it', async () => {
    const { decision, policies } = explain(await decider(POLICIES), requestWith({ target: { sensitivity: 'restricted' } }))
    assert.equal(decision.code, 'policy_error')
    assert.deepEqual(
      policies.map(({ id, place, finding, clauses }) => [
        id,
        place,
        finding,
        clauses.map((clause) => [clause.text, clause.finding]),
      ]),
      [
        [
          'reads',
          'test.cedar:1',
          'not satisfied',
          [
            ['when { context.risk < 90 }', 'satisfied'],
            ['unless { context.sensitivity == Sensitivity::"restricted" }', 'not satisfied'],
          ],
        ],
        ['sums', 'test.cedar:4', 'error', [['when { (context.risk * 9007199254740991 * 9007199254740991) > 0 }', 'error']]],
      ],
    )
    assert.match(policies[1]?.clauses[0]?.message ?? '', /overflow/)
  })

  test('shows no policies where none was asked', async () => {
    const outside = requestWith({ task: { scope: { targets: [], actions: [] } } })
    const { decision, policies } = explain(await decider(POLICIES), outside)
    assert.equal(decision.code, 'out_of_scope')
    assert.deepEqual(policies, [])
  })
})

describe('a replay', () => {
  const recorded = { caller, on: { task, target, history: NO_HISTORY }, action, at: NOON }

  test('knows the same request and the same policies again', async () => {
    const now = await decider(POLICIES.replace(/@id\("sums"\).*\n/, ''))
    const request = requestWith()
    const { policySetHash } = now.decide(request)
    const again = replay(now, { ...recorded, digest: digestOf(request), policySetHash })
    assert.ok(again.sameRequest && again.samePolicies)
    assert.equal(again.decision.effect, 'allow')
  })

  test('says so when the target or the policies are not what they were', async () => {
    const now = await decider(POLICIES)
    const changed = { task, history: NO_HISTORY, target: { ...target, environment: 'production' as const } }
    const again = replay(now, { ...recorded, on: changed, digest: digestOf(requestWith()), policySetHash: 'another' })
    assert.ok(!again.sameRequest && !again.samePolicies)
  })

  test('rebuilds acts on Stint too', async () => {
    const now = await decider('@id("a") permit (principal, action, resource is Stint) when { context.ownTask };')
    const act = { id: 'stint:Task::end', access: 'write', resource: 'tasks/task_1', parameters: {} } as const
    const again = replay(now, { caller, action: act, at: NOON, digest: '', policySetHash: '' })
    assert.equal(again.decision.effect, 'allow')
    assert.equal(again.request.resource, 'Stint::"installation"')
  })
})
