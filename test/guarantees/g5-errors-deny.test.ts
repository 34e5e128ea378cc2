import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isAuthorized } from '@cedar-policy/cedar-wasm/nodejs'
import fc from 'fast-check'
import type { AuthzRequest, Decision } from '../../src/model.ts'
import { parsePolicy } from '../../src/policy/cedar.ts'
import { createDecider } from '../../src/policy/decide.ts'
import type { PolicySet } from '../../src/policy/policy-set.ts'
import { MAX_TEXT } from '../../src/policy/shape.ts'
import { splitPolicies } from '../../src/policy/split.ts'
import { requestWith, setOf } from '../policy/sample.ts'

// G5: an error or an unknown while deciding is a deny.

const PERMIT = '@id("yes") permit (principal, action, resource);'

/** A set as it would be if validation had let everything through. */
async function unchecked(text: string): Promise<PolicySet> {
  const set = setOf(PERMIT)
  const policies = splitPolicies(text).map((piece, position) => {
    const parsed = parsePolicy(piece.text)
    assert.ok('json' in parsed, JSON.stringify(parsed))
    const id = parsed.json.annotations?.id ?? `p${position}`
    return { id, position, file: 'x.cedar', line: 1, json: parsed.json, reason: id, obligations: { unknown: [] } }
  })
  return { ...set, policies }
}

const failures: unknown[] = []
const decideBy = (set: PolicySet, request: unknown = requestWith()): Decision =>
  createDecider(set, (error) => failures.push(error)).decide(request as AuthzRequest)

function assertDenied(decision: Decision, code = 'policy_error'): void {
  assert.equal(decision.effect, 'deny')
  assert.equal(decision.code, code)
  assert.ok(decision.reasons.length > 0)
}

describe('G5: a policy that errs', () => {
  const erring: readonly [what: string, condition: string][] = [
    ['an unknown attribute', 'context.nope'],
    ['an attribute that only inherited objects have', 'context.constructor == "x"'],
    ['an attribute of an entity that nobody gave', 'Target::"ghost".owner == "ada"'],
    ['a tag of an entity that nobody gave', 'Target::"ghost".getTag("a") == "b"'],
    ['an attribute of the principal, which has none', 'principal.admin'],
    ['a number too large', 'context.risk * 9007199254740991 * 9007199254740991 > 0'],
    ['values that cannot be compared', 'context.purpose < 7'],
    ['an address that is none', 'ip(context.purpose).isLoopback()'],
    ['a condition that is no truth value', 'context.risk'],
  ]
  for (const [what, condition] of erring) {
    for (const effect of ['permit', 'forbid']) {
      test(`a ${effect} over ${what} denies, although another policy permits and Cedar alone would allow`, async () => {
        const text = `${PERMIT} @id("errs") ${effect} (principal, action, resource) when { ${condition} };`
        const { principal, resource, context } = requestWith()
        const alone = isAuthorized({
          principal,
          resource,
          action: { type: 'Action', id: 'http:GET' },
          context: context as Record<string, never>,
          entities: [],
          policies: { staticPolicies: text },
        })
        assert.ok(alone.type === 'success' && alone.response.decision === 'allow')
        const decision = decideBy(await unchecked(text))
        assertDenied(decision)
        assert.deepEqual(decision.policies, ['errs'])
      })
    }
  }

  test('denies the second time too, out of the cache', async () => {
    const { decide } = createDecider(
      await unchecked(`${PERMIT} @id("errs") forbid (principal, action, resource) when { context.nope };`),
      assert.ifError,
    )
    for (let n = 0; n < 3; n++) assertDenied(decide(requestWith()))
  })

  test('denies although a forbid applies as well', async () => {
    const text = `@id("no") forbid (principal, action, resource); @id("errs") permit (principal, action, resource) when { context.nope };`
    assertDenied(decideBy(await unchecked(text)))
  })

  test('does not matter where its scope does not fit, as in Cedar', async () => {
    const text = `${PERMIT} @id("errs") forbid (principal, action, resource == Target::"other") when { context.nope };`
    assert.equal(decideBy(await unchecked(text)).effect, 'allow')
  })
})

describe('G5: a request that is not as the schema has it', () => {
  const misfits: readonly [what: string, change: (request: AuthzRequest) => unknown][] = [
    ['has an attribute too many', (r) => ({ ...r, context: { ...r.context, extra: 1 } })],
    ['lacks one', ({ context: { owner: _, ...context }, ...r }) => ({ ...r, context })],
    [
      'says a word that is none',
      (r) => ({ ...r, context: { ...r.context, environment: { __entity: { type: 'Environment', id: 'moon' } } } }),
    ],
    ['says a word as a text', (r) => ({ ...r, context: { ...r.context, environment: 'production' } })],
    [
      'says a word of another kind',
      (r) => ({ ...r, context: { ...r.context, environment: { __entity: { type: 'Proof', id: 'sandbox' } } } }),
    ],
    [
      'hides something beside a word',
      (r) => ({ ...r, context: { ...r.context, access: { __entity: { type: 'Access', id: 'read' }, x: 1 } } }),
    ],
    ['is in scope by a text', (r) => ({ ...r, context: { ...r.context, inScope: 'true' } })],
    ['has a number that is not whole', (r) => ({ ...r, context: { ...r.context, risk: 0.5 } })],
    ['has no number', (r) => ({ ...r, context: { ...r.context, risk: Number.NaN } })],
    ['has a number too large', (r) => ({ ...r, context: { ...r.context, risk: 2 ** 60 } })],
    ['has null', (r) => ({ ...r, context: { ...r.context, purpose: null } })],
    ['has undefined', (r) => ({ ...r, context: { ...r.context, purpose: undefined } })],
    ['has a big integer', (r) => ({ ...r, context: { ...r.context, risk: 1n } })],
    ['has a function', (r) => ({ ...r, context: { ...r.context, purpose: () => 'x' } })],
    ['has a list of other things', (r) => ({ ...r, context: { ...r.context, taskLabels: ['a', 1] } })],
    ['has a hole in a list', (r) => ({ ...r, context: { ...r.context, taskLabels: Array(2) } })],
    ['has an own __proto__', (r) => ({ ...r, context: JSON.parse(`{"__proto__":{},${JSON.stringify(r.context).slice(1)}`) })],
    ['inherits what it should own', (r) => ({ ...r, context: Object.create(r.context) })],
    ['has no context', ({ context: _, ...r }) => r],
    ['has a list for a context', (r) => ({ ...r, context: [] })],
    ['has another type of principal', (r) => ({ ...r, principal: { type: 'Root', id: 'x' } })],
    ['has a principal of an inherited name', (r) => ({ ...r, principal: { type: 'constructor', id: 'x' } })],
    ['has another type of resource', (r) => ({ ...r, resource: { type: '__proto__', id: 'x' } })],
    ['acts on a target as if it were Stint', (r) => ({ ...r, action: 'stint:Task::end' })],
    ['names a group as its action', (r) => ({ ...r, action: 'read' })],
    ['asks of Stint what is asked of targets', (r) => ({ ...r, resource: { type: 'Stint', id: 'installation' } })],
    ['has no action', ({ action: _, ...r }) => r],
    ['is larger than any request', (r) => ({ ...r, context: { ...r.context, resource: 'x'.repeat(MAX_TEXT) } })],
    ['is larger in many small pieces', (r) => ({ ...r, context: { ...r.context, parameters: Array(MAX_TEXT).fill('xy') } })],
    ['has a very long id', (r) => ({ ...r, principal: { type: 'Workload', id: 'x'.repeat(MAX_TEXT) } })],
    ['is nothing', () => undefined],
    ['is a text', () => 'allow'],
    [
      'throws when it is looked at',
      (r) => ({
        ...r,
        get context(): never {
          throw new Error('boo')
        },
      }),
    ],
  ]
  for (const [what, change] of misfits) {
    test(`because it ${what} is denied, also right after the same request was allowed as it should be`, async () => {
      const { decide } = createDecider(setOf(PERMIT), (error) => failures.push(error))
      assert.equal(decide(requestWith()).effect, 'allow')
      assertDenied(decide(change(requestWith()) as AuthzRequest))
      assert.equal(decide(requestWith()).effect, 'allow')
    })
  }

  test('is denied whatever it is, and deciding never throws', async () => {
    const { decide } = createDecider(setOf(PERMIT), () => undefined)
    const good = requestWith()
    const garbage = fc.oneof(
      fc.anything(),
      fc.record({
        principal: fc.anything(),
        action: fc.anything(),
        resource: fc.anything(),
        context: fc.anything(),
        risk: fc.anything(),
      }),
    )
    fc.assert(fc.property(garbage, (one) => assertDenied(decide(one as AuthzRequest))))
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(good.context)), fc.anything(), (name, value) => {
        const { effect } = decide({ ...good, context: { ...good.context, [name]: value as never } })
        assert.ok(effect === 'deny' || isLike(value, good.context[name]), name)
      }),
    )
  })
})

/** Of the same kind, as far as a request of it may be allowed. */
function isLike(value: unknown, model: unknown): boolean {
  if (Array.isArray(model)) return Array.isArray(value) && value.every((one) => typeof one === 'string')
  if (typeof model === 'object')
    return typeof value === 'object' && value !== null && Object.keys(value).join() === Object.keys(model ?? {}).join()
  return typeof value === typeof model
}

describe('G5: when Cedar gives no answer', () => {
  test('because a policy cannot be parsed, it is denied and somebody hears of it', async () => {
    const set = setOf(PERMIT)
    const broken = set.policies.map((policy) => ({
      ...policy,
      json: { ...policy.json, conditions: [{ kind: 'when', body: { nonsense: 1 } }] },
    }))
    failures.length = 0
    assertDenied(decideBy({ ...set, policies: broken as never }))
    assert.equal(failures.length, 1)
  })

  test('because a text is not Unicode, it is denied, and the next request is answered as ever', async () => {
    const { decide } = createDecider(
      setOf('@id("a") permit (principal, action, resource is Target) when { context.purpose != "" };'),
      () => undefined,
    )
    assertDenied(decide(requestWith({ task: { purpose: 'x\ud800' } })))
    assert.equal(decide(requestWith()).effect, 'allow')
  })
})

describe('G5: names that objects inherit', () => {
  const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__entity', '__extn']

  test('are ids like any other: they are denied where nothing permits them', async () => {
    const { decide } = createDecider(
      setOf('@id("a") permit (principal == Workload::"w", action, resource == Target::"t");'),
      assert.ifError,
    )
    for (const id of names) {
      const scope = { targets: names, actions: ['*'] }
      assertDenied(decide(requestWith({ caller: { id }, target: { id }, action: { id }, task: { scope } })), 'no_policy_permits')
    }
  })

  test('are ids like any other: they are permitted where a policy names them, and only they', async () => {
    for (const id of names) {
      const text = `@id("constructor") permit (principal == Workload::"${id}", action, resource == Target::"${id}");`
      const { decide } = createDecider(setOf(text), assert.ifError)
      const as = (who: string): Decision =>
        decide(requestWith({ caller: { id: who }, target: { id }, task: { scope: { targets: [id], actions: ['*'] } } }))
      assert.deepEqual(as(id).policies, ['constructor'])
      assertDenied(as(`${id} `), 'no_policy_permits')
    }
  })
})

test('G5: an obligation that nobody knows is a deny', async () => {
  assertDenied(decideBy(setOf(PERMIT.replace('permit', '@hasOwnProperty permit'))), 'unknown_obligation')
  assertDenied(decideBy(setOf(PERMIT.replace('permit', '@aproval("owner") permit'))), 'unknown_obligation')
})
