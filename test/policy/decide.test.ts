import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AuthzRequest, Decision } from '../../src/model.ts'
import { createDecider } from '../../src/policy/decide.ts'
import { requestWith, setOf } from './sample.ts'

async function decideBy(policies: string, request: AuthzRequest = requestWith()): Promise<Decision> {
  return createDecider(setOf(policies), (error) => assert.fail(String(error))).decide(request)
}

const READ = '@id("read") @reason("Reads are fine.") permit (principal, action in Action::"read", resource);'
const OWNER = '@id("owner") @reason("Ask the owner.") @approval("owner") permit (principal, action, resource);'

describe('a decision', () => {
  test('is an allow by the permits that apply, with their reasons and the set that said so', async () => {
    const set = setOf(READ)
    const decision = createDecider(set, assert.ifError).decide(requestWith())
    assert.deepEqual(decision, {
      effect: 'allow',
      code: 'allowed',
      policies: ['read'],
      reasons: ['Reads are fine.'],
      policySetHash: set.hash,
    })
  })

  test('is a deny where nothing permits, also by an empty set', async () => {
    const write = requestWith({ action: { access: 'write' } })
    for (const policies of [READ, '// none']) {
      const { effect, code, policies: ids } = await decideBy(policies, write)
      assert.deepEqual({ effect, code, ids }, { effect: 'deny', code: 'no_policy_permits', ids: [] })
    }
  })

  test('is a deny where anything forbids, whatever permits', async () => {
    const { effect, code, policies, reasons } = await decideBy(`${READ} @id("never") forbid (principal, action, resource);`)
    assert.deepEqual({ effect, code, policies }, { effect: 'deny', code: 'forbidden_by_policy', policies: ['never'] })
    assert.deepEqual(reasons, ['Policy never forbids this.'])
  })

  test('is a deny out of scope before any policy is asked: policy cannot widen a task', async () => {
    const everything = '@id("all") permit (principal, action, resource);'
    for (const scope of [
      { targets: ['other'], actions: ['*'] },
      { targets: ['system'], actions: ['http:POST'] },
    ]) {
      assert.equal((await decideBy(everything, requestWith({ task: { scope } }))).code, 'out_of_scope')
    }
  })

  test('is shared by equal requests and cannot be changed by who gets it', async () => {
    const { decide } = createDecider(setOf(READ), assert.ifError)
    const decision = decide(requestWith())
    assert.equal(decide(requestWith({ action: { resource: '/elsewhere' } })), decision)
    assert.throws(() => Object.assign(decision, { effect: 'deny' }), TypeError)
    assert.throws(() => (decision.policies as string[]).push('x'), TypeError)
  })

  test('is not shared by requests that differ in what a policy reads', async () => {
    const { decide } = createDecider(
      setOf('@id("a") permit (principal, action, resource is Target) when { context.taskLabels.contains("ok") };'),
      assert.ifError,
    )
    for (const [labels, effect] of [
      [['ok'], 'allow'],
      [[], 'deny'],
      [['ok'], 'allow'],
      [['OK'], 'deny'],
    ] as const) {
      assert.equal(decide(requestWith({ task: { labels } })).effect, effect)
    }
  })

  test('follows the clock where a policy reads it', async () => {
    const { decide } = createDecider(
      setOf('@id("day") permit (principal, action, resource is Target) when { context.time.hour < 18 };'),
      assert.ifError,
    )
    const at = (hour: number): string => decide(requestWith({ now: Date.UTC(2026, 0, 6, hour) })).effect
    assert.deepEqual([at(17), at(18), at(17), at(19)], ['allow', 'deny', 'allow', 'deny'])
  })
})

describe('obligations', () => {
  test('turn an allow into needs-approval and name who must consent', async () => {
    const { effect, code, approver, reasons } = await decideBy(OWNER)
    assert.deepEqual(
      { effect, code, approver, reasons },
      { effect: 'needs-approval', code: 'needs_approval', approver: 'owner', reasons: ['Ask the owner.'] },
    )
  })

  test('add up: a plain permit beside one with @approval does not take the approval away', async () => {
    for (const policies of [`${READ} ${OWNER}`, `${OWNER} ${READ}`]) {
      const { effect, policies: ids, reasons } = await decideBy(policies)
      assert.equal(effect, 'needs-approval')
      assert.deepEqual([...ids].sort(), ['owner', 'read'])
      assert.equal(reasons[0], 'Ask the owner.')
    }
  })

  test('of a permit that does not apply are not due', async () => {
    const elsewhere = OWNER.replace('resource);', 'resource == Target::"other");')
    assert.equal((await decideBy(`${READ} ${elsewhere}`)).effect, 'allow')
  })

  test('name everyone who must consent', async () => {
    const two = `${OWNER} @id("sec") @approval("role:security") permit (principal, action, resource);`
    assert.equal((await decideBy(two)).approver, 'owner and role:security')
  })

  test('bound the credential’s life by the smallest @ttl', async () => {
    const ttl = (seconds: number): string => `@id("t${seconds}") @ttl("${seconds}") permit (principal, action, resource);`
    assert.equal((await decideBy(`${READ} ${ttl(900)} ${ttl(60)} ${ttl(300)}`)).ttlSeconds, 60)
    assert.equal((await decideBy(`${OWNER} ${ttl(60)}`)).ttlSeconds, 60)
    assert.equal((await decideBy(READ)).ttlSeconds, undefined)
  })

  test('that nobody knows are a deny, also beside a plain permit, and mean nothing on a policy that does not apply', async () => {
    const mfa = '@id("mfa") @mfa("hardware") permit (principal, action in Action::"read", resource);'
    assert.equal((await decideBy(mfa)).code, 'unknown_obligation')
    assert.equal((await decideBy(`${READ} ${mfa}`)).code, 'unknown_obligation')
    const plain = '@id("write") permit (principal, action in Action::"write", resource);'
    assert.equal((await decideBy(`${plain} ${mfa}`, requestWith({ action: { access: 'write' } }))).code, 'allowed')
  })
})
