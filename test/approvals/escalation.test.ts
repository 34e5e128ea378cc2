import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { type Approvals, openApprovals } from '../../src/approvals/approvals.ts'
import { openOutbox } from '../../src/approvals/outbox.ts'
import { roleChannel } from '../../src/approvals/webhooks.ts'
import { openStore } from '../../src/store/store.ts'
import { temporaryDirectory } from '../store/temporary.ts'
import { ann, question as asked, bob, cyd } from './questions.ts'

const AFTER_MS = 300_000
const dan = { callerId: 'spiffe://stint.local/people/dan', person: 'dan' }
const roles = { security: ['bob', 'cyd'], oncall: ['dan'] }
const webhooks = [
  { name: 'to-bob', person: 'bob' },
  { name: 'to-dan', person: 'dan' },
]

/** Approvals of two gateways on one state, whose clock is set by hand; `look` is one look of their outboxes. */
async function play(t: TestContext) {
  let time = Date.now()
  const now = () => time
  const store = await openStore(join(await temporaryDirectory(t), 'state.db'))
  const escalation = { role: 'oncall', afterMs: AFTER_MS }
  const rules = { now, roles, seconds: 900, most: { times: 5, minutes: 10 }, webhooks, escalation }
  const approvals = await openApprovals(store, rules)
  const recorded: string[] = []
  const close: (() => void)[] = []
  const start = () => {
    const outbox = openOutbox(store, {
      ...{ names: [roleChannel('oncall')], now, report: (thrown: unknown) => assert.fail(String(thrown)) },
      async send({ approval: { id } }) {
        recorded.push(id)
        await approvals.escalate(id, 'oncall')
      },
    })
    close.push(outbox.close)
  }
  t.after(async () => {
    for (const one of close) one()
    for (let i = 0; i < 3; i++) await store.write(async () => undefined)
    await store.close()
  })
  const dueRows = () => store.db.selectFrom('approval_deliveries').selectAll().orderBy('webhook').execute()
  return { approvals, start, recorded, dueRows, pass: (ms: number) => (time += ms) }
}

async function ask(approvals: Approvals, approver: string, more: { neverEscalates?: true } = {}): Promise<string> {
  const standing = await approvals.consent({ ...asked('a', { approver, taskExpiresAt: Date.now() + 3_600_000 }), ...more })
  assert.ok(standing.is === 'pending')
  return standing.approval.id
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((done) => setTimeout(done, 5))
}

describe('a question that nobody answers', () => {
  test('is not for others before its time', async (t) => {
    const { approvals, start, pass, dueRows } = await play(t)
    const id = await ask(approvals, 'role:security')
    pass(AFTER_MS - 1)
    start()
    await assert.rejects(approvals.grant(id, dan), { code: 'not_approver' })
    await assert.rejects(approvals.get(id, 'dan'), { code: 'not_found' })
    assert.deepEqual(
      (await dueRows()).map(({ webhook }) => webhook),
      ['role:oncall', 'to-bob'],
    )
  })

  test('is escalated once by several gateways: the role may answer, its webhooks are asked, and who was asked is not again', async (t) => {
    const { approvals, start, pass, recorded, dueRows } = await play(t)
    const id = await ask(approvals, 'role:security')
    const [, first] = await dueRows()
    pass(AFTER_MS)
    for (let i = 0; i < 4; i++) start()
    const isEscalated = async () => (await approvals.get(id)).escalation !== undefined
    await until(async () => (await isEscalated()) && (await dueRows())[0]?.due_at === null)
    const rows = await dueRows()
    assert.deepEqual(recorded, [id])
    assert.deepEqual(
      rows.map(({ webhook }) => webhook),
      ['role:oncall', 'to-bob', 'to-dan'],
    )
    assert.deepEqual(rows[1], first)
    assert.equal((await approvals.get(id, 'dan')).escalation?.role, 'oncall')
    assert.equal((await approvals.grant(id, dan)).state, 'granted')
    assert.equal((await approvals.consent(asked('a'))).is, 'taken')
  })

  test('still takes as many people, and none of those who ask', async (t) => {
    const { approvals } = await play(t)
    const id = await ask(approvals, '2 of role:security')
    await approvals.escalate(id, 'oncall')
    await assert.rejects(approvals.grant(id, { ...dan, callerId: 'spiffe://stint.local/local/ann' }), { code: 'not_approver' })
    assert.equal((await approvals.grant(id, dan)).state, 'pending')
    await assert.rejects(approvals.grant(id, dan), { code: 'conflict' })
    await assert.rejects(approvals.grant(id, ann), { code: 'not_approver' })
    assert.equal((await approvals.grant(id, cyd)).state, 'granted')
  })

  test('is for nobody else once it is answered', async (t) => {
    const { approvals, start, pass, recorded, dueRows } = await play(t)
    const id = await ask(approvals, 'role:security')
    await approvals.deny(id, bob)
    pass(AFTER_MS)
    start()
    await until(async () => (await dueRows())[0]?.due_at === null)
    await approvals.escalate(id, 'oncall')
    assert.deepEqual([recorded, (await approvals.get(id)).escalation], [[], undefined])
  })

  test('is never for others where it says who alone may answer', async (t) => {
    const { approvals, dueRows } = await play(t)
    await ask(approvals, 'role:security', { neverEscalates: true })
    assert.deepEqual(
      (await dueRows()).map(({ webhook }) => webhook),
      ['to-bob'],
    )
  })
})
