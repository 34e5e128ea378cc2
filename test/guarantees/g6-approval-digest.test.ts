import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { AuthzRequest, CedarValue } from '../../src/model.ts'
import { digestOf } from '../../src/policy/digest.ts'
import { requestOnTarget } from '../../src/policy/request.ts'
import { action, caller, NOON, requestWith, target, task } from '../policy/sample.ts'

// G6, its shape: an approval is bound to the digest of one request, so the digest must name exactly that request.

const text = fc.string({ unit: 'grapheme', maxLength: 12 })
const parts = fc.record({
  caller: fc.record({ id: text, claims: fc.dictionary(text, text, { maxKeys: 2 }), actors: fc.array(text, { maxLength: 2 }) }),
  task: fc.record({ id: text, purpose: text, owner: text, labels: fc.array(text, { maxLength: 2 }), ticket: text }),
  target: fc.record({
    id: text,
    environment: fc.constantFrom('production', 'staging'),
    labels: fc.array(text, { maxLength: 2 }),
  }),
  action: fc.record({
    id: text,
    resource: text,
    parameters: fc.dictionary(text, fc.oneof(text, fc.array(text)), { maxKeys: 3 }),
  }),
})

/** Every single change that can be made to a value: each text one unit longer, each truth turned, each number one more. */
function* changes(value: CedarValue): Generator<CedarValue> {
  if (typeof value === 'string') yield `${value}\u0000`
  else if (typeof value === 'boolean') yield !value
  else if (typeof value === 'number') yield value + 1
  else if (Array.isArray(value)) {
    yield [...value, '']
    for (const [at, one] of value.entries()) for (const other of changes(one)) yield value.with(at, other)
  } else {
    for (const [name, one] of Object.entries(value)) {
      for (const other of changes(one)) yield { ...value, [name]: other }
      const { [name]: _, ...rest } = value as Record<string, CedarValue>
      yield rest
    }
  }
}

describe('G6: the digest that an approval is bound to', () => {
  test('is another after any single change to who does what to what, and why', () => {
    fc.assert(
      fc.property(parts, (some) => {
        const { principal, action, resource, context, risk } = requestWith(some)
        const { time: _, risk: __, ...lasting } = context
        const digests = [digestOf({ principal, action, resource, context, risk })]
        const whole: AuthzRequest = { principal, action, resource, context: lasting, risk }
        for (const name of ['principal', 'action', 'resource', 'context'] as const) {
          for (const changed of changes(whole[name])) digests.push(digestOf({ ...whole, [name]: changed }))
        }
        assert.equal(new Set(digests).size, digests.length)
      }),
      { numRuns: 40 },
    )
  })

  test('is another for every two requests that differ', () => {
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        const [a, b] = [requestWith(one), requestWith(other)]
        assert.equal(digestOf(a) === digestOf(b), JSON.stringify({ ...a, risk: 0 }) === JSON.stringify({ ...b, risk: 0 }))
      }),
    )
  })

  test('looks at all of a request, whatever the same caller asked before, under this task or another, on this target or another', () => {
    const tasks = [task, { ...task, purpose: 'fix issue 43' }, { ...task, scope: { targets: [], actions: [] } }]
    const targets = [target, { ...target, labels: ['pci'] }]
    const asking = fc.record({
      on: fc.constantFrom(...targets),
      under: fc.constantFrom(...tasks),
      what: parts.map((some) => some.action),
    })
    fc.assert(
      fc.property(fc.array(asking, { maxLength: 6 }), (asked) => {
        const digests = new Map<string, string>()
        for (const { on, under, what } of asked) {
          const request = requestOnTarget(caller, under, on, { ...action, ...what }, NOON)
          const copy = { ...request }
          assert.equal(digestOf(request), digestOf(copy))
          digests.set(JSON.stringify(copy), digestOf(request))
        }
        assert.equal(new Set(digests.values()).size, digests.size)
      }),
    )
  })

  test('is the same a minute later, and at night, when the risk is higher: the act is the same and is decided anew', () => {
    const day = requestWith()
    const night = requestWith({ now: NOON + 11 * 3_600_000 })
    assert.notEqual(night.risk.score, day.risk.score)
    assert.equal(digestOf(night), digestOf(day))
    assert.match(digestOf(day), /^[0-9a-f]{64}$/)
  })

  test('is another under another task, for another owner and on another target of the same kind', () => {
    const digests = [
      requestWith(),
      requestWith({ task: { id: 'task_2' } }),
      requestWith({ task: { owner: 'eve@example.com' } }),
      requestWith({ target: { id: 'system-2' }, task: { scope: { targets: ['system-2'], actions: ['*'] } } }),
      requestWith({ action: { parameters: { ref: 'refs/heads/main' } } }),
      requestWith({ action: { parameters: { ref: 'refs/heads/maim' } } }),
    ].map(digestOf)
    assert.equal(new Set(digests).size, digests.length)
  })
})
