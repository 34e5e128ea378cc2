import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { openApprovals } from '../../src/approvals/approvals.ts'
import { type Delivery, type Outbox, openOutbox } from '../../src/approvals/outbox.ts'
import { openStore } from '../../src/store/store.ts'
import { temporaryDirectory } from '../store/temporary.ts'
import { ann, question as asked, bob, roles } from './questions.ts'

const webhooks = [
  { name: 'to-ann', person: 'ann' },
  { name: 'to-bob', person: 'bob' },
  { name: 'to-dan', person: 'dan' },
]
const rules = { now: Date.now, roles, seconds: 60, most: { times: 5, minutes: 10 }, webhooks }

/** Of a task that lives on: the clock here is the real one. */
const question: typeof asked = (binding, more) => asked(binding, { taskExpiresAt: Date.now() + 3_600_000, ...more })

/** Approvals and an outbox of their own on one state; `send` is the other end. */
async function play(t: TestContext, send: (delivery: Delivery) => Promise<void>) {
  const store = await openStore(join(await temporaryDirectory(t), 'state.db'))
  const approvals = await openApprovals(store, rules)
  const outboxes: Outbox[] = []
  const told: string[] = []
  const reported: unknown[] = []
  const start = () =>
    outboxes.push(
      openOutbox(store, {
        ...{ names: webhooks.map(({ name }) => name), now: Date.now, send },
        told: async ({ webhook }, attempts) => void told.push(`${webhook} ${attempts}`),
        report: (thrown) => void reported.push(thrown),
      }),
    )
  t.after(async () => {
    for (const one of outboxes) one.close()
    await settled(store)
    await store.close()
  })
  const left = () => store.db.selectFrom('approval_deliveries').selectAll().where('due_at', 'is not', null).execute()
  return { approvals, start, stop: () => outboxes.pop()?.close(), told, reported, left }
}

/** What is under way has read and written what it wanted. */
async function settled(store: Awaited<ReturnType<typeof openStore>>): Promise<void> {
  for (let i = 0; i < 3; i++) await store.write(async () => undefined)
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((done) => setTimeout(done, 5))
}

describe('the outbox', () => {
  test('delivers a question to the webhooks of those who may answer, and to no other', async (t) => {
    const sent: string[] = []
    const { approvals, start, left } = await play(t, async ({ webhook }) => void sent.push(webhook))
    start()
    await approvals.consent(question('a', { approver: 'owner and role:security' }))
    await until(async () => sent.length > 0 && (await left()).length === 0)
    assert.deepEqual(sent.toSorted(), ['to-ann', 'to-bob'])
  })

  test('does not ask the person who asks', async (t) => {
    const { approvals, left } = await play(t, async () => undefined)
    const own = question('a')
    await approvals.consent({ ...own, shown: { ...own.shown, callerId: 'ann' } })
    assert.deepEqual(await left(), [])
  })

  test('keeps what was asked while nobody delivers, and delivers it once for all processes', async (t) => {
    const sent: string[] = []
    const { approvals, start, left, told } = await play(t, async ({ messageId }) => void sent.push(messageId))
    await approvals.consent(question('a'))
    assert.equal((await left()).length, 1)
    for (let i = 0; i < 4; i++) start()
    await until(async () => sent.length > 0 && (await left()).length === 0)
    assert.equal(sent.length, 1)
    assert.deepEqual(told, ['to-ann 1'])
  })

  test('tries again, with the same message, until the other end has it', async (t) => {
    const sent: string[] = []
    const { approvals, start, left, told, reported } = await play(t, async ({ messageId }) => {
      sent.push(messageId)
      if (sent.length < 2) throw new Error('not now')
    })
    start()
    await approvals.consent(question('a'))
    await until(async () => sent.length > 1 && (await left()).length === 0)
    assert.equal(new Set(sent).size, 1)
    assert.deepEqual(told, ['to-ann 2'])
    assert.equal(reported.length, 1)
  })

  test('does not take along what was answered or is over', async (t) => {
    const sent: string[] = []
    const { approvals, start, left } = await play(t, async ({ approval }) => void sent.push(approval.id))
    const ids: string[] = []
    for (const [binding, taskId] of Object.entries({ a: 'task_1', b: 'task_2', c: 'task_3' })) {
      const standing = await approvals.consent(question(binding, { taskId }))
      assert.ok(standing.is === 'pending')
      ids.push(standing.approval.id)
    }
    await approvals.deny(ids[0] ?? '', ann)
    await approvals.close('task_2')
    start()
    await until(async () => (await left()).length === 0)
    assert.deepEqual(sent, [ids[2]])
  })
})

describe('who answers by a webhook', () => {
  test('is not the one who asks, whoever speaks for them', async (t) => {
    const { approvals } = await play(t, async () => undefined)
    const own = question('a', { approver: 'role:security' })
    const standing = await approvals.consent({ ...own, shown: { ...own.shown, callerId: 'bob' } })
    assert.ok(standing.is === 'pending')
    await assert.rejects(approvals.grant(standing.approval.id, { ...bob, callerId: 'spiffe://stint.local/webhook/x' }), {
      code: 'not_approver',
    })
  })
})
