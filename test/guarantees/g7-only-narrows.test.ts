import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Task } from '../../src/model.ts'
import { isInScope, NO_HISTORY, requestOnTarget } from '../../src/policy/request.ts'
import { action, caller, NOON, target } from '../policy/sample.ts'
import { openTasks, START } from '../tasks/fixture.ts'

const ACTIONS = ['a', 'a:b', 'a:c', 'b', 'b:a']
const TARGETS = ['x', 'y', 'z']
const pattern = fc.constantFrom(...ACTIONS, 'a*', 'a:*', 'b*', '*')
const wish = fc.record({
  scope: fc.record({
    targets: fc.uniqueArray(fc.constantFrom(...TARGETS), { minLength: 1 }),
    actions: fc.uniqueArray(pattern, { minLength: 1, maxLength: 3 }),
  }),
  ttlSeconds: fc.integer({ min: 1, max: 4 }),
  labels: fc.uniqueArray(fc.constantFrom('l:1', 'l:2'), { maxLength: 2 }),
  /** Which of the tasks so far starts it. */
  by: fc.nat(),
})

describe('G7: a child can do nothing that its parent could not', () => {
  test('in any family, however it was wished for', async (t) => {
    const { tasks } = await openTasks(t)
    await fc.assert(
      fc.asyncProperty(fc.array(wish, { minLength: 2, maxLength: 8 }), async ([first, ...more]) => {
        const family: Task[] = [await tasks.start({ ...START, ...first })]
        for (const { by, ...child } of more) {
          const parent = family[by % family.length] as Task
          const started = await tasks.start({ ...START, ...child, parentId: parent.id }).catch((thrown) => thrown.code)
          if (typeof started !== 'string') family.push(started)
          else assert.equal(started, 'scope_exceeded')
        }
        for (const task of family) for (const above of tasks.above(task)) assertWithin(task, above)
        const [root] = family
        await tasks.end(root?.id ?? '', 'ended', 'done')
        assert.deepEqual(
          family.filter(({ id }) => tasks.live(id) !== undefined),
          [],
        )
      }),
      { numRuns: 60 },
    )
  })

  test('also when its own scope says more than the scope above it', () => {
    const [wide, narrow] = [taskOf(['http:GET'], ['system']), taskOf(['http:POST'], ['system'])]
    const inScope = (above: readonly Task[]) =>
      requestOnTarget(caller, wide, target, action, NOON, { ...NO_HISTORY, above }).context.inScope
    assert.equal(inScope([wide]), true)
    assert.equal(inScope([wide, narrow]), false)
    assert.equal(inScope([taskOf(['http:GET'], ['elsewhere']), wide]), false)
  })

  test('a thousand descendants are dead when the end of the first has been asked for, and stay so', async (t) => {
    const { tasks, reopen } = await openTasks(t)
    const parent = await tasks.start(START)
    const children: Task[] = []
    for (let i = 0; i < 1000; i++) {
      const by = i % 2 === 1 ? children[i - 1] : parent
      children.push(await tasks.start({ ...START, parentId: by?.id ?? parent.id }))
    }
    const ending = tasks.end(parent.id, 'ended', 'done')
    assert.deepEqual(
      children.filter(({ id }) => tasks.live(id) !== undefined),
      [],
    )
    await ending
    const again = await reopen()
    assert.deepEqual(again.under({ kind: 'all' }), [])
  })
})

function assertWithin(task: Task, above: Task): void {
  for (const id of TARGETS)
    for (const one of ACTIONS) assert.ok(!isInScope(task.scope, id, one) || isInScope(above.scope, id, one), `${one} on ${id}`)
  assert.ok(task.expiresAt <= above.expiresAt)
  assert.ok(above.labels.every((label) => task.labels.includes(label)))
  assert.equal(task.owner, above.owner)
}

function taskOf(actions: readonly string[], targets: readonly string[]): Task {
  return {
    ...START,
    id: 'task_1',
    scope: { actions, targets },
    labels: [],
    startedAt: 0,
    expiresAt: 1,
    state: 'live',
    supervised: false,
  }
}
