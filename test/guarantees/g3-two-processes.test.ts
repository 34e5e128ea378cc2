import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { createClient } from '../../src/cli/client.ts'
import type { Receipt } from '../../src/killswitch.ts'
import type { Selector, Task } from '../../src/model.ts'
import { startSecond } from '../fakes/second-stint.ts'
import { finish, type Installation } from '../fakes/stint.ts'
import { downloading, fetching, firstOutput, openWorld, succeed, type World } from '../fakes/world.ts'
import { startPostgres } from '../services/postgres.ts'

const postgres = await startPostgres()

describe('G3: a revocation written by one process is refused by all', { skip: postgres.skip }, () => {
  let world: World
  let second: Installation
  before(async () => {
    const env = { STINT_DATABASE_URL: await postgres.running.createDatabase() }
    world = await openWorld(env)
    second = await startSecond(world.stint, env)
  })
  after(async () => {
    await second?.stop()
    await world?.close()
  })

  const runOnSecond = (command: readonly string[]): ChildProcess => {
    const wish = ['--task', 'exercise the second', '--target', 'api', '--ttl', '5m']
    return second.spawn(['run', ...wish, '--', ...command], { cwd: world.workspace, stdio: ['pipe', 'pipe', 'pipe'] })
  }
  const selectors: readonly [string, (task: Task) => Selector][] = [
    ['its task', (task) => ({ kind: 'task', id: task.id })],
    ['its owner', (task) => ({ kind: 'owner', id: task.owner })],
    ['the target', () => ({ kind: 'target', id: 'api' })],
    ['the credential', () => ({ kind: 'credential', id: 'key' })],
    ['everything', () => ({ kind: 'all' })],
  ]

  for (const [name, selectorOf] of selectors)
    test(`revoking ${name} at one cuts what is open at the other before the receipt, which names both`, async () => {
      const download = runOnSecond(downloading(`${world.apiUrl}/endless`))
      await firstOutput(download)
      const [task] = (await world.call<{ items: Task[] }>('GET', '/v1/tasks?state=live')).items
      assert.ok(task !== undefined, 'a task that the other started is known here')
      const selector = selectorOf(task)
      const receipt = await world.call<Receipt>('POST', '/v1/revocations', { selector, reason: 'drill' })
      assert.equal(receipt.gateways.length, 2)
      assert.deepEqual(receipt.unconfirmed, [])
      assert.equal(receipt.cut, 0, 'it was open at the other')
      assert.notEqual((await finish(download)).code, 0)
      assert.equal(world.api.open, 0, 'the upstream exchange is gone too')
      if (selector.kind !== 'task') {
        const again = await finish(runOnSecond(fetching(`${world.apiUrl}/issues`)))
        assert.doesNotMatch(again.stdout, /kettle/)
      }
      const { call } = createClient(() => second.home)
      await call('POST', `/v1/revocations/${receipt.revocation.number}/lift`, { reason: 'drill over' })
      assert.match((await succeed(world.run('api', fetching(`${world.apiUrl}/issues`)))).stdout, /kettle/)
    })

  test('a target that is removed at one takes what is open at the other with it', async () => {
    const download = runOnSecond(downloading(`${world.apiUrl}/endless`))
    await firstOutput(download)
    await world.call('DELETE', '/v1/targets/api')
    assert.notEqual((await finish(download)).code, 0)
  })

  test('the vault’s key is not rotated while another process has a copy of it', async () => {
    const refused = await world.stint.cli(['credential', 'rotate-key'])
    assert.notEqual(refused.code, 0)
    assert.match(refused.stderr, /copy the new key/)
  })

  test('a process that stopped is not waited for, and not named', async () => {
    await second.stop()
    const receipt = await world.call<Receipt>('POST', '/v1/revocations', { selector: { kind: 'all' }, reason: 'drill' })
    assert.equal(receipt.gateways.length, 1)
    assert.deepEqual(receipt.unconfirmed, [])
  })
})
