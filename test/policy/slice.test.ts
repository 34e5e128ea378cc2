import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isAuthorized } from '@cedar-policy/cedar-wasm/nodejs'
import fc from 'fast-check'
import type { AuthzRequest } from '../../src/model.ts'
import type { PolicyJson } from '../../src/policy/cedar.ts'
import { createDecider } from '../../src/policy/decide.ts'
import { entitiesOf } from '../../src/policy/entities.ts'
import { createSlices, type Sliceable, type Verdict } from '../../src/policy/slice.ts'
import { requestWith, setOf } from './sample.ts'

const WORDS = ['Environment', 'Sensitivity', 'Proof', 'Access']
const isWord = (type: string): boolean => WORDS.includes(type)

const entity = fc.constantFrom(
  { type: 'Workload', id: 'w0' },
  { type: 'Workload', id: '__proto__' },
  { type: 'Operator', id: 'w0' },
  { type: 'Target', id: 't0' },
  { type: 'Target', id: 't1" Environment 1 x' },
  { type: 'Stint', id: 'installation' },
  { type: 'Environment', id: 'production' },
  { type: 'Proof', id: 'sandbox' },
)
const principal = fc.constantFrom(
  { type: 'Workload', id: 'w0' },
  { type: 'Workload', id: '__proto__' },
  { type: 'Operator', id: 'w0' },
)
const resource = fc.constantFrom(
  { type: 'Target', id: 't0' },
  { type: 'Target', id: 't1" Environment 1 x' },
  { type: 'Stint', id: 'installation' },
)
const actionId = fc.constantFrom('http:GET', 'constructor', 'read', 'write', 'stint')
const name = fc.constantFrom('a', 'b', 'time', 'access', 'proof', 'environment', '__proto__', 'constructor')
const literal = fc.oneof(
  fc.boolean(),
  fc.integer({ min: -1, max: 2 }),
  fc.constantFrom('a', 'b', '', 'production'),
  entity.map((one) => ({ __entity: one })),
)

const expression = fc.letrec((tie) => {
  const e = tie('e')
  const two = (...operators: string[]) =>
    fc.tuple(fc.constantFrom(...operators), e, e).map(([operator, left, right]) => ({ [operator]: { left, right } }))
  const context = fc.constant({ Var: 'context' })
  const attribute = fc
    .tuple(fc.oneof({ weight: 4, arbitrary: context }, e), name)
    .map(([left, attr]) => ({ '.': { left, attr } }))
  return {
    e: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      literal.map((Value) => ({ Value })),
      actionId.map((id) => ({ Value: { __entity: { type: 'Action', id } } })),
      attribute,
      fc.constantFrom('principal', 'action', 'resource', 'context').map((Var) => ({ Var })),
      two('==', '!=', 'in', '<', '<=', '&&', '||', '+', '*', 'contains', 'containsAll', 'containsAny', 'hasTag', 'getTag'),
      two('==', '&&', '||', 'in'),
      fc.tuple(fc.oneof(context, e), name).map(([left, attr]) => ({ has: { left, attr } })),
      fc
        .tuple(fc.oneof(context, attribute), fc.array(name, { minLength: 2, maxLength: 3 }))
        .map(([left, attr]) => ({ has: { left, attr } })),
      fc.tuple(fc.constantFrom('!', 'neg', 'isEmpty'), e).map(([operator, arg]) => ({ [operator]: { arg } })),
      fc
        .tuple(e, e, e)
        .map((parts) => ({ 'if-then-else': Object.fromEntries(['if', 'then', 'else'].map((part, at) => [part, parts[at]])) })),
      fc.array(e, { maxLength: 3 }).map((members) => ({ Set: members })),
      fc.tuple(fc.constantFrom('a', 'b'), e).map(([key, value]) => ({ Record: { [key]: value } })),
      e.map((left) => ({ like: { left, pattern: ['Wildcard', { Literal: 'a' }] } })),
      fc.tuple(e, entity).map(([left, { type }]) => ({ is: { left, entity_type: type } })),
      fc.tuple(e, entity, e).map(([left, { type }, inside]) => ({ is: { left, entity_type: type, in: inside } })),
      e.map((arg) => ({ decimal: [arg] })),
    ),
  }
}).e

const variable = fc.constantFrom('principal', 'action', 'resource').map((Var) => ({ Var }))
const named = fc
  .oneof(
    entity,
    actionId.map((id) => ({ type: 'Action', id })),
  )
  .map((one) => ({ Value: { __entity: one } }))
const read = fc
  .constantFrom(['a'], ['b'], ['time'], ['time', 'a'], ['time', 'b'], ['a', 'b'], ['constructor'], ['__proto__'])
  .map((path) => path.reduce((left, attr) => ({ '.': { left, attr } }), { Var: 'context' } as object))
/** What people write, so that answers hang on one thing at a time. */
const atom = fc.oneof(
  fc
    .tuple(fc.constantFrom('==', '!=', 'in'), variable, named)
    .map(([operator, left, right]) => ({ [operator]: { left, right } })),
  fc.tuple(fc.constantFrom('==', 'in'), named, named).map(([operator, left, right]) => ({ [operator]: { left, right } })),
  fc.tuple(variable, fc.array(named, { maxLength: 2 })).map(([left, members]) => ({ in: { left, right: { Set: members } } })),
  fc.tuple(variable, entity, named).map(([left, { type }, inside]) => ({ is: { left, entity_type: type, in: inside } })),
  fc.tuple(variable, entity).map(([left, { type }]) => ({ is: { left, entity_type: type } })),
  fc.tuple(read, literal).map(([left, Value]) => ({ '==': { left, right: { Value } } })),
  fc.tuple(read, literal).map(([left, Value]) => ({ contains: { left, right: { Value } } })),
  fc.tuple(fc.oneof(fc.constant({ Var: 'context' }), read), name).map(([left, attr]) => ({ has: { left, attr } })),
  fc.array(name, { minLength: 2, maxLength: 3 }).map((attr) => ({ has: { left: { Var: 'context' }, attr } })),
)

const constraint = fc.oneof(
  { weight: 16, arbitrary: fc.constant({ op: 'All' }) },
  entity.map((one) => ({ op: '==', entity: one })),
  entity.map((one) => ({ op: 'in', entity: one })),
  entity.map(({ type }) => ({ op: 'is', entity_type: type })),
  fc.tuple(entity, entity).map(([{ type }, one]) => ({ op: 'is', entity_type: type, in: { entity: one } })),
)
const group = actionId.map((id) => ({ type: 'Action', id }))
const actionConstraint = fc.oneof(
  { weight: 16, arbitrary: fc.constant({ op: 'All' }) },
  group.map((one) => ({ op: '==', entity: one })),
  group.map((one) => ({ op: 'in', entity: one })),
  fc.array(group, { maxLength: 3 }).map((entities) => ({ op: 'in', entities })),
)
const clause = fc.record({ kind: fc.constantFrom('when', 'unless'), body: fc.oneof({ weight: 3, arbitrary: atom }, expression) })
const policy = fc.record({
  effect: fc.constantFrom('permit', 'permit', 'forbid'),
  principal: constraint,
  action: actionConstraint,
  resource: constraint,
  conditions: fc.array(clause, { maxLength: 2 }),
})

const word = (type: string, ...ids: string[]) =>
  fc.option(
    fc.constantFrom(...ids).map((id) => ({ __entity: { type, id } })),
    { nil: undefined },
  )
const value = fc.oneof(literal, fc.array(literal, { maxLength: 2 }), fc.record({ a: literal, b: literal }, { requiredKeys: [] }))
const context = fc
  .record(
    {
      a: value,
      b: value,
      time: fc.record({ a: literal, b: literal }, { requiredKeys: [] }),
      constructor: value,
      access: word('Access', 'read', 'write'),
      proof: word('Proof', 'sandbox', 'federated'),
      environment: word('Environment', 'production'),
    },
    { requiredKeys: [] },
  )
  .map((record) => JSON.parse(JSON.stringify(record)))
const parts = { principal, action: fc.constantFrom('http:GET', 'constructor'), resource, context }
type Part = keyof typeof parts
/** Requests that differ from the first in one part, or in one attribute. */
const requests = fc
  .tuple(fc.record(parts), fc.array(fc.record(parts), { minLength: 2, maxLength: 8 }), fc.infiniteStream(fc.nat()))
  .map(([first, others, numbers]) => [first, ...others.map((other) => crossed(first, other, numbers.next().value))])

function crossed<T extends Record<Part, unknown>>(first: T, other: T, number: number): T {
  const attributes = Object.keys(other.context as object)
  const part = (['principal', 'action', 'resource'] as const)[number % (3 + attributes.length)]
  if (part !== undefined) return { ...first, [part]: other[part] }
  const attribute = attributes[number % attributes.length] ?? 'a'
  return {
    ...first,
    context: { ...(first.context as object), [attribute]: (other.context as Record<string, unknown>)[attribute] },
  }
}

/** What Cedar says over the whole set, in one call, with everything it could read. */
function plainly(policies: readonly Sliceable[], asked: AuthzRequest) {
  const answer = isAuthorized({
    principal: asked.principal,
    action: { type: 'Action', id: asked.action },
    resource: asked.resource,
    context: asked.context as Record<string, never>,
    entities: entitiesOf(asked),
    policies: { staticPolicies: Object.fromEntries(policies.map(({ id, json }) => [id, json])) },
  })
  assert.ok(answer.type === 'success', JSON.stringify(answer))
  const { decision, diagnostics } = answer.response
  return {
    allowed: decision === 'allow',
    determining: diagnostics.reason.sort(),
    errors: diagnostics.errors.map((one) => one.policyId).sort(),
  }
}

function said(verdict: Verdict<Sliceable>) {
  return {
    allowed: verdict.allowed,
    determining: verdict.determining.map(({ id }) => id).sort(),
    errors: verdict.errors.map((one) => one.policy.id).sort(),
  }
}

let sets = 0
const RUNS = 150

describe('a slice', () => {
  // So that the property is not held by answers that are all alike.
  const seen = { allowed: 0, denied: 0, errors: 0, outside: 0, equalInputs: 0 }

  test('answers as plain Cedar does over all policies, also for inputs that the cache takes for equal', () => {
    fc.assert(
      fc.property(fc.array(policy, { minLength: 1, maxLength: 5 }), requests, (jsons, asks) => {
        const policies = jsons.map((json, position) => ({ id: `p${position}`, position, json: json as PolicyJson }))
        const sliceOf = createSlices(policies, `property ${++sets}`, isWord)
        const cache = new Map<string, unknown>()
        for (const one of asks) {
          const asked: AuthzRequest = { ...one, risk: { score: 0, reasons: [] } }
          const slice = sliceOf(asked)
          const expected = plainly(policies, asked)
          assert.deepEqual(said(slice.evaluate(asked)), expected)
          const key = slice.keyOf(asked)
          seen[expected.allowed ? 'allowed' : 'denied']++
          seen.errors += expected.errors.length
          seen.outside += policies.length - slice.policies.length
          if (cache.has(key) && slice.policies.length > 0) seen.equalInputs++
          if (cache.has(key)) assert.deepEqual(cache.get(key), expected)
          cache.set(key, expected)
        }
      }),
      { numRuns: RUNS },
    )
    for (const [what, times] of Object.entries(seen)) assert.ok(times > RUNS / 10, `${what}: ${times}`)
  })

  test('is the same one for all actions that no policy names, so that varying them costs nothing', async () => {
    const { sliceOf } = createDecider(setOf('@id("a") permit (principal, action in Action::"read", resource);'), (error) =>
      assert.fail(String(error)),
    )
    const slice = sliceOf(requestWith())
    for (let n = 0; n < 100; n++)
      assert.equal(sliceOf(requestWith({ action: { id: `http:X${n}` }, caller: { id: `w${n}` } })), slice)
    assert.notEqual(sliceOf(requestWith({ action: { access: 'write' } })), slice)
  })

  test('outlives the place Cedar had for it: more slices than places, asked in turn, answer right', async () => {
    const policies = Array.from(
      { length: 530 },
      (_, n) => `@id("p${n}") permit (principal, action, resource == Target::"t${n}");`,
    )
    const { decide } = createDecider(setOf(policies.join('\n')), (error) => assert.fail(String(error)))
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n < 530; n += 1) {
        const request = requestWith({
          task: { scope: { targets: [`t${n}`], actions: ['*'] } },
          target: { id: `t${n}`, labels: [`${round}`] },
        })
        assert.deepEqual(decide(request).policies, [`p${n}`])
      }
    }
  })
})
