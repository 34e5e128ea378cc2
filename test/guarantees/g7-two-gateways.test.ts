import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { ShownTask } from '../../src/api/verbs.ts'
import { createClient } from '../../src/cli/client.ts'
import { type Holder, startHolder } from '../fakes/holder.ts'
import { startSecond } from '../fakes/second-stint.ts'
import { type Installation, startStint } from '../fakes/stint.ts'
import { startUpstream, type Upstream } from '../fakes/upstream.ts'
import { declared, succeed } from '../fakes/world.ts'
import { startPostgres } from '../services/postgres.ts'

const postgres = await startPostgres()
const SECRET = `upstream-key-${crypto.randomUUID()}`

describe('G7: a budget holds over all gateways together', { skip: postgres.skip }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'stint-budget-two-'))
  let first: Installation
  let second: Installation
  let shop: Upstream
  let arrived = 0
  const call: ReturnType<typeof createClient>['call'] = (...asked) => createClient(() => first.home).call(...asked)
  const begin = async (requests: number): Promise<{ here: Holder; there: Holder }> => {
    arrived = 0
    const here = await startHolder(first, { targets: ['shop'], actions: ['*'], budget: { requests } })
    const there = here.at(second)
    while ((await there.api('GET', `/v1/tasks/${here.task.id}`)).status !== 200);
    return { here, there }
  }
  /** `200`, or the code of the refusal. */
  const order = async (holder: Holder): Promise<string> => {
    const answer = await holder.ask(`https://localhost:${shop.port}/orders`)
    return /^HTTP\/1\.1 200/.test(answer) ? '200' : (/"code":"(\w+)"/.exec(answer)?.[1] ?? answer)
  }
  const race = async (holders: readonly Holder[]): Promise<string[]> =>
    Promise.all(Array.from({ length: 10 }, () => holders.map(order)).flat())

  before(async () => {
    shop = await startUpstream(directory, SECRET, (_, answer) => {
      arrived += 1
      answer.end('sold')
    })
    const env = { STINT_DATABASE_URL: await postgres.running.createDatabase() }
    first = await startStint(env)
    await succeed(first.cli(['target', 'add', 'shop', '--environment', 'development', ...declared(shop)]))
    await succeed(first.cli(['credential', 'add', 'key'], SECRET))
    second = await startSecond(first, env)
  })
  after(async () => {
    await second?.stop()
    await first?.stop()
    await shop?.close()
    rmSync(directory, { recursive: true, force: true })
  })

  test('of requests that race at both no more get through than it allows, before and after it is raised', async () => {
    const { here, there } = await begin(12)
    const answers = await race([here, there])
    assert.deepEqual([...new Set(answers)].sort(), ['200', 'budget_exceeded'])
    assert.equal(arrived, answers.filter((one) => one === '200').length)
    assert.ok(arrived <= 12, `${arrived} of 12`)
    await call('POST', `/v1/tasks/${here.task.id}/budget`, { raise: { requests: 6 } })
    while ((await order(there)) !== '200'); // it has heard of it
    await race([here, there])
    assert.ok(arrived > 12 && arrived <= 18, `${arrived} of 18`)
  })

  test('one that is killed grants nothing more, neither at the other nor when it is back', async () => {
    const { here, there } = await begin(40)
    assert.deepEqual(await Promise.all([order(there), order(there), order(here)]), ['200', '200', '200'])
    second.server.kill('SIGKILL')
    for (let answer = '200'; answer === '200'; answer = await order(here));
    const { budgets } = await call<ShownTask>('GET', `/v1/tasks/${here.task.id}`)
    assert.deepEqual(budgets, [{ unit: 'requests', limit: 40, used: 40, isPaused: true }])
    assert.ok(arrived > 30 && arrived <= 40, `${arrived} of 40`)
    await second.restart()
    const before = arrived
    assert.equal(await order(here.at(second)), 'budget_exceeded')
    assert.equal(arrived, before)
  })
})
