import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Page, ShownTask } from '../../src/api/verbs.ts'
import type { Approval } from '../../src/approvals/approval.ts'
import type { FoundEntry } from '../../src/audit/search.ts'
import { createClient } from '../../src/cli/client.ts'
import type { Task } from '../../src/model.ts'
import { AGENT, type Agent, speakWith } from '../fakes/asking.ts'
import { finish, type Installation, startStint } from '../fakes/stint.ts'
import { startUpstream, type Upstream } from '../fakes/upstream.ts'
import { declared, succeed } from '../fakes/world.ts'

describe('a task with a budget', () => {
  const directory = mkdtempSync(join(tmpdir(), 'stint-budget-'))
  let stint: Installation
  let shop: Upstream
  let agent: Agent
  let till: Upstream
  let arrived = 0
  /** Of the bodies that did not end, at the till. */
  let most = 0
  const call: ReturnType<typeof createClient>['call'] = (...asked) => createClient(() => stint.home).call(...asked)
  const ask = async (method: string, headers: Readonly<Record<string, string>> = {}) => {
    const { status, text } = await agent.ask({ url: `https://localhost:${shop.port}/orders`, method, headers })
    return status === 200 ? 'let through' : JSON.parse(text)
  }
  const taskOf = async (): Promise<string> => (await call<Page<Task>>('GET', '/v1/tasks?state=live')).items[0]?.id ?? ''
  const questions = async () => (await call<Page<Approval>>('GET', '/v1/approvals?state=pending')).items

  before(async () => {
    shop = await startUpstream(directory, 'upstream-key-of-the-shop', (request, response) => {
      arrived += 1
      request.resume().on('end', () => response.end('sold'))
    })
    mkdirSync(join(directory, 'till'))
    till = await startUpstream(join(directory, 'till'), 'upstream-key-of-the-shop', (request, response) => {
      let size = 0
      request.on('data', (chunk) => (size += chunk.length)).on('end', () => response.end('paid'))
      request.on('close', () => (most = request.complete ? most : Math.max(most, size)))
    })
    stint = await startStint({ STINT_MAX_TASK_BUDGET: 'requests=10', STINT_TASK_BUDGET: 'requests=4' })
    await succeed(stint.cli(['target', 'add', 'shop', '--environment', 'development', ...declared(shop)]))
    await succeed(stint.cli(['credential', 'add', 'key'], 'upstream-key-of-the-shop'))
    const wish = ['run', '--task', 'sell kettles', '--target', 'shop', '--budget', 'writes=1']
    agent = speakWith(stint.spawn([...wish, '--', ...AGENT], { stdio: ['pipe', 'pipe', 'pipe'], cwd: directory }))
  })
  after(async () => {
    await agent?.end()
    await stint?.stop()
    await shop?.close()
    await till?.close()
    rmSync(directory, { recursive: true, force: true })
  })

  test('is paused by the request that needs more than is left, and its owner is asked once', async () => {
    assert.equal(await ask('POST'), 'let through')
    for (const method of ['POST', 'GET', 'POST']) {
      const refusal = await ask(method)
      assert.deepEqual([refusal.code, refusal.approver], ['budget_exceeded', 'owner'])
      assert.match(refusal.detail, /1 writes, has too little left/)
    }
    assert.equal(arrived, 1)
    const asked = await questions()
    assert.deepEqual(
      asked.map(({ action, resource, taskId }) => [action, resource, taskId]),
      [['stint:Task::raise', 'writes by 1', await taskOf()]],
    )
    const { stdout } = await succeed(stint.cli(['approvals', 'list']))
    assert.match(stdout, /raise the budget of task_\S+ by 1 writes, from 1/)
  })

  test('goes on with the next request when its owner said yes, once', async () => {
    const [question] = await questions()
    await succeed(stint.cli(['approvals', 'grant', question?.id ?? '']))
    assert.equal(await ask('POST'), 'let through')
    assert.equal((await ask('POST')).code, 'budget_exceeded')
    assert.equal(arrived, 2)
  })

  test('stays paused where they said no, and goes on when it is raised', async () => {
    const [question] = await questions()
    await succeed(stint.cli(['approvals', 'deny', question?.id ?? '', '--reason', 'enough kettles']))
    const refusal = await ask('GET')
    assert.equal(refusal.code, 'budget_exceeded')
    assert.match(refusal.reasons.join(' '), /enough kettles/)
    const task = await taskOf()
    const { stdout } = await succeed(stint.cli(['task', 'budget', task, '--raise', 'writes=+1']))
    assert.equal(stdout, 'requests: 2 of 4 used\nwrites: 2 of 3 used\n')
    assert.equal(await ask('POST'), 'let through')
    assert.match((await succeed(stint.cli(['task', 'show', task]))).stdout, /budget +writes: 3 of 3 used/)
  })

  test('has the usual budget for what it does not name; its pauses and raises are in the log', async () => {
    assert.equal(await ask('GET'), 'let through')
    assert.match((await ask('GET')).detail, /4 requests/)
    const { budgets, id } = await call<ShownTask>('GET', `/v1/tasks/${await taskOf()}`)
    assert.deepEqual(budgets[0], { unit: 'requests', limit: 4, used: 4, isPaused: true })
    const acts = async (action: string) =>
      (await call<Page<FoundEntry>>('GET', `/v1/audit/entries?action=${action}&task=${id}`)).items.length
    assert.equal(await acts('stint:Task::pause'), 3)
    assert.equal(await acts('stint:Task::raise'), 1)
  })

  test('sends no more bytes than it may, also in the middle of a body; what its acts cost is counted', async (t) => {
    await succeed(
      stint.cli(['target', 'add', 'till', '--environment', 'development', '--price', 'http:POST=3', ...declared(till)]),
    )
    const wish = ['run', '--task', 'send', '--target', 'till', '--budget', 'bytesOut=100000,spend=100']
    const sender = speakWith(stint.spawn([...wish, '--', ...AGENT], { stdio: ['pipe', 'pipe', 'pipe'], cwd: directory }))
    t.after(() => sender.end())
    const send = (bytes: number) =>
      sender.ask({ url: `https://localhost:${till.port}/`, method: 'POST', body: 'x'.repeat(bytes) })
    assert.equal((await send(40_000)).status, 200)
    const { text } = await send(200_000)
    assert.equal(JSON.parse(text).code, 'budget_exceeded')
    assert.ok(most <= 60_000, `${most} bytes arrived of what was cut off`)
    assert.equal(JSON.parse((await send(1)).text).code, 'budget_exceeded')
    const { items } = await call<Page<Task>>('GET', '/v1/tasks?state=live')
    const id = items.find(({ purpose }) => purpose === 'send')?.id
    const { budgets } = await call<ShownTask>('GET', `/v1/tasks/${id}`)
    assert.deepEqual(
      budgets.map(({ unit, isPaused }) => [unit, isPaused]),
      [
        ['requests', false],
        ['bytesOut', true],
        ['spend', false],
      ],
    )
    assert.deepEqual(budgets[2], { unit: 'spend', limit: 100, used: 6, isPaused: false })
  })

  test('holds a request that would rather wait until its budget is raised; the question is then answered', async () => {
    const task = await taskOf()
    const before = arrived
    const held = ask('GET', { prefer: 'wait=60' })
    const isAsked = async () => (await questions()).some(({ resource }) => resource.startsWith('requests'))
    while (!(await isAsked())) await new Promise((later) => setTimeout(later, 20))
    await succeed(stint.cli(['task', 'budget', task, '--raise', 'requests=+1']))
    assert.equal(await held, 'let through')
    assert.equal(arrived, before + 1)
    assert.equal(await isAsked(), false)
  })

  test('cannot ask for more than the settings allow, nor for what nobody counts', async () => {
    for (const [budget, exit, words] of [
      ['requests=11', 125, 'its budget of 11 requests is more than 10'],
      ['miracles=1', 2, '--budget takes whole numbers by name'],
      ['writes=-1', 2, '--budget takes whole numbers by name'],
    ] as const) {
      const wish = ['run', '--task', 'x', '--target', 'shop', '--budget', budget, '--', 'true']
      const { code, stderr } = await finish(stint.spawn(wish))
      assert.equal(code, exit)
      assert.ok(stderr.includes(words), stderr)
    }
  })
})
