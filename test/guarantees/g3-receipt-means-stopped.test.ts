import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Receipt } from '../../src/killswitch.ts'
import type { Selector, Task } from '../../src/model.ts'
import { finish } from '../fakes/stint.ts'
import { downloading, fetching, firstOutput, openWorld, succeed, type World } from '../fakes/world.ts'

let world: World
before(async () => {
  world = await openWorld()
})
after(() => world.close())

const selectors: readonly [string, (task: Task) => Selector][] = [
  ['its task', (task) => ({ kind: 'task', id: task.id })],
  ['its caller', (task) => ({ kind: 'caller', id: task.workload })],
  ['its owner', (task) => ({ kind: 'owner', id: task.owner })],
  ['the target', () => ({ kind: 'target', id: 'api' })],
  ['the credential', () => ({ kind: 'credential', id: 'key' })],
  ['everything', () => ({ kind: 'all' })],
]

describe('G3: when the receipt is there, nothing it covers goes on', () => {
  for (const [name, selectorOf] of selectors) {
    test(`revoking ${name} cuts a download, refuses new requests, and lifting it lets new tasks in`, async () => {
      const download = world.begin('api', downloading(`${world.apiUrl}/endless`))
      await firstOutput(download)
      const [task] = (await world.call<{ items: Task[] }>('GET', '/v1/tasks?state=live')).items
      assert.ok(task !== undefined)
      const selector = selectorOf(task)
      const receipt = await world.call<Receipt>('POST', '/v1/revocations', { selector, reason: 'drill' })
      assert.ok(receipt.cut >= 1, 'something was cut')
      assert.ok(receipt.entry !== undefined, 'the act is in the log')
      const { code } = await finish(download)
      assert.notEqual(code, 0)
      assert.equal(world.api.open, 0, 'the upstream exchange is gone too')
      if (selector.kind !== 'task') {
        const again = await world.run('api', fetching(`${world.apiUrl}/issues`))
        assert.doesNotMatch(again.stdout, /kettle/)
      }
      await world.call('POST', `/v1/revocations/${receipt.revocation.number}/lift`, { reason: 'drill over' })
      const after = await succeed(world.run('api', fetching(`${world.apiUrl}/issues`)))
      assert.match(after.stdout, /kettle/)
    })
  }

  test('a revocation survives a restart', async () => {
    const selector = { kind: 'target', id: 'api' }
    const { revocation } = await world.call<Receipt>('POST', '/v1/revocations', { selector, reason: 'kept' })
    world.stint.server.kill('SIGKILL')
    await world.stint.restart()
    const { stdout } = await world.run('api', fetching(`${world.apiUrl}/issues`))
    assert.doesNotMatch(stdout, /kettle/)
    await world.call('POST', `/v1/revocations/${revocation.number}/lift`, { reason: 'test over' })
  })

  test('who revoked and who lifted stands in the log', async () => {
    const { items } = await world.call<{ items: Record<string, unknown>[] }>('GET', '/v1/audit/entries?limit=200')
    const acts = items.filter(({ action }) => String(action).startsWith('stint:Revocation::'))
    assert.ok(acts.length >= 12)
    for (const act of acts) assert.match(String(act.caller), /operator$/)
  })
})
