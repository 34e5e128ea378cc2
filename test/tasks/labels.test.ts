import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { StintError } from '../../src/errors.ts'
import type { Access, Action, Target, Task } from '../../src/model.ts'
import type { Store } from '../../src/store/store.ts'
import { type Gain, type Gained, type LabelVerbs, openLabels } from '../../src/tasks/labels.ts'
import type { Tasks } from '../../src/tasks/tasks.ts'
import { openTasks, START } from './fixture.ts'

const target = (...labels: string[]): Target => ({
  ...{ id: 'github', connector: 'http', hosts: [], environment: 'development', sensitivity: 'internal', labels },
  ...{ privateNetworks: [], placement: { kind: 'none' } },
})
const action = (access: Access = 'read'): Action => ({ id: 'http:GET', access, resource: '/', parameters: {} })

function verbsOn(tasks: Tasks, changes: Partial<LabelVerbs> = {}): LabelVerbs & { readonly gains: Gain[] } {
  const gains: Gain[] = []
  return {
    gains,
    ancestors: tasks.ancestors,
    isLive: (id) => tasks.live(id) !== undefined,
    confirm: async () => undefined,
    told: async (gain) => void gains.push(gain),
    now: () => Date.now(),
    ...changes,
  }
}

async function open(t: TestContext, changes: Partial<LabelVerbs> = {}) {
  const { tasks, store } = await openTasks(t)
  const verbs = verbsOn(tasks, changes)
  const labels = await openLabels(store, verbs)
  const touch = (task: Task, on: Target, access: Access = 'read', correlationId = 'c1'): void =>
    labels.touch({ task, target: on, action: action(access), correlationId })
  return { tasks, store, labels, touch, verbs, task: await tasks.start(START) }
}

const rowsOf = ({ db }: Store) => db.selectFrom('task_labels').selectAll().execute()

describe('what a task has touched', () => {
  test('counts in the tick in which the act was allowed, and stays', async (t) => {
    const { labels, touch, task } = await open(t)
    assert.deepEqual(labels.touched(task), [])
    touch(task, target('untrusted-input'))
    touch(task, target('private-data', 'untrusted-input'))
    assert.deepEqual(labels.touched(task), ['private-data', 'untrusted-input'])
    touch(task, target())
    assert.deepEqual(labels.touched(task), ['private-data', 'untrusted-input'])
  })

  test('is taken in by whatever is answered, and an external sink and Stint’s own marks are not', async (t) => {
    for (const access of ['read', 'write', 'destructive', 'admin'] as const) {
      const { labels, touch, task } = await open(t)
      touch(task, target('our-own', 'external-sink', 'preset:github', 'tunnel'), access)
      assert.deepEqual(labels.touched(task), ['our-own'])
      t.mock.timers.reset()
    }
  })

  test('is the very same list until something is added, so that nothing is worked out anew', async (t) => {
    const { labels, touch, task } = await open(t)
    touch(task, target('secrets'))
    const before = labels.touched(task)
    touch(task, target('secrets'))
    assert.equal(labels.touched(task), before)
  })

  test('is shared by all tasks of a tree and by no others', async (t) => {
    const { tasks, labels, touch, task } = await open(t)
    const child = await tasks.start({ ...START, parentId: task.id })
    const grandchild = await tasks.start({ ...START, parentId: child.id })
    const stranger = await tasks.start(START)
    touch(task, target('private-data'))
    touch(grandchild, target('untrusted-input'))
    for (const one of [task, child, grandchild]) assert.deepEqual(labels.touched(one), ['private-data', 'untrusted-input'])
    assert.deepEqual(labels.touched(stranger), [])
  })

  test('is durable and told once when it is kept, and is there after a restart', async (t) => {
    const { tasks, store, labels, touch, task, verbs } = await open(t)
    assert.equal(labels.keep(task), undefined)
    touch(task, target('secrets'))
    assert.deepEqual(await rowsOf(store), [])
    await Promise.all([labels.keep(task), labels.keep(task)])
    assert.equal(labels.keep(task), undefined)
    assert.deepEqual(
      (await rowsOf(store)).map(({ root_id, label, target_id }) => [root_id, label, target_id]),
      [[task.id, 'secrets', 'github']],
    )
    assert.deepEqual(
      verbs.gains.map(({ label }) => label),
      ['secrets'],
    )
    const again = await openLabels(store, verbsOn(tasks))
    assert.deepEqual(again.touched(task), ['secrets'])
  })

  test('counts, and holds up the request, where it cannot be written; the next request writes it', async (t) => {
    let isBroken = true
    const confirm = async (): Promise<void> => {
      if (isBroken) throw new StintError('store_unavailable', 'the disk is full')
    }
    const { labels, touch, task } = await open(t, { confirm })
    touch(task, target('secrets'))
    await assert.rejects(labels.keep(task) ?? Promise.resolve(), { code: 'store_unavailable' })
    assert.deepEqual(labels.touched(task), ['secrets'])
    isBroken = false
    await labels.keep(task)
    assert.equal(labels.keep(task), undefined)
  })

  test('is heard of with what was touched before, and which act it was', async (t) => {
    const { labels, touch, task } = await open(t)
    const heard: Gained[] = []
    labels.onGain((gained) => heard.push(gained))
    touch(task, target('secrets'))
    touch(task, target('secrets', 'untrusted-input'))
    assert.deepEqual(
      heard.map(({ root, before, now }) => ({ root, before, now })),
      [
        { root: task.id, before: [], now: ['secrets'] },
        { root: task.id, before: ['secrets'], now: ['secrets', 'untrusted-input'] },
      ],
    )
    assert.ok(heard.every(({ by }) => by?.id === 'http:GET'))
  })

  test('at another gateway counts here as soon as its change is heard of', async (t) => {
    const { tasks, store, labels, task } = await open(t)
    const other = await openLabels(store, verbsOn(tasks))
    other.touch({ task, target: target('secrets'), action: action(), correlationId: 'c2' })
    assert.deepEqual(labels.touched(task), [])
    await other.keep(task)
    assert.deepEqual(labels.touched(task), ['secrets'])
  })

  test('is forgotten in memory with its task, and known to whoever asks about a decision of before', async (t) => {
    const { tasks, labels, touch, task } = await open(t)
    const child = await tasks.start({ ...START, parentId: task.id })
    touch(child, target('secrets'), 'read', 'c1')
    await labels.keep(child)
    await tasks.end(task.id, 'ended', 'done')
    labels.forget(task.id)
    assert.deepEqual(labels.touched(task), [])
    const at = Date.now()
    assert.deepEqual(await labels.touchedThen(task.id, { correlationId: 'c2', at }), ['secrets'])
    assert.deepEqual(await labels.touchedThen(task.id, { correlationId: 'c1', at }), [], 'not by itself')
    assert.deepEqual(await labels.touchedThen(task.id, { correlationId: 'c2', at: at - 60_000 }), [])
    touch(task, target('secrets'))
    assert.deepEqual(labels.touched(task), [], 'a task that ended gains nothing')
  })
})
