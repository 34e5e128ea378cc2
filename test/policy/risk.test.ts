import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { assessRisk, type RiskFacts } from '../../src/policy/risk.ts'

const facts = fc.record<RiskFacts>({
  access: fc.constantFrom('read', 'write', 'destructive', 'admin'),
  environment: fc.constantFrom('production', 'staging', 'development', 'unknown'),
  sensitivity: fc.constantFrom('public', 'internal', 'confidential', 'restricted'),
  proof: fc.constantFrom('operator-socket', 'sandbox', 'process-tree', 'run-secret', 'federated'),
  hour: fc.nat({ max: 23 }),
  weekday: fc.constantFrom('monday', 'friday', 'saturday', 'sunday'),
  labels: fc.array(fc.constantFrom('pii', 'pci', 'phi', 'secrets', 'untrusted-input', 'constructor', 'other')),
})

describe('the risk score', () => {
  test('is the sum of its reasons, at most 100, the largest reason first', () => {
    fc.assert(
      fc.property(facts, (one) => {
        const { score, reasons } = assessRisk(one)
        const points = reasons.map((reason) => Number(/^\+(\d+) \S/.exec(reason)?.[1]))
        assert.equal(
          score,
          Math.min(
            100,
            points.reduce((sum, more) => sum + more, 0),
          ),
        )
        assert.deepEqual(
          points,
          [...points].sort((a, b) => b - a),
        )
        assert.ok(points.every((more) => more > 0))
      }),
    )
  })

  test('is nothing for a sandboxed read of public development data at noon', () => {
    const calm = {
      access: 'read',
      environment: 'development',
      sensitivity: 'public',
      proof: 'sandbox',
      hour: 12,
      weekday: 'monday',
      labels: [],
    } as const
    assert.deepEqual(assessRisk(calm), { score: 0, reasons: [] })
    assert.deepEqual(assessRisk({ ...calm, access: 'write', environment: 'production' }).reasons, [
      '+20 writes',
      '+20 in production',
    ])
    assert.equal(assessRisk({ ...calm, hour: 5 }).score, 5)
    assert.equal(assessRisk({ ...calm, weekday: 'sunday' }).score, 5)
  })

  test('is not given for an access, a place or a proof that nobody knows', () => {
    for (const unknown of ['access', 'environment', 'sensitivity', 'proof']) {
      const asked = { access: 'read', proof: 'sandbox', hour: 12, weekday: 'monday', labels: [], [unknown]: 'constructed' }
      assert.throws(() => assessRisk(asked as never), TypeError)
    }
  })

  test('never falls when an action gets graver, a place more sensitive or a label more', () => {
    fc.assert(
      fc.property(facts, (one) => {
        const { score } = assessRisk(one)
        assert.ok(assessRisk({ ...one, labels: [...one.labels, 'pii'] }).score >= score)
        assert.ok(assessRisk({ ...one, sensitivity: 'restricted' }).score >= score)
        assert.ok(assessRisk({ ...one, environment: 'production' }).score >= score)
        assert.ok(assessRisk({ ...one, access: 'destructive' }).score >= score)
      }),
    )
  })
})
