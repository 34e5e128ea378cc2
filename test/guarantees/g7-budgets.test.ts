import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { StintError } from '../../src/errors.ts'
import type { Task } from '../../src/model.ts'
import { openTasks, START } from '../tasks/fixture.ts'

const amount = fc.option(fc.integer({ min: 0, max: 6 }), { nil: undefined })
const member = fc.record({ requests: amount, writes: amount, by: fc.nat() })
const act = fc.record({ who: fc.nat(), isWrite: fc.boolean() })

describe('G7: a family of tasks uses no more than any budget in it allows', () => {
  test('whoever acts, in whatever order and at once', async (t) => {
    const { tasks } = await openTasks(t)
    await fc.assert(
      fc.asyncProperty(
        fc.array(member, { minLength: 1, maxLength: 5 }),
        fc.array(act, { maxLength: 20 }),
        async (members, acts) => {
          const family: Task[] = []
          const limits = new Map<string, { requests: number; writes: number }>()
          for (const { by, requests, writes } of members) {
            const parent = family.length === 0 ? undefined : family[by % family.length]
            const budget = { ...(requests !== undefined && { requests }), ...(writes !== undefined && { writes }) }
            const wish = { ...START, budget, ...(parent && { parentId: parent.id }) }
            const task = await tasks.start(wish).catch((thrown) => thrown)
            if (task instanceof StintError) assert.equal(task.code, 'scope_exceeded')
            else {
              family.push(task)
              limits.set(task.id, { requests: requests ?? Number.POSITIVE_INFINITY, writes: writes ?? Number.POSITIVE_INFINITY })
            }
          }
          const used = new Map(family.map(({ id }) => [id, { requests: 0, writes: 0 }]))
          await Promise.all(
            acts.map(async ({ who, isWrite }) => {
              const task = family[who % family.length]
              if (task === undefined) return
              const chain = [task.id, ...tasks.ancestors(task)]
              if ((await tasks.budgets.charge(chain, { requests: 1, ...(isWrite && { writes: 1 }) })) !== undefined) return
              for (const id of chain) {
                const sum = used.get(id)
                if (sum === undefined) continue
                sum.requests += 1
                if (isWrite) sum.writes += 1
              }
            }),
          )
          for (const [id, sum] of used) {
            const limit = limits.get(id)
            assert.ok(limit !== undefined && sum.requests <= limit.requests && sum.writes <= limit.writes)
          }
          for (const { id } of family) await tasks.end(id, 'ended', 'done')
        },
      ),
      { numRuns: 40 },
    )
  })

  test('a child is not started with more than those above it have, and its use counts against them', async (t) => {
    const { tasks } = await openTasks(t)
    const root = await tasks.start({ ...START, budget: { requests: 3 } })
    const middle = await tasks.start({ ...START, parentId: root.id })
    const tooMuch = tasks.start({ ...START, parentId: middle.id, budget: { requests: 4 } })
    await assert.rejects(tooMuch, (thrown) => thrown instanceof StintError && thrown.code === 'scope_exceeded')
    const leaf = await tasks.start({ ...START, parentId: middle.id, budget: { requests: 3 } })
    const charge = (...chain: Task[]) =>
      tasks.budgets.charge(
        chain.map(({ id }) => id),
        { requests: 1 },
      )
    assert.equal(await charge(root), undefined)
    assert.equal(await charge(leaf, middle, root), undefined)
    assert.equal(await charge(middle, root), undefined)
    const short = await charge(leaf, middle, root)
    assert.deepEqual([short?.taskId, short?.unit], [root.id, 'requests'])
  })
})
