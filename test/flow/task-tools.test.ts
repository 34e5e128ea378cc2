import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Page } from '../../src/api/verbs.ts'
import type { FoundEntry } from '../../src/audit/search.ts'
import type { Task } from '../../src/model.ts'
import type { Done, Step } from '../fakes/mcp-client.ts'
import { openWorld, succeed, type World } from '../fakes/world.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const CLIENT = join(import.meta.dirname, '..', 'fakes', 'mcp-client.ts')
const call = (name: string, given: object = {}): Step => ({ ask: 'tools/call', params: { name, arguments: given } })
const CHILD = { purpose: 'one part', targets: ['api'], actions: ['http:GET'], keyThumbprint: 'k'.repeat(43) }

describe('Stint’s own MCP server, to a task', () => {
  let world: World
  before(async () => {
    world = await openWorld()
  })
  after(() => world.close())

  /** What the official client is answered under one task. */
  async function play(...steps: readonly Step[]): Promise<readonly Done[]> {
    const client = [process.execPath, CLIENT, 'http://stint.invalid/task/mcp', JSON.stringify(steps)]
    const { stdout } = await succeed(world.run('api', client, ['--show', ROOT, '--budget', 'requests=5,writes=2']))
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  }
  const told = (done: Done | undefined) => (done?.result?.structuredContent ?? {}) as Record<string, unknown>
  const problem = (done: Done | undefined): string => {
    const { isError, content } = (done?.result ?? {}) as { isError?: boolean; content?: { text: string }[] }
    return isError ? JSON.parse(content?.[0]?.text ?? '{}').code : `no error: ${JSON.stringify(done)}`
  }

  test('shows its tools, and the task itself with its budgets', async () => {
    const [list, shown] = await play({ ask: 'tools/list' }, call('show_task'))
    const tools = (list?.result?.tools ?? []) as { name: string; inputSchema: { type: string } }[]
    assert.deepEqual(
      tools.map(({ name }) => name),
      ['start_child_task', 'end_child_task', 'show_task'],
      JSON.stringify(list),
    )
    assert.ok(tools.every(({ inputSchema }) => inputSchema.type === 'object'))
    const { purpose, budgets } = told(shown)
    assert.equal(purpose, 'exercise Stint')
    assert.deepEqual(budgets, [
      { unit: 'requests', limit: 5, used: 0, isPaused: false },
      { unit: 'writes', limit: 2, used: 0, isPaused: false },
    ])
  })

  test('starts a child that only narrows, which is in the log as an act of the task', async () => {
    const [started, wide, much, wrong] = await play(
      call('start_child_task', { ...CHILD, budget: { writes: 1 }, ttlSeconds: 30 }),
      call('start_child_task', { ...CHILD, targets: ['code'] }),
      call('start_child_task', { ...CHILD, budget: { writes: 3 } }),
      call('start_child_task', { ...CHILD, owner: 'mallory' }),
    )
    const { task, token, gateway } = told(started) as { task: Task; token: string; gateway: string }
    assert.ok(token.length > 100 && gateway.includes(':'))
    assert.deepEqual([task.scope, task.keyThumbprint], [{ targets: ['api'], actions: ['http:GET'] }, CHILD.keyThumbprint])
    assert.deepEqual([wide, much, wrong].map(problem), ['scope_exceeded', 'scope_exceeded', 'invalid_argument'])
    const { items } = await world.call<Page<FoundEntry>>('GET', '/v1/audit/entries?action=stint:Task::delegate')
    assert.equal(items.length, 3)
    const { parentId = '', state } = await world.call<Task>('GET', `/v1/tasks/${task.id}`)
    assert.equal(state, 'ended', 'it ended with its parent')
    assert.ok(items.every((one) => one.kind === 'act' && one.subject === `tasks/${parentId}/children`))
  })

  test('ends no task but those below', async () => {
    const { items } = await world.call<Page<Task>>('GET', '/v1/tasks')
    const [other] = items
    const done = await play(
      call('end_child_task', { task: other?.id }),
      call('end_child_task', { task: 'task_none' }),
      call('no_such_tool'),
    )
    assert.deepEqual(done.slice(0, 2).map(problem), ['not_found', 'not_found'])
    assert.equal(done[2]?.error?.code, -32602)
    assert.notEqual((await play({ ask: 'resources/list' }))[0]?.error, undefined)
  })
})
