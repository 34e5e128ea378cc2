import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { callTaskTool } from '../../src/api/task-tools.ts'
import type { ApiVerbs, Asked } from '../../src/api/verbs.ts'
import type { Caller, Task } from '../../src/model.ts'

const caller: Caller = { id: 'w', proof: 'run-secret', issuer: 'stint', taskId: 'task_1', actors: [], claims: {} }
const task: Task = {
  ...{ id: 'task_2', purpose: 'p', owner: 'o', workload: 'w', proof: 'run-secret', keyThumbprint: 'k'.repeat(43), labels: [] },
  ...{ scope: { targets: ['a'], actions: ['*'] }, startedAt: 1, expiresAt: 2, state: 'live', supervised: false },
}

async function end(ancestors: readonly string[], isRefused = false) {
  const [asked, ended]: [Asked[], string[]] = [[], []]
  const verbs = {
    async authorize(one: Asked) {
      asked.push(one)
      return isRefused ? { code: 'denied', detail: 'no', reasons: [], correlationId: 'c' } : undefined
    },
    tasks: {
      show: async () => ({ ...task, ancestors, children: [], budgets: [] }),
      end: async (id: string) => {
        ended.push(id)
        return { ...task, state: 'ended' }
      },
    },
  } as unknown as Pick<ApiVerbs, 'authorize' | 'tasks'>
  const given = { task: 'task_2' }
  const outcome = await callTaskTool(verbs, { tool: 'end_child_task', given, caller, correlationId: 'c' })
  return { outcome, ended, asked }
}

describe('the tool that ends a task', () => {
  test('ends one below the caller’s, at any depth, decided as an act on the caller’s own', async () => {
    const { outcome, ended, asked } = await end(['task_9', 'task_1'])
    assert.deepEqual([outcome?.isError, outcome?.value.state, ended], [false, 'ended', ['task_2']])
    assert.deepEqual(
      asked.map(({ action, resource, record }) => [action, resource, record]),
      [['stint:Task::end', 'tasks/task_1/children/task_2', true]],
    )
  })

  test('ends no other, and none where policy says no', async () => {
    for (const { outcome, ended } of [await end([]), await end(['task_3']), await end(['task_1'], true)]) {
      assert.equal(outcome?.isError, true)
      assert.deepEqual(ended, [])
    }
  })
})
