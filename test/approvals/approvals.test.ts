import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { openApprovals, type Question } from '../../src/approvals/approvals.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { temporaryDirectory } from '../store/temporary.ts'
import { ann, bob, cyd, question, roles } from './questions.ts'

/** Approvals on a store of their own, with a clock that is moved by hand. */
async function play(t: TestContext) {
  const path = join(await temporaryDirectory(t), 'state.db')
  let now = 1000
  const stores: Store[] = []
  const open = async () => {
    const store = await openStore(path)
    stores.push(store)
    return openApprovals(store, { now: () => now, roles, seconds: 60, most: { times: 5, minutes: 10 } })
  }
  t.after(async () => {
    for (const store of stores) await store.close()
  })
  const approvals = await open()
  const idOf = async (asked: Question): Promise<string> => {
    const standing = await approvals.consent(asked)
    assert.ok(standing.is === 'pending')
    return standing.approval.id
  }
  return { approvals, open, idOf, pass: (ms: number) => (now += ms) }
}

const code = (expected: string) => (thrown: unknown) => (thrown as { code: string }).code === expected

describe('a consent', () => {
  test('and a question end with their task, and those of others do not', async (t) => {
    const { approvals, idOf } = await play(t)
    const [granted, pending, other] = [
      await idOf(question('a')),
      await idOf(question('b')),
      await idOf(question('c', { taskId: 'task_2' })),
    ]
    await approvals.grant(granted, ann)
    await approvals.close('task_1')
    assert.equal((await approvals.get(granted)).state, 'expired')
    await assert.rejects(approvals.grant(pending, ann), code('conflict'))
    assert.equal((await approvals.consent(question('a'))).is, 'pending', 'what was granted is not taken')
    assert.equal((await approvals.grant(other, ann)).state, 'granted')
  })

  test('is taken once, also by those who ask at the same moment', async (t) => {
    const { approvals, idOf } = await play(t)
    await approvals.grant(await idOf(question('a')), ann)
    const all = await Promise.all(Array.from({ length: 8 }, () => approvals.consent(question('a'))))
    assert.equal(all.filter(({ is }) => is === 'taken').length, 1)
    assert.equal(new Set(all.flatMap((one) => (one.is === 'pending' ? one.approval.id : []))).size, 1)
  })

  test('is gone when its time is over, and so is a question and a no', async (t) => {
    const { approvals, idOf, pass } = await play(t)
    const granted = await idOf(question('a'))
    await approvals.grant(granted, ann)
    const asked = await idOf(question('b'))
    const denied = await idOf(question('c'))
    await approvals.deny(denied, ann)
    pass(60_000)
    for (const [binding, id] of Object.entries({ a: granted, b: asked, c: denied }))
      assert.notEqual(await idOf(question(binding)), id)
    assert.equal((await approvals.get(granted)).state, 'expired')
    await assert.rejects(approvals.grant(asked, ann), code('conflict'))
  })

  test('never outlives its task', async (t) => {
    const { approvals, idOf } = await play(t)
    assert.equal((await approvals.get(await idOf(question('a', { taskExpiresAt: 2000 })))).expiresAt, 2000)
  })

  test('survives a restart unless it was used', async (t) => {
    const { approvals, open, idOf } = await play(t)
    for (const binding of ['a', 'b']) await approvals.grant(await idOf(question(binding)), ann)
    assert.equal((await approvals.consent(question('a'))).is, 'taken')
    const again = await open()
    assert.equal((await again.consent(question('a'))).is, 'pending')
    assert.equal((await again.consent(question('b'))).is, 'taken')
  })
})

describe('a consent to more than once', () => {
  test('is taken so many times and no more', async (t) => {
    const { approvals, idOf } = await play(t)
    await approvals.grant(await idOf(question('a')), { ...ann, times: 3 })
    const all = await Promise.all(Array.from({ length: 6 }, () => approvals.consent(question('a'))))
    assert.equal(all.filter(({ is }) => is === 'taken').length, 3)
  })

  test('lasts as long as it says, and never longer than its task', async (t) => {
    const { approvals, idOf, pass } = await play(t)
    await approvals.grant(await idOf(question('a')), { ...ann, times: 2, minutes: 2 })
    const short = question('b', { taskExpiresAt: 90_000 })
    await approvals.grant(await idOf(short), { ...ann, minutes: 2 })
    pass(100_000)
    assert.equal((await approvals.consent(question('a'))).is, 'taken')
    assert.equal((await approvals.list({ limit: 1, state: 'expired' })).items[0]?.expiresAt, 90_000)
    pass(20_000)
    assert.equal((await approvals.consent(question('a'))).is, 'pending')
  })

  test('of several people is the least that one of them said', async (t) => {
    const { approvals, idOf } = await play(t)
    const id = await idOf(question('a', { approver: '2 of role:security' }))
    await approvals.grant(id, { ...bob, times: 4, minutes: 10 })
    const { usesLeft, expiresAt } = await approvals.grant(id, { ...cyd, times: 2 })
    assert.deepEqual([usesLeft, expiresAt], [2, 61_000])
  })

  test('is refused beyond the settings', async (t) => {
    const { approvals, idOf } = await play(t)
    const id = await idOf(question('a'))
    for (const terms of [{ times: 6 }, { minutes: 11 }])
      await assert.rejects(approvals.grant(id, { ...ann, ...terms }), code('invalid_argument'))
    assert.equal((await approvals.get(id)).state, 'pending')
  })
})

describe('a consent whatever the body', () => {
  const order = (body: string, more = {}): Question => question(`order ${body}`, { anyBodyBinding: 'any order', ...more })

  test('lets the same request through with any body so many times, and no other request', async (t) => {
    const { approvals, idOf } = await play(t)
    const waiting = await idOf(order('asked before'))
    const id = await idOf(order('1'))
    const granted = await approvals.grant(id, { ...ann, times: 4, anyBody: true })
    assert.deepEqual([granted.anyBody, granted.answers[0]?.anyBody], ['granted', true])
    assert.equal((await approvals.consent(question('cancel', { anyBodyBinding: 'any cancel' }))).is, 'pending')
    assert.equal((await approvals.consent(question('order 3'))).is, 'pending', 'one whose body nobody may leave open')
    for (const body of ['1', '2', '2', 'asked before']) {
      const standing = await approvals.consent(order(body))
      assert.ok(standing.is === 'taken' && standing.approval.id === id)
    }
    assert.equal((await approvals.get(id)).state, 'used')
    const { is, approval } = (await approvals.consent(order('asked before'))) as { is: string; approval: { id: string } }
    assert.deepEqual([is, approval.id], ['pending', waiting])
    assert.notEqual(await idOf(order('1')), id)
  })

  test('survives a restart, and ends with its time and its task', async (t) => {
    const { approvals, open, idOf, pass } = await play(t)
    await approvals.grant(await idOf(order('1')), { ...ann, times: 5, minutes: 1, anyBody: true })
    const again = await open()
    assert.equal((await again.consent(order('2'))).is, 'taken')
    pass(60_000)
    assert.equal((await approvals.consent(order('3'))).is, 'pending')
    await approvals.grant(await idOf(order('3')), { ...ann, times: 5, anyBody: true })
    await approvals.close('task_1')
    assert.equal((await approvals.consent(order('4'))).is, 'pending')
  })

  test('is used up by as many as it is for, also by those who ask at the same moment', async (t) => {
    const { approvals, idOf } = await play(t)
    await approvals.grant(await idOf(order('0')), { ...ann, times: 3, anyBody: true })
    const all = await Promise.all(Array.from({ length: 6 }, (_, body) => approvals.consent(order(String(body)))))
    assert.equal(all.filter(({ is }) => is === 'taken').length, 3)
  })

  test('is one only where all who were asked said so', async (t) => {
    const { approvals, idOf } = await play(t)
    for (const [last, is] of [
      [{ ...cyd, times: 2 }, 'pending'],
      [{ ...cyd, times: 2, anyBody: true }, 'taken'],
    ] as const) {
      const asked = order(is, { approver: '2 of role:security' })
      const id = await idOf(asked)
      await approvals.grant(id, { ...bob, times: 2, anyBody: true })
      await approvals.grant(id, last)
      assert.equal((await approvals.consent(order('other', { approver: '2 of role:security' }))).is, is)
      assert.equal((await approvals.consent(asked)).is, 'taken')
    }
  })

  test('does not outweigh a no to one body', async (t) => {
    const { approvals, idOf } = await play(t)
    const [one, two] = [await idOf(order('1')), await idOf(order('2'))]
    await approvals.deny(one, ann)
    await approvals.grant(two, { ...ann, times: 5, anyBody: true })
    assert.equal((await approvals.consent(order('1'))).is, 'denied')
    assert.equal((await approvals.consent(order('3'))).is, 'taken')
  })

  test('cannot be given where a question has no body to leave open, as for a sealed credential', async (t) => {
    const { approvals, idOf } = await play(t)
    const id = await idOf(question('a'))
    await assert.rejects(approvals.grant(id, { ...ann, anyBody: true }), code('invalid_argument'))
    const { state, anyBody } = await approvals.get(id)
    assert.deepEqual([state, anyBody], ['pending', undefined])
    assert.equal((await approvals.get(await idOf(order('1')))).anyBody, 'possible')
  })
})

describe('a question', () => {
  test('is one of its own task only', async (t) => {
    const { approvals, idOf } = await play(t)
    const id = await idOf(question('a'))
    assert.equal((await approvals.ofTask('task_1', id)).id, id)
    await assert.rejects(approvals.ofTask('task_2', id), code('not_found'))
  })
})

describe('who may answer', () => {
  test('may also look at it; for anybody else it is not there', async (t) => {
    const { approvals, idOf } = await play(t)
    const id = await idOf(question('a', { approver: 'role:security' }))
    assert.equal((await approvals.get(id, 'bob')).id, id)
    await assert.rejects(approvals.get(id, 'eve'), code('not_found'))
  })

  test('the owner where the owner is asked, and nobody else', async (t) => {
    const { approvals, idOf } = await play(t)
    const id = await idOf(question('a'))
    await assert.rejects(approvals.grant(id, bob), code('not_approver'))
    await assert.rejects(approvals.deny(id, bob), code('not_approver'))
    assert.equal((await approvals.grant(id, ann)).state, 'granted')
  })

  test('never the caller itself', async (t) => {
    const { approvals, idOf } = await play(t)
    const self = { callerId: 'spiffe://stint.local/local/ann', person: 'ann' }
    await assert.rejects(approvals.grant(await idOf(question('a')), self), code('not_approver'))
  })

  test('two of a role are two people, and with the owner all three', async (t) => {
    const { approvals, idOf } = await play(t)
    const asked = question('a', { approver: '2 of role:security and owner' })
    const id = await idOf(asked)
    assert.equal((await approvals.grant(id, bob)).state, 'pending')
    await assert.rejects(approvals.grant(id, bob), code('conflict'))
    assert.equal((await approvals.grant(id, ann)).state, 'pending')
    assert.equal((await approvals.consent(asked)).is, 'pending')
    assert.equal((await approvals.grant(id, cyd)).state, 'granted')
    assert.equal((await approvals.consent(asked)).is, 'taken')
  })

  test('one no is enough', async (t) => {
    const { approvals, idOf } = await play(t)
    const asked = question('a', { approver: '2 of role:security' })
    const id = await idOf(asked)
    await approvals.grant(id, bob)
    await approvals.deny(id, cyd)
    assert.equal((await approvals.consent(asked)).is, 'denied')
  })

  for (const approver of ['role:nobody', '3 of role:security', 'role:toString', 'whoever'])
    test(`nobody is asked where ${approver} must consent`, async (t) => {
      const { approvals } = await play(t)
      assert.equal((await approvals.consent(question('a', { approver }))).is, 'impossible')
      assert.deepEqual((await approvals.list({ limit: 10 })).items, [])
    })
})

describe('questions', () => {
  test('of one task are twenty at most; another task may still ask', async (t) => {
    const { approvals, idOf } = await play(t)
    for (let at = 0; at < 20; at += 1) await idOf(question(`q${at}`))
    assert.equal((await approvals.consent(question('more'))).is, 'impossible')
    assert.equal((await approvals.consent(question('q7'))).is, 'pending', 'those that were asked still stand')
    assert.equal((await approvals.consent(question('other', { taskId: 'task_2' }))).is, 'pending')
  })

  test('are listed newest first, in pages and by state', async (t) => {
    const { approvals, idOf, pass } = await play(t)
    const ids: string[] = []
    for (const binding of ['a', 'b', 'c']) {
      ids.unshift(await idOf(question(binding)))
      pass(1)
    }
    await approvals.deny(ids[1] ?? '', ann)
    const first = await approvals.list({ limit: 2 })
    const rest = await approvals.list({ limit: 2, ...(first.next !== undefined && { cursor: first.next }) })
    assert.deepEqual(
      [...first.items, ...rest.items].map(({ id }) => id),
      ids,
    )
    assert.deepEqual(
      (await approvals.list({ limit: 9, state: 'denied' })).items.map(({ id }) => id),
      [ids[1]],
    )
    pass(60_000)
    assert.equal((await approvals.list({ limit: 9, state: 'expired' })).items.length, 2)
    await assert.rejects(approvals.list({ limit: 2, cursor: 'x' }), code('invalid_argument'))
  })
})
