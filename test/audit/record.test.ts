import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AuditError } from '../../src/audit/error.ts'
import { Permit } from '../../src/audit/permit.ts'
import { createRecorder } from '../../src/audit/record.ts'
import { openSearch } from '../../src/audit/search.ts'
import { createSettle } from '../../src/audit/settle.ts'
import { createFaultyDisk } from './faulty-disk.ts'
import { decided, digest, freshDirectory, NOW, openTestLog } from './rig.ts'

const now = () => NOW

test('an allow gives a Permit that names its entry; nothing else does', async () => {
  const log = await openTestLog(freshDirectory())
  const recorder = createRecorder(log, { now, digest })
  assert.equal(await recorder.record(decided({ effect: 'deny' })), undefined)
  assert.equal(await recorder.record(decided({ effect: 'needs-approval' })), undefined)
  const allowed = decided()
  const permit = await recorder.record(allowed)
  assert.ok(Permit.check(permit))
  assert.equal(permit.index, 2)
  assert.equal(permit.decided, allowed)
  await log.close()
})

test('a Permit exists only once the entry is durable', async () => {
  const { promise, resolve: acknowledge } = Promise.withResolvers<number>()
  const log = { append: () => promise }
  let permit: unknown
  const recording = createRecorder(log, { now, digest })
    .record(decided())
    .then((made) => {
      permit = made
    })
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(permit, undefined)
  acknowledge(7)
  await recording
  assert.ok(Permit.check(permit))
})

test('when the log cannot be written there is no Permit, and acts and attempts fail too', async () => {
  const disk = createFaultyDisk()
  const log = await openTestLog(freshDirectory(), { disk })
  disk.fill()
  const recorder = createRecorder(log, { now, digest })
  const unavailable = (error: unknown) => error instanceof AuditError && error.code === 'audit_unavailable'
  await assert.rejects(recorder.record(decided()), unavailable)
  await assert.rejects(recorder.recordAttempt({ correlationId: 'x', code: 'invalid_token', detail: 'expired' }), unavailable)
  await assert.rejects(recorder.recordAct({ action: 'task.start' }), unavailable)
  disk.free()
  await log.close()
})

test('an entry holds who, for whom, what, why and the digest of the request, and the outcome points back to it', async () => {
  const log = await openTestLog(freshDirectory())
  const [recorder, settle] = [createRecorder(log, { now, digest }), createSettle(log, { now })]
  const permit = await recorder.record(decided())
  assert.ok(permit)
  settle(
    permit,
    { result: 'cut', status: 200, bytesIn: 12, bytesOut: 3456, durationMs: 78.4, code: 'revoked' },
    { id: 'lease_1' },
  )
  await recorder.recordAttempt({ correlationId: 'req_2', code: 'invalid_token', detail: 'the token has expired' })
  const search = openSearch(log)
  const decision = await search.entry(0)
  assert.ok(decision.kind === 'decision')
  assert.match(decision.requestDigest, /^[0-9a-f]{64}$/)
  assert.deepEqual(
    { ...decision, requestDigest: '' },
    {
      ...{ index: 0, v: 1, kind: 'decision', at: '2026-11-22T08:00:00.000Z', correlationId: 'req_0001' },
      ...{ caller: 'spiffe://stint.test/run/agent', proof: 'sandbox', issuer: 'stint', actors: [] },
      ...{ owner: 'ada@example.com', task: 'task_01', target: 'github-acme' },
      ...{ action: 'github:PullRequest::read', access: 'read', resource: 'repos/acme/app/pulls/7' },
      ...{ effect: 'allow', code: 'allowed', policies: ['reads'], policySetHash: 'ab'.repeat(32) },
      ...{
        reasons: ['reads on the task’s targets are allowed'],
        risk: 10,
        riskReasons: ['+10 internal data'],
        requestDigest: '',
      },
    },
  )
  assert.deepEqual(await search.entry(1), {
    ...{ index: 1, v: 1, kind: 'outcome', at: '2026-11-22T08:00:00.000Z', correlationId: 'req_0001', decision: 0 },
    ...{ caller: 'spiffe://stint.test/run/agent', owner: 'ada@example.com', task: 'task_01', target: 'github-acme' },
    ...{ action: 'github:PullRequest::read', lease: 'lease_1', result: 'cut', status: 200, bytesIn: 12, bytesOut: 3456 },
    ...{ durationMs: 78, code: 'revoked' },
  })
  await log.close()
})

test('facts that are not in the table of fields do not reach the log', async () => {
  const texts: string[] = []
  const recorder = createRecorder({ append: async (entry) => texts.push(entry) - 1 }, { now, digest })
  const token = 'ghp_0123456789abcdef'
  const base = decided()
  await recorder.record({
    ...base,
    ...{ body: token, headers: { authorization: token } },
    caller: { ...base.caller, ...{ claims: { token }, keyThumbprint: token } },
    target: { id: 'github-acme', ...{ credential: token } },
    request: { ...base.request, ...{ context: { note: token } } },
  })
  assert.ok(!texts.join('').includes(token))
})

test('the request is named by the digest that was asked for', async () => {
  const log = await openTestLog(freshDirectory())
  const recorder = createRecorder(log, { now, digest: ({ risk }) => `risk ${risk.score}` })
  await recorder.record(decided())
  const entry = await openSearch(log).entry(0)
  assert.equal(entry.kind === 'decision' && entry.requestDigest, 'risk 10')
  await log.close()
})

test('a forged Permit settles nothing', () => {
  const settle = createSettle({ appendLater: () => assert.fail('written') }, { now })
  const forged = { index: 0, decided: decided() } as unknown as Permit<ReturnType<typeof decided>>
  assert.throws(() => settle(forged, { result: 'completed', bytesIn: 0, bytesOut: 0, durationMs: 0 }), TypeError)
})
