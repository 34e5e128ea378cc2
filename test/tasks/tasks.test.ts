import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { StintError } from '../../src/errors.ts'
import type { Task } from '../../src/model.ts'
import type { Store } from '../../src/store/store.ts'
import { createTasks } from '../../src/tasks/tasks.ts'
import { OPTIONS, openTasks, START, settle } from './fixture.ts'

const code =
  (expected: string, words = /./) =>
  (thrown: unknown) =>
    thrown instanceof StintError && thrown.code === expected && words.test(thrown.detail)
const states = (tasks: readonly Task[]) => tasks.map(({ state }) => state)

describe('a task', () => {
  test('starts as asked, is live, and is the same after a restart', async (t) => {
    const { tasks, reopen } = await openTasks(t)
    const started = await tasks.start({ ...START, ttlSeconds: 60, ticket: 'PROJ-1', labels: ['a:b'] })
    assert.match(started.id, /^task_[0-9A-Za-z]{22}$/)
    assert.equal(started.expiresAt - started.startedAt, 60_000)
    assert.deepEqual(tasks.live(started.id), started)
    const again = await reopen()
    assert.deepEqual(again.live(started.id), started)
    assert.deepEqual(await again.get(started.id), started)
  })

  test('is dead in the tick it is ended, and stays ended after a restart', async (t) => {
    const { tasks, reopen } = await openTasks(t)
    const { id } = await tasks.start(START)
    const ending = tasks.end(id, 'ended', 'done')
    assert.equal(tasks.live(id), undefined)
    assert.equal((await ending).state, 'ended')
    const again = await reopen()
    assert.equal(again.live(id), undefined)
    assert.deepEqual({ ...(await again.get(id)), id: '' }.endReason, 'done')
  })

  test('that ended before is answered as it ended, whatever is asked now', async (t) => {
    const { tasks } = await openTasks(t)
    const { id } = await tasks.start(START)
    const first = await tasks.end(id, 'revoked', 'stop')
    assert.deepEqual(await tasks.end(id, 'ended', 'again'), first)
    await assert.rejects(tasks.end('task_none', 'ended', 'x'), code('not_found'))
    await assert.rejects(tasks.get('task_none'), code('not_found'))
  })

  test('ends although the reason is endless or unprintable', async (t) => {
    const { tasks } = await openTasks(t)
    const { id } = await tasks.start(START)
    const { endReason = '' } = await tasks.end(id, 'revoked', `\u202e\n${'x'.repeat(10_000)}`)
    assert.equal(endReason.length, 500)
    assert.doesNotMatch(endReason, /[\p{C}]/u)
  })

  test('is not live once its time is up, even before anything noticed, and is then written as expired', async (t) => {
    const { tasks, pass } = await openTasks(t)
    const { id } = await tasks.start({ ...START, ttlSeconds: 60 })
    t.mock.timers.setTime(Date.now() + 60_000)
    assert.equal(tasks.live(id), undefined)
    await pass(1)
    const { state, endReason } = await tasks.get(id)
    assert.deepEqual([state, endReason], ['expired', 'its time was up'])
  })

  test('that expired while nothing ran is expired at start, and the first listener hears of it', async (t) => {
    const { tasks, store, reopen } = await openTasks(t)
    const { id } = await tasks.start({ ...START, ttlSeconds: 60 })
    tasks.close()
    t.mock.timers.setTime(Date.now() + 61_000)
    const again = await reopen()
    assert.equal(again.live(id), undefined)
    const heard: string[] = []
    again.onEnd((task) => heard.push(`${task.id} ${task.state}`))
    assert.deepEqual(heard, [`${id} expired`])
    await settle(store)
    assert.equal((await again.get(id)).state, 'expired')
  })

  test('far in the future expires in its own time, not when the longest sleep is over', async (t) => {
    const { tasks, pass } = await openTasks(t)
    const { id } = await tasks.start({ ...START, ttlSeconds: 3600 })
    for (let i = 0; i < 10; i++) await pass(60_000)
    assert.notEqual(tasks.live(id), undefined)
    await pass(3600_000)
    assert.equal((await tasks.get(id)).state, 'expired')
  })

  test('tells every listener once, in the tick, also when one of them throws', async (t) => {
    const { store } = await openTasks(t)
    const reported: unknown[] = []
    const tasks = await createTasks(store, { ...OPTIONS, report: (thrown) => reported.push(thrown) })
    t.after(() => tasks.close())
    const heard: string[] = []
    tasks.onEnd(() => {
      throw new Error('broken listener')
    })
    tasks.onEnd((task) => heard.push(task.id))
    const { id } = await tasks.start(START)
    const ending = tasks.end(id, 'ended', 'done')
    assert.deepEqual(heard, [id])
    await ending
    assert.equal(reported.length, 1)
    assert.deepEqual(heard, [id])
  })
})

describe('what a task may ask for', () => {
  const refused: readonly (readonly [what: string, change: object, code: string])[] = [
    ['no purpose', { purpose: '' }, 'invalid_argument'],
    ['a purpose of blanks', { purpose: '   ' }, 'invalid_argument'],
    ['a purpose with a line break', { purpose: 'read\nallow everything' }, 'invalid_argument'],
    ['a purpose that runs backwards', { purpose: 'read \u202eeverything' }, 'invalid_argument'],
    ['an endless purpose', { purpose: 'x'.repeat(501) }, 'invalid_argument'],
    ['no owner', { owner: '' }, 'invalid_argument'],
    ['no target', { scope: { targets: [], actions: ['*'] } }, 'invalid_argument'],
    ['no action', { scope: { targets: ['a'], actions: [] } }, 'invalid_argument'],
    ['every target', { scope: { targets: ['*'], actions: ['*'] } }, 'invalid_argument'],
    ['a star in the middle', { scope: { targets: ['a'], actions: ['git*:push'] } }, 'invalid_argument'],
    [
      'too many targets',
      { scope: { targets: Array.from({ length: 201 }, (_, i) => `t${i}`), actions: ['*'] } },
      'invalid_argument',
    ],
    ['a label with a blank', { labels: ['a b'] }, 'invalid_argument'],
    ['a life of nothing', { ttlSeconds: 0 }, 'invalid_argument'],
    ['half a second', { ttlSeconds: 0.5 }, 'invalid_argument'],
    ['a life that is no number', { ttlSeconds: Number.NaN }, 'invalid_argument'],
    ['a life above the cap', { ttlSeconds: 3601 }, 'scope_exceeded'],
    ['no key', { keyThumbprint: '' }, 'invalid_argument'],
  ]
  for (const [what, change, expected] of refused)
    test(`${what} is refused, and nothing is stored`, async (t) => {
      const { tasks } = await openTasks(t)
      await assert.rejects(tasks.start({ ...START, ...change }), code(expected))
      assert.deepEqual(await tasks.list({}), { items: [] })
    })

  test('the refusal of a life above the cap names the cap', async (t) => {
    const { tasks } = await openTasks(t)
    await assert.rejects(tasks.start({ ...START, ttlSeconds: 7200 }), code('scope_exceeded', /3600/))
  })
})

describe('a child task', () => {
  test('dies with its parent in the same tick, and its own children too', async (t) => {
    const { tasks, reopen } = await openTasks(t)
    const parent = await tasks.start(START)
    const child = await tasks.start({ ...START, parentId: parent.id })
    const grandchild = await tasks.start({ ...START, parentId: child.id })
    const other = await tasks.start(START)
    const heard: string[] = []
    tasks.onEnd((task) => heard.push(task.id))
    const ending = tasks.end(parent.id, 'revoked', 'stop')
    assert.deepEqual(heard, [parent.id, child.id, grandchild.id])
    assert.deepEqual(
      [child, grandchild].map(({ id }) => tasks.live(id)),
      [undefined, undefined],
    )
    await ending
    const again = await reopen()
    const ended = await Promise.all([parent, child, grandchild, other].map(({ id }) => again.get(id)))
    assert.deepEqual(states(ended), ['revoked', 'revoked', 'revoked', 'live'])
    assert.match(ended[2]?.endReason ?? '', /parent/)
  })

  test('that expires in the same tick as its parent ends once, with it', async (t) => {
    const { tasks, pass } = await openTasks(t)
    const parent = await tasks.start({ ...START, ttlSeconds: 10 })
    const child = await tasks.start({ ...START, parentId: parent.id })
    const heard: string[] = []
    tasks.onEnd((task) => heard.push(task.id))
    await pass(10_000)
    assert.deepEqual(heard.toSorted(), [parent.id, child.id].toSorted())
    assert.deepEqual(states([await tasks.get(parent.id), await tasks.get(child.id)]), ['expired', 'expired'])
  })

  test('ends alone without its parent', async (t) => {
    const { tasks } = await openTasks(t)
    const parent = await tasks.start(START)
    const child = await tasks.start({ ...START, parentId: parent.id })
    await tasks.end(child.id, 'ended', 'done')
    assert.notEqual(tasks.live(parent.id), undefined)
    assert.deepEqual(
      tasks.under({ kind: 'task', id: parent.id }).map(({ id }) => id),
      [parent.id],
    )
  })

  test('takes what is left of its parent’s life when it names none', async (t) => {
    const { tasks } = await openTasks(t)
    const parent = await tasks.start({ ...START, ttlSeconds: 100 })
    t.mock.timers.setTime(Date.now() + 40_000)
    const child = await tasks.start({ ...START, parentId: parent.id })
    assert.equal(child.expiresAt, parent.expiresAt)
    await assert.rejects(tasks.start({ ...START, parentId: parent.id, ttlSeconds: 61 }), code('scope_exceeded', /outlive/))
  })

  for (const [what, scope] of [
    ['a target its parent has not', { targets: ['aws'], actions: ['http:GET'] }],
    ['an action its parent has not', { targets: ['npm'], actions: ['http:POST'] }],
    ['every action', { targets: ['npm'], actions: ['*'] }],
    ['a wider prefix', { targets: ['npm'], actions: ['git*'] }],
    ['a prefix of an exact action', { targets: ['npm'], actions: ['http:GET*'] }],
  ] as const)
    test(`cannot have ${what}`, async (t) => {
      const { tasks } = await openTasks(t)
      const parent = await tasks.start(START)
      await assert.rejects(tasks.start({ ...START, parentId: parent.id, scope }), code('scope_exceeded'))
    })

  test('cannot be had from a task that is not live', async (t) => {
    const { tasks } = await openTasks(t)
    const parent = await tasks.start({ ...START, ttlSeconds: 10 })
    t.mock.timers.setTime(Date.now() + 10_000)
    await assert.rejects(tasks.start({ ...START, parentId: parent.id }), code('task_not_live'))
    await assert.rejects(tasks.start({ ...START, parentId: 'task_none' }), code('task_not_live'))
  })

  test('that was being started while its parent ended is not live', async (t) => {
    const { tasks } = await openTasks(t)
    const parent = await tasks.start(START)
    const starting = tasks.start({ ...START, parentId: parent.id })
    const ending = tasks.end(parent.id, 'ended', 'done')
    await assert.rejects(starting, code('task_not_live'))
    await ending
    assert.deepEqual((await tasks.list({ state: 'live' })).items, [])
  })

  test('whose parent’s end was written without it is ended at start', async (t) => {
    const { tasks, store, reopen } = await openTasks(t)
    const parent = await tasks.start(START)
    const child = await tasks.start({ ...START, parentId: parent.id })
    tasks.close()
    await store.write((tx) => tx.updateTable('tasks').set({ state: 'ended', ended_at: 1 }).where('id', '=', parent.id).execute())
    const again = await reopen()
    assert.equal(again.live(child.id), undefined)
    await settle(store)
    assert.equal((await again.get(child.id)).state, 'ended')
  })

  test('cannot be nested without end', async (t) => {
    const { tasks } = await openTasks(t)
    let { id } = await tasks.start(START)
    const nest = async () => {
      for (let depth = 0; depth < 40; depth++) id = (await tasks.start({ ...START, parentId: id })).id
    }
    await assert.rejects(nest(), code('scope_exceeded', /deep/))
  })
})

describe('a supervised task', () => {
  const supervised = { ...START, supervised: true }

  test('that no runner ever attends ends after the grace', async (t) => {
    const { tasks, pass } = await openTasks(t)
    const { id } = await tasks.start(supervised)
    await pass(4999)
    assert.notEqual(tasks.live(id), undefined)
    await pass(1)
    const { state, endReason } = await tasks.get(id)
    assert.deepEqual([state, endReason], ['ended', 'runner lost'])
  })

  test('lives while it is attended, and ends the grace after its last runner left', async (t) => {
    const { tasks, pass } = await openTasks(t)
    const { id } = await tasks.start(supervised)
    const first = tasks.attend(id)
    const second = tasks.attend(id)
    await pass(60_000)
    first()
    first()
    await pass(60_000)
    assert.notEqual(tasks.live(id), undefined)
    second()
    await pass(4999)
    assert.notEqual(tasks.live(id), undefined)
    await pass(1)
    assert.equal(tasks.live(id), undefined)
  })

  test('goes on when its runner is back within the grace', async (t) => {
    const { tasks, pass } = await openTasks(t)
    const { id } = await tasks.start(supervised)
    const leave = tasks.attend(id)
    leave()
    await pass(4000)
    tasks.attend(id)
    await pass(60_000)
    assert.notEqual(tasks.live(id), undefined)
  })

  test('has the grace again after a restart', async (t) => {
    const { tasks, pass, reopen } = await openTasks(t)
    const { id } = await tasks.start(supervised)
    tasks.attend(id)
    await pass(60_000)
    const again = await reopen()
    await pass(4999)
    assert.notEqual(again.live(id), undefined)
    await pass(1)
    assert.equal((await again.get(id)).endReason, 'runner lost')
  })

  test('expires in its time although it is attended', async (t) => {
    const { tasks, pass } = await openTasks(t)
    const { id } = await tasks.start({ ...supervised, ttlSeconds: 60 })
    tasks.attend(id)
    await pass(60_000)
    assert.equal((await tasks.get(id)).state, 'expired')
    assert.throws(() => tasks.attend(id), code('task_not_live'))
  })

  test('is the only kind that needs a runner', async (t) => {
    const { tasks, pass } = await openTasks(t)
    const { id } = await tasks.start(START)
    tasks.attend(id)()
    await pass(60_000)
    assert.notEqual(tasks.live(id), undefined)
  })
})

describe('when the store cannot be written', () => {
  test('a start is refused, and there is no task', async (t) => {
    const { tasks, store } = await openTasks(t)
    const mended = breakWrites(store)
    await assert.rejects(tasks.start(START), code('store_unavailable'))
    mended()
    assert.deepEqual(tasks.under({ kind: 'all' }), [])
  })

  test('an end is in force all the same, says so, and is written as soon as it can be', async (t) => {
    const { tasks, store, pass, reopen } = await openTasks(t)
    const { id } = await tasks.start(START)
    const mended = breakWrites(store)
    await assert.rejects(tasks.end(id, 'revoked', 'stop'), code('store_unavailable'))
    assert.equal(tasks.live(id), undefined)
    assert.equal((await tasks.get(id)).state, 'revoked')
    assert.deepEqual(states((await tasks.list({})).items), ['revoked'])
    await assert.rejects(tasks.end(id, 'revoked', 'stop'), code('store_unavailable'))
    mended()
    await pass(1000)
    assert.equal((await (await reopen()).get(id)).state, 'revoked')
  })

  test('an expiry is in force, and written later', async (t) => {
    const { tasks, store, pass, reopen } = await openTasks(t)
    const { id } = await tasks.start({ ...START, ttlSeconds: 10 })
    const mended = breakWrites(store)
    t.mock.timers.tick(10_000)
    await new Promise((later) => setImmediate(later))
    assert.equal((await tasks.get(id)).state, 'expired')
    mended()
    await pass(1000)
    const row = await store.db.selectFrom('tasks').select('state').where('id', '=', id).executeTakeFirstOrThrow()
    assert.equal(row.state, 'expired')
    assert.equal((await (await reopen()).get(id)).state, 'expired')
  })

  test('a damaged row stops the start rather than pass for a task', async (t) => {
    const { tasks, store, reopen } = await openTasks(t)
    const { id } = await tasks.start(START)
    for (const damage of [
      { proof: 'god' },
      { proof: 'sandbox', targets_json: '{"a":1}' },
      { proof: 'sandbox', targets_json: 'x' },
    ]) {
      await store.write((tx) => tx.updateTable('tasks').set(damage).where('id', '=', id).execute())
      await assert.rejects(reopen(), code('store_unavailable', /damaged/))
    }
  })
})

describe('listing', () => {
  test('goes through every task once, newest first, page by page', async (t) => {
    const { tasks } = await openTasks(t)
    const ids: string[] = []
    for (let i = 0; i < 7; i++) {
      ids.unshift((await tasks.start(START)).id)
      t.mock.timers.setTime(Date.now() + 1)
    }
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await tasks.list({ limit: 3, ...(cursor !== undefined && { cursor }) })
      seen.push(...page.items.map(({ id }) => id))
      cursor = page.next
    } while (cursor !== undefined)
    assert.deepEqual(seen, ids)
  })

  test('narrows by state, owner, workload and parent, and refuses a limit that is none', async (t) => {
    const { tasks } = await openTasks(t)
    const a = await tasks.start(START)
    const b = await tasks.start({ ...START, owner: 'bob', workload: 'w' })
    const c = await tasks.start({ ...START, parentId: a.id })
    await tasks.end(c.id, 'ended', 'done')
    await tasks.end(b.id, 'ended', 'done')
    const ids = async (filter: Parameters<typeof tasks.list>[0]) => (await tasks.list(filter)).items.map(({ id }) => id)
    assert.deepEqual(await ids({ state: 'live' }), [a.id])
    assert.deepEqual(await ids({ owner: 'bob' }), [b.id])
    assert.deepEqual(await ids({ workload: 'w' }), [b.id])
    assert.deepEqual(await ids({ parentId: a.id }), [c.id])
    for (const limit of [0, -1, 1.5, 501]) await assert.rejects(tasks.list({ limit }), code('invalid_argument'))
  })

  test('finds the tasks under a selector: by owner, workload, all; none for a target', async (t) => {
    const { tasks } = await openTasks(t)
    const a = await tasks.start(START)
    const b = await tasks.start({ ...START, owner: 'bob', workload: 'w' })
    const ids = (...selector: Parameters<typeof tasks.under>) => tasks.under(...selector).map(({ id }) => id)
    assert.deepEqual(ids({ kind: 'all' }), [a.id, b.id])
    assert.deepEqual(ids({ kind: 'owner', id: 'bob' }), [b.id])
    assert.deepEqual(ids({ kind: 'caller', id: 'w' }), [b.id])
    assert.deepEqual(ids({ kind: 'target', id: 'github' }), [])
  })
})

/** Makes every write of the store fail until the answer is called. */
function breakWrites(store: Store): () => void {
  const { write } = store
  Object.assign(store, { write: () => Promise.reject(new StintError('store_unavailable', 'the disk is full')) })
  return () => Object.assign(store, { write })
}
