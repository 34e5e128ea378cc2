import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type Approvals, openApprovals } from '../../src/approvals/approvals.ts'
import { pruneApprovals } from '../../src/approvals/prune.ts'
import { forgetApprovals } from '../../src/forget-approvals.ts'
import type { Opening, Rooms } from '../../src/rooms.ts'
import type { Store } from '../../src/store/store.ts'
import { temporaryStore } from '../store/temporary.ts'
import { ann, question, roles } from './questions.ts'

const DAY = 86_400_000
const LONG = { taskExpiresAt: 365 * DAY }

/** Approvals of two gateways on one state, whose clock is set by hand. */
async function play(t: TestContext) {
  let time = 1000
  const { store } = await temporaryStore(t)
  const now = () => time
  const rules = { now, roles, seconds: 60, most: { times: 5, minutes: 10 }, webhooks: [{ name: 'to-ann', person: 'ann' }] }
  const [one, other] = [await openApprovals(store, rules), await openApprovals(store, rules)]
  return { store, one, other, now, pass: (ms: number) => (time += ms) }
}

async function ask(approvals: Approvals, binding: string): Promise<string> {
  const standing = await approvals.consent(question(binding, LONG))
  assert.ok(standing.is === 'pending')
  return standing.approval.id
}

async function idsIn({ db }: Store): Promise<readonly string[][]> {
  const approvals = await db.selectFrom('approvals').select('id').orderBy('id').execute()
  const deliveries = await db.selectFrom('approval_deliveries').select('approval_id as id').orderBy('approval_id').execute()
  return [approvals, deliveries].map((rows) => rows.map(({ id }) => id))
}

test('what was used, denied or let go by is deleted when it was over for so long, with its deliveries, and not before', async (t) => {
  const { store, one, now, pass } = await play(t)
  const used = await ask(one, 'used')
  await one.grant(used, ann)
  assert.equal((await one.consent(question('used', LONG))).is, 'taken')
  await one.deny(await ask(one, 'denied'), ann)
  await one.grant(await ask(one, 'granted, and never used'), ann)
  await ask(one, 'never answered')
  assert.equal((await idsIn(store))[1]?.length, 4, 'its deliveries are there')
  pass(60_000 + DAY)
  assert.equal(await pruneApprovals(store, now() - DAY), 0, 'at the last moment')
  assert.equal((await idsIn(store))[0]?.length, 4)
  pass(1)
  assert.equal(await pruneApprovals(store, now() - DAY), 4)
  assert.deepEqual(await idsIn(store), [[], []])
  await assert.rejects(one.get(used), { code: 'not_found' })
})

test('whatever can still be met stays, however old its question, and so does what an opening waits for', async (t) => {
  const { store, one, other, now, pass } = await play(t)
  const waited = await ask(one, 'an opening’s')
  pass(2 * DAY)
  const pending = await ask(one, 'pending')
  const granted = await ask(one, 'granted')
  await one.grant(granted, { ...ann, times: 2 })
  const denied = await ask(one, 'denied')
  await one.deny(denied, ann)
  assert.equal(await pruneApprovals(store, now() - DAY, [waited]), 0)
  const all = [waited, pending, granted, denied].toSorted()
  assert.deepEqual(await idsIn(store), [all, all])
  assert.equal((await other.consent(question('granted', LONG))).is, 'taken')
  assert.equal((await other.consent(question('denied', LONG))).is, 'denied')
  assert.equal(await pruneApprovals(store, now() - DAY), 1, 'nothing waits for it any more')
})

test('two gateways delete each row once, however many there are', async (t) => {
  const { store, one, now, pass } = await play(t)
  const id = await ask(one, 'copied')
  await store.write(async (tx) => {
    const row = await tx.selectFrom('approvals').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
    const copies = Array.from({ length: 700 }, (_, at) => ({ ...row, id: `${id}${at}`, binding: `${at}` }))
    for (let at = 0; at < copies.length; at += 100)
      await tx
        .insertInto('approvals')
        .values(copies.slice(at, at + 100))
        .execute()
  })
  pass(2 * DAY)
  const deleted = await Promise.all([pruneApprovals(store, now() - DAY), pruneApprovals(store, now() - DAY)])
  assert.equal(deleted[0] + deleted[1], 701)
  assert.deepEqual(await idsIn(store), [[], []])
})

test('a running Stint does so at its start and each hour, after the days that its settings say', async (t) => {
  const { store, one, now, pass } = await play(t)
  t.mock.timers.enable({ apis: ['setInterval'] })
  const told: unknown[] = []
  const closers: (() => unknown)[] = []
  const id = await ask(one, 'old')
  const rooms = { store, glass: { questions: () => [] } } as unknown as Rooms
  const log = { info: (facts: unknown) => told.push(facts) }
  const opening = {
    config: { approvalRetentionDays: 30 },
    log,
    now,
    report: assert.fail,
    onClose: (one: () => unknown) => closers.push(one),
  }
  const settled = async () => {
    for (let turn = 0; turn < 20; turn += 1) await store.write(async () => undefined)
  }
  forgetApprovals(rooms, opening as unknown as Opening)
  await settled()
  pass(30 * DAY + 60_001)
  await settled()
  assert.equal((await one.get(id)).state, 'expired', 'nobody looked')
  t.mock.timers.tick(3_600_000)
  await settled()
  await assert.rejects(one.get(id), { code: 'not_found' })
  assert.deepEqual(told, [{ deleted: 1 }])
  const late = await ask(one, 'late')
  pass(31 * DAY)
  for (const close of closers) await close()
  t.mock.timers.tick(3_600_000)
  await settled()
  assert.equal((await one.get(late)).state, 'expired', 'it is closed')
})
