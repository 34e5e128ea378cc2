import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { StintError } from '../../src/errors.ts'
import type { BudgetState } from '../../src/model.ts'
import { createTasks, type Tasks } from '../../src/tasks/tasks.ts'
import { OPTIONS, openTasks, START } from './fixture.ts'

const ONE = { requests: 1 }

/** How many of `count` that are asked for at once get through. */
async function race(tasks: Tasks, chain: readonly string[], count: number): Promise<number> {
  const charged = await Promise.all(Array.from({ length: count }, () => tasks.budgets.charge(chain, ONE)))
  return charged.filter((short) => short === undefined).length
}

const line = ({ unit, used, limit, isPaused }: BudgetState) => `${unit} ${used}/${limit}${isPaused ? ' paused' : ''}`

async function shown(tasks: Tasks, id: string): Promise<readonly string[]> {
  return (await tasks.budgets.show(id)).map(line)
}

describe('the budget of a task', () => {
  test('lets as many through as it says, at once or one by one, and then pauses once', async (t) => {
    const { tasks } = await openTasks(t)
    for (const limit of [0, 1, 2, 17, 100]) {
      const { id } = await tasks.start({ ...START, budget: { requests: limit } })
      const pauses: string[] = []
      tasks.budgets.onPause((short) => short.taskId === id && pauses.push(short.unit))
      const half = Math.floor(limit / 2)
      for (let i = 0; i < half; i++) assert.equal(await tasks.budgets.charge([id], ONE), undefined)
      assert.equal(await race(tasks, [id], limit + 5), limit - half)
      assert.deepEqual(pauses, ['requests'])
      assert.deepEqual(await shown(tasks, id), [`requests ${limit}/${limit} paused`])
    }
  })

  test('costs nothing in the store while a portion lasts, and nothing at all without one', async (t) => {
    const { tasks, store } = await openTasks(t)
    const { id } = await tasks.start({ ...START, budget: { requests: 1000 } })
    const { id: free } = await tasks.start(START)
    await tasks.budgets.charge([id], ONE)
    const write = t.mock.method(store, 'write')
    for (let i = 0; i < 50; i++) {
      assert.equal(tasks.budgets.charge([id], ONE), undefined)
      assert.equal(tasks.budgets.charge([free], { requests: 1, writes: 1 }), undefined)
    }
    assert.equal(write.mock.callCount(), 0)
  })

  test('is all or nothing: what one budget has too little of uses nothing of another', async (t) => {
    const { tasks } = await openTasks(t)
    const { id } = await tasks.start({ ...START, budget: { requests: 10, writes: 1 } })
    assert.equal(await tasks.budgets.charge([id], { requests: 1, writes: 1 }), undefined)
    const short = await tasks.budgets.charge([id], { requests: 1, writes: 1 })
    assert.deepEqual(short, { taskId: id, unit: 'writes', limit: 1, wants: 1 })
    assert.deepEqual(await shown(tasks, id), ['requests 1/10', 'writes 1/1 paused'])
    assert.deepEqual(await tasks.budgets.charge([id], ONE), short, 'a paused task does not read either')
  })

  test('goes on where it is raised, and gives back what was not done', async (t) => {
    const { tasks } = await openTasks(t)
    const { id } = await tasks.start({ ...START, budget: { requests: 2 } })
    assert.equal(await race(tasks, [id], 3), 2)
    await tasks.budgets.raise(id, { requests: 3 })
    assert.equal(await tasks.budgets.charge([id], ONE), undefined)
    tasks.budgets.refund([id], ONE)
    assert.deepEqual(await shown(tasks, id), ['requests 2/5'])
    assert.equal(await race(tasks, [id], 9), 3)
    for (const [by, code] of [
      [{ writes: 1 }, 'not_found'],
      [{}, 'invalid_argument'],
      [{ requests: Number.MAX_SAFE_INTEGER }, 'invalid_argument'],
    ] as const)
      await assert.rejects(tasks.budgets.raise(id, by), (thrown) => thrown instanceof StintError && thrown.code === code)
  })

  test('is never exceeded by two gateways on one state, and both know of a pause and a raise', async (t) => {
    const { tasks: first, store } = await openTasks(t)
    const second = await createTasks(store, OPTIONS)
    const { id } = await first.start({ ...START, budget: { requests: 40 } })
    const both = await Promise.all([race(first, [id], 40), race(second, [id], 40)])
    assert.equal(both[0] + both[1], 40)
    for (const one of [first, second]) assert.ok(await one.budgets.charge([id], ONE))
    await second.budgets.raise(id, ONE)
    const last = await Promise.all([race(first, [id], 2), race(second, [id], 2)])
    assert.equal(last[0] + last[1], 1)
    await second.close()
  })

  test('survives a death of the process: what it held counts as used', async (t) => {
    const { tasks, store } = await openTasks(t)
    const { id } = await tasks.start({ ...START, budget: { requests: 160 } })
    assert.equal(await tasks.budgets.charge([id], ONE), undefined)
    const after = await createTasks(store, OPTIONS)
    assert.deepEqual(await shown(after, id), ['requests 10/160'])
    assert.equal(await race(after, [id], 200), 150)
    await after.close()
  })

  test('is put back by an orderly end of the process, and of the task', async (t) => {
    const { tasks, reopen, pass } = await openTasks(t)
    const { id } = await tasks.start({ ...START, budget: { requests: 160 } })
    await tasks.budgets.charge([id], ONE)
    await tasks.close()
    const again = await reopen()
    assert.deepEqual(await shown(again, id), ['requests 1/160'])
    await again.budgets.charge([id], ONE)
    await again.end(id, 'ended', 'done')
    await pass(0)
    assert.deepEqual(await shown(again, id), ['requests 2/160'])
  })
})
