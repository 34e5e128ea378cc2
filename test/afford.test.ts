import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { createAfford } from '../src/afford.ts'
import { openApprovals } from '../src/approvals/approvals.ts'
import { StintError } from '../src/errors.ts'
import type { Action, Budget, Caller, Decision, Target, Task } from '../src/model.ts'
import { openTasks, START } from './tasks/fixture.ts'

const caller: Caller = { id: START.workload, proof: 'sandbox', issuer: 'stint', actors: [], claims: {} }
const target: Target = {
  ...{ id: 'github', connector: 'http', hosts: [], environment: 'development', sensitivity: 'internal', labels: [] },
  ...{ privateNetworks: [], placement: { kind: 'none' } },
}
const allow: Decision = { effect: 'allow', policies: ['p'], policySetHash: 'h', code: 'allowed', reasons: [] }
const OWNER = { callerId: 'spiffe://stint.local/operator', person: START.owner }

async function open(t: TestContext) {
  const { tasks, store } = await openTasks(t)
  const approvals = await openApprovals(store, { now: Date.now, roles: {}, seconds: 60, most: { times: 1, minutes: 1 } })
  const raised: string[] = []
  const recordRaise = async (task: Task, { unit, wants }: { unit: string; wants: number }): Promise<void> =>
    void raised.push(`${task.id} ${unit} ${wants}`)
  const { consent, withdraw } = approvals
  const afford = createAfford({ budgets: tasks.budgets, above: tasks.above, consent, withdraw, recordRaise })
  const charge = (task: Task, change: Partial<Action> = {}, prices?: Target['prices']) => {
    const action: Action = { id: 'http:GET', access: 'read', resource: '/', parameters: {}, ...change }
    const on = prices === undefined ? target : { ...target, prices }
    const request = {
      principal: { type: 'Workload', id: caller.id },
      action: action.id,
      resource: { type: 'Target', id: 'github' },
    }
    const asked = { ...request, context: {}, risk: { score: 0, reasons: [] } }
    return afford.charge({ correlationId: 'c', caller, task, target: on, action, request: asked, decision: allow })
  }
  const begin = (budget: Budget, parent?: Task) => tasks.start({ ...START, budget, ...(parent && { parentId: parent.id }) })
  const pending = async () => (await approvals.list({ limit: 9, state: 'pending' })).items
  const say = async (said: 'grant' | 'deny') => {
    const [question] = await pending()
    await approvals[said](question?.id ?? '', OWNER)
  }
  return { tasks, afford, charge, begin, pending, say, raised }
}

describe('what an act uses', () => {
  test('is nothing, in the same tick, where no budget bounds it', async (t) => {
    const { afford, charge, begin } = await open(t)
    const task = await begin({})
    await begin({ requests: 0 })
    assert.equal(charge(task), undefined)
    assert.equal(
      afford.countOut({ caller, task, target, action: { id: 'x', access: 'read', resource: '', parameters: {} } }),
      undefined,
    )
  })

  test('is what the longest pattern among the prices of its target says', async (t) => {
    const { tasks, charge, begin } = await open(t)
    const prices = { 'http:*': 2, 'http:POST': 7, '*': 1, 'git:push': 100 }
    const task = await begin({ spend: 11 })
    assert.equal(await charge(task, { id: 'http:POST', access: 'write' }, prices), undefined)
    assert.equal(await charge(task, { id: 'http:GET' }, prices), undefined)
    assert.equal(await charge(task, { id: 'mcp:call' }, prices), undefined)
    assert.equal(await charge(task, { id: 'mcp:call' }, { 'http:*': 5 }), undefined)
    assert.equal((await tasks.budgets.show(task.id))[0]?.used, 10)
    const over = await charge(task, { id: 'http:GET' }, prices)
    assert.deepEqual([over?.effect, over?.code, over?.approver], ['needs-approval', 'budget_exceeded', 'owner'])
  })

  test('a question that an operator’s raise has overtaken is asked no more; that of another budget still is', async (t) => {
    const { afford, charge, begin, pending } = await open(t)
    const [task, other] = [await begin({ requests: 1, writes: 0 }), await begin({ requests: 0 })]
    assert.equal(await charge(task), undefined)
    for (const one of [task, other]) assert.equal((await charge(one))?.effect, 'needs-approval')
    await afford.raise(task.id, { requests: 1 })
    assert.deepEqual(
      (await pending()).map(({ taskId }) => taskId),
      [other.id],
    )
    assert.equal(await charge(task), undefined)
    assert.equal((await charge(task))?.effect, 'needs-approval')
  })

  test('a child that meets a budget above it asks the owner about that one; a yes raises it and is recorded, once', async (t) => {
    const { charge, begin, pending, say, raised } = await open(t)
    const parent = await begin({ requests: 2 })
    const child = await begin({}, parent)
    for (const _ of [1, 2]) assert.equal(await charge(child), undefined)
    for (const task of [child, parent, child]) assert.equal((await charge(task))?.code, 'budget_exceeded')
    assert.deepEqual(
      (await pending()).map(({ taskId, resource }) => [taskId, resource]),
      [[parent.id, 'requests by 2']],
    )
    await say('grant')
    const all = await Promise.all([1, 2, 3].map(() => charge(child)))
    assert.deepEqual(
      all.map((over) => over?.code),
      [undefined, undefined, 'budget_exceeded'],
    )
    assert.deepEqual(raised, [`${parent.id} requests 2`])
    await say('deny')
    assert.equal((await charge(child))?.effect, 'deny')
  })

  test('a credential that is one too many is not made, and only that: the task pauses with its next request', async (t) => {
    const { afford, charge, begin, say } = await open(t)
    const task = await begin({ mintedCredentials: 1, requests: 9 })
    const mint = () => afford.mint({ caller, task, target })
    await mint()
    await assert.rejects(mint(), (thrown) => thrown instanceof StintError && thrown.code === 'budget_exceeded')
    assert.equal((await charge(task))?.code, 'budget_exceeded')
    await say('grant')
    await mint()
  })

  test('bytes that a stream sends stop where their budget ends, and go on where another one paused', async (t) => {
    const { afford, charge, begin } = await open(t)
    const task = await begin({ bytesOut: 100, requests: 0 })
    const count = afford.countOut({ caller, task, target, action: { id: 'x', access: 'write', resource: '', parameters: {} } })
    assert.equal((await charge(task))?.code, 'budget_exceeded')
    assert.equal(await count?.(60), true)
    assert.equal(await count?.(41), false)
    assert.equal(await count?.(1), false)
  })
})
