import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { EntryOf } from '../../src/audit/entry.ts'
import type { Permit } from '../../src/audit/permit.ts'
import { createRecorder, type Decidable } from '../../src/audit/record.ts'
import { createSettle } from '../../src/audit/settle.ts'
import { timestamp } from '../../src/audit/spell.ts'
import { decided, NOW } from './rig.ts'

const word = fc.oneof(fc.string({ unit: 'binary', maxLength: 8 }), fc.constantFrom('"},{"', '__proto__', '\ud800', '', 'é\u2028'))
const words = fc.array(word, { maxLength: 3 })
const access = fc.constantFrom('read', 'write', 'destructive', 'admin')
const effect = fc.constantFrom('allow', 'deny', 'needs-approval')

/** A few values of each kind that many entries are about, and entries about any of them together. */
const entries = fc
  .record({
    callers: pool(fc.record({ id: word, proof: word, issuer: word, actors: words })),
    tasks: pool(fc.option(fc.record({ id: word, owner: word }), { nil: undefined })),
    targets: pool(fc.option(fc.record({ id: word }), { nil: undefined })),
    decisions: pool(fc.record({ effect, code: word, policies: words, policySetHash: word, reasons: words })),
  })
  .chain(({ callers, tasks, targets, decisions }) =>
    fc.array(
      fc.record({
        correlationId: word,
        caller: fc.constantFrom(...callers),
        task: fc.constantFrom(...tasks),
        target: fc.constantFrom(...targets),
        action: fc.record({ id: word, access, resource: word }),
        request: fc.record({ risk: fc.record({ score: fc.nat(100), reasons: words }) }),
        decision: fc.constantFrom(...decisions),
      }),
      { maxLength: 6 },
    ),
  )

function pool<T>(one: fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  return fc.array(one, { minLength: 1, maxLength: 3 })
}

function decisionOf({ correlationId, caller, task, target, action, request, decision }: Decidable): EntryOf<'decision'> {
  const { proof, issuer, actors } = caller
  return {
    ...{ v: 1, kind: 'decision', at: timestamp(NOW), correlationId, caller: caller.id, proof, issuer, actors },
    ...{ owner: task?.owner ?? null, task: task?.id ?? null, target: target?.id ?? null },
    ...{ action: action.id, access: action.access, resource: action.resource },
    ...{ effect: decision.effect, code: decision.code, policies: decision.policies },
    ...{ policySetHash: decision.policySetHash, reasons: decision.reasons },
    ...{ risk: request.risk.score, riskReasons: request.risk.reasons, requestDigest: correlationId },
  }
}

function outcomeOf({
  index: decision,
  decided: { correlationId, caller, task, target, action },
}: Permit<Decidable>): EntryOf<'outcome'> {
  return {
    ...{ v: 1, kind: 'outcome', at: timestamp(NOW), correlationId, decision, caller: caller.id },
    ...{ owner: task?.owner ?? null, task: task?.id ?? null, target: target?.id ?? null, action: action.id },
    ...{ lease: correlationId, result: 'completed', status: 200, bytesIn: 1, bytesOut: 2, durationMs: 3, code: null },
  }
}

test('an entry is what JSON.stringify makes of its fields in their order, whatever was written about the same values before', async () => {
  const written: string[] = []
  const log = {
    append: async (entry: string) => written.push(entry) - 1,
    appendLater: (entry: string) => void written.push(entry),
  }
  const now = () => NOW
  await fc.assert(
    fc.asyncProperty(entries, async (all) => {
      for (const some of all) {
        const facts = decided(some)
        const recorder = createRecorder(log, { now, digest: () => facts.correlationId })
        const permit = await recorder.record(facts)
        assert.equal(written.at(-1), JSON.stringify(decisionOf(facts)))
        if (permit === undefined) continue
        const outcome = { result: 'completed', status: 200, bytesIn: 1, bytesOut: 2, durationMs: 3 } as const
        createSettle(log, { now })(permit, outcome, { id: facts.correlationId })
        assert.equal(written.at(-1), JSON.stringify(outcomeOf(permit)))
      }
    }),
  )
})
