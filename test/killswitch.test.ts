import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { describe, type TestContext, test } from 'node:test'
import { createKillswitch, type Demand } from '../src/killswitch.ts'
import type { Selector, Task } from '../src/model.ts'
import { createFlows } from '../src/revocations/flows.ts'
import { openRevocations } from '../src/revocations/revocations.ts'
import { ALONE } from '../src/store/open-state.ts'
import type { Store } from '../src/store/store.ts'
import { toRow } from '../src/tasks/task-row.ts'
import { createTasks } from '../src/tasks/tasks.ts'
import { temporaryStore } from './store/temporary.ts'
import { OPTIONS, START } from './tasks/fixture.ts'

const MANY = 3000
const DEMAND: Demand = { by: { id: 'operator', proof: 'operator-socket' }, reason: 'drill', correlationId: 'r' }

/** Live tasks in a store: `alice` has all but every tenth; every third is a child of the one before it. */
async function fill(store: Store, count = MANY): Promise<Task[]> {
  const startedAt = Date.now()
  const tasks = Array.from({ length: count }, (_, number): Task => {
    const parent = number % 3 === 2 ? { parentId: idOf(number - 1) } : {}
    const life = { startedAt, expiresAt: startedAt + 600_000, state: 'live', supervised: false } as const
    return { ...START, ...life, ...parent, id: idOf(number), labels: [], owner: number % 10 === 0 ? 'bob' : 'alice' }
  })
  await store.write(async (tx) => {
    for (let at = 0; at < count; at += 500)
      await tx
        .insertInto('tasks')
        .values(tasks.slice(at, at + 500).map((task) => toRow(task, 'local')))
        .execute()
  })
  return tasks
}

const idOf = (number: number): string => `task_${String(number).padStart(5, '0')}`

/** The stop over real tasks, flows and revocations. `ended` is what would be logged, `lots` how many ends each transaction of tasks had. */
async function rig(t: TestContext, fillWith = fill) {
  const { store, path } = await temporaryStore(t)
  const all = await fillWith(store)
  const lots: number[] = []
  const counting: Store = {
    ...store,
    async write(work) {
      let ends = 0
      const result = await store.write((tx, changed) =>
        work(tx, (kind, id) => {
          if (kind === 'task') ends += 1
          changed(kind, id)
        }),
      )
      if (ends > 0) lots.push(ends)
      return result
    },
  }
  const tasks = await createTasks(counting, OPTIONS)
  t.after(() => tasks.close())
  const ended: Task[] = []
  tasks.onEnd((task) => ended.push(task))
  const revocations = await openRevocations(store, Date.now, tasks.ancestors)
  const flows = createFlows(tasks.ancestors)
  const dropped: unknown[] = []
  const { revoke } = createKillswitch({
    deny: revocations.add,
    lift: revocations.lift,
    recordAct: async () => 7,
    gateways: ALONE,
    cut: flows.cut,
    tasksUnder: tasks.under,
    endTasks: (ids, reason) => tasks.endAll(ids, 'revoked', reason),
    dropLeases: (of, cause) => dropped.push([of, cause]),
    report: assert.fail,
  })
  return { all, tasks, store, path, ended, lots, dropped, revoke }
}

/** How often others had a turn while `work` ran. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let [turns, isOver] = [0, false]
  const beat = (): void => {
    turns += 1
    if (!isOver) setImmediate(beat)
  }
  setImmediate(beat)
  await work
  isOver = true
  return turns
}

const rowsOf = (store: Store) => store.db.selectFrom('tasks').select(['id', 'state', 'end_reason']).orderBy('id').execute()

describe('a stop of thousands of tasks', () => {
  const covered: readonly [Selector, (task: Task) => boolean][] = [
    [{ kind: 'all' }, () => true],
    [{ kind: 'owner', id: 'alice' }, (task) => task.owner === 'alice'],
    [{ kind: 'caller', id: START.workload }, () => true],
  ]
  for (const [selector, covers] of covered) {
    test(`that revokes ${selector.kind} ends each once, in few transactions, and lets others run meanwhile`, async (t) => {
      const { all, tasks, store, ended, lots, dropped, revoke } = await rig(t)
      const named = all.filter(covers).map(({ id }) => id)
      const isEnded = (task: Task): boolean => covers(task) || (task.parentId !== undefined && named.includes(task.parentId))
      const expected = all.filter(isEnded).map(({ id }) => id)
      const stopping = revoke(selector, DEMAND)
      const turns = await turnsDuring(stopping)
      const receipt = await stopping
      assert.deepEqual(receipt.endedTasks, named)
      assert.equal(receipt.entry, 7)
      const { number } = receipt.revocation
      assert.deepEqual(dropped, [[selector, { why: `revocation ${number}: ${DEMAND.reason}`, revocation: number }]])
      assert.equal(receipt.droppedLeases, 1)
      assert.deepEqual(ended.map(({ id }) => id).sort(), expected)
      assert.ok(lots.length <= named.length / 100 + 1, `${lots.length} transactions`)
      assert.ok(Math.max(...lots) <= 200, `${Math.max(...lots)} ends in one`)
      assert.ok(turns >= lots.length, `${turns} turns`)
      assert.deepEqual(
        tasks.under({ kind: 'all' }).map(({ id }) => id),
        all.filter((task) => !isEnded(task)).map(({ id }) => id),
      )
      for (const row of await rowsOf(store)) assert.equal(row.state, expected.includes(row.id) ? 'revoked' : 'live', row.id)
      const reasons = new Set(ended.map(({ endReason }) => endReason))
      assert.deepEqual([...reasons].sort(), ['its parent ended: revocation 1: drill', 'revocation 1: drill'])
    })
  }

  test('under one task ends them in this tick, and writes them in bounded transactions', async (t) => {
    const family = async (store: Store): Promise<Task[]> => {
      const [root, ...rest] = (await fill(store)).map((task, at) => (at === 0 ? task : { ...task, parentId: idOf(0) }))
      await store.write(async (tx) => {
        await tx
          .updateTable('tasks')
          .set({ parent_id: idOf(0) })
          .where('id', '!=', idOf(0))
          .execute()
      })
      return root === undefined ? [] : [root, ...rest]
    }
    const { all, tasks, store, ended, lots, revoke } = await rig(t, family)
    const receipt = await revoke({ kind: 'task', id: idOf(0) }, DEMAND)
    assert.equal(receipt.endedTasks.length, MANY)
    assert.equal(ended.length, MANY)
    assert.ok(Math.max(...lots) <= 500 && lots.length <= MANY / 500 + 1, lots.join())
    assert.deepEqual(tasks.under({ kind: 'all' }), [])
    const rows = await rowsOf(store)
    assert.deepEqual(
      rows.map((row) => row.state),
      all.map(() => 'revoked'),
    )
  })

  test('that cannot be written says so, has ended them all, and writes them when it can', async (t) => {
    const { tasks, store, path, ended, revoke, all } = await rig(t, (store) => fill(store, 250))
    const other = new DatabaseSync(path)
    t.after(() => other.close())
    const stopping = revoke({ kind: 'all' }, DEMAND)
    tasks.onEnd(() => {
      if (!other.isTransaction) other.exec('begin immediate')
    })
    await assert.rejects(stopping, { code: 'store_unavailable' })
    assert.equal(ended.length, 250)
    assert.deepEqual(tasks.under({ kind: 'all' }), [])
    for (const { id } of all) assert.equal((await tasks.get(id)).state, 'revoked')
    other.exec('rollback')
    while ((await rowsOf(store)).some(({ state }) => state === 'live')) await new Promise((later) => setTimeout(later, 20))
  })
})
