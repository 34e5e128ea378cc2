import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Caller, Selector, Target, Task } from '../../src/model.ts'
import { createFlows } from '../../src/revocations/flows.ts'
import { listening } from '../gateway/rig.ts'

const caller = { id: 'caller-a', actors: ['actor-a'] } as unknown as Caller
const task = { id: 'child', owner: 'ann', workload: 'caller-a', parentId: 'parent' } as unknown as Task
const target = { id: 'github', credentialId: 'token' } as unknown as Target
const parents = (one: Task): readonly string[] => (one.parentId === undefined ? [] : [one.parentId])

describe('open flows', () => {
  const covering: Selector[] = [
    { kind: 'all' },
    { kind: 'task', id: 'child' },
    { kind: 'task', id: 'parent' },
    { kind: 'caller', id: 'caller-a' },
    { kind: 'caller', id: 'actor-a' },
    { kind: 'owner', id: 'ann' },
    { kind: 'target', id: 'github' },
    { kind: 'credential', id: 'token' },
  ]
  for (const selector of covering) {
    test(`are cut by ${JSON.stringify(selector)}, in the same tick`, () => {
      const flows = createFlows(parents)
      const flow = flows.open({ caller, task, target })
      let cuts = 0
      flow.onCut(() => (cuts += 1))
      assert.equal(flows.cut(selector), 1)
      assert.deepEqual([cuts, flow.isCut, flows.size], [1, true, 0])
    })
  }

  test('are left alone by a selector for something else', () => {
    const flows = createFlows(parents)
    const flow = flows.open({ caller, task, target })
    for (const { kind } of covering) if (kind !== 'all') assert.equal(flows.cut({ kind, id: 'other' }), 0)
    assert.equal(flow.isCut, false)
  })

  test('a connection with no exchange yet is cut by its task, not by a target', () => {
    const flows = createFlows(parents)
    flows.open({ caller, task })
    assert.equal(flows.cut({ kind: 'target', id: 'github' }), 0)
    assert.equal(flows.cut({ kind: 'task', id: 'child' }), 1)
  })

  test('are cut by a task above them also when it is not known any more', () => {
    let above = ['parent', 'first']
    const flows = createFlows(() => above)
    const [flow, other] = [flows.open({ caller, task, target }), flows.open({ caller, task, target })]
    above = []
    other.close()
    assert.equal(flows.cut({ kind: 'task', id: 'first' }), 1)
    assert.deepEqual([flow.isCut, other.isCut, flows.size], [true, false, 0])
    assert.equal(flows.cut({ kind: 'task', id: 'parent' }), 0)
  })

  test('onCut after the cut runs at once, and a closed flow is forgotten', () => {
    const flows = createFlows(parents)
    const flow = flows.open({ caller, task, target })
    flows.cut({ kind: 'all' })
    let late = 0
    flow.onCut(() => (late += 1))
    assert.equal(late, 1)
    const closed = flows.open({ caller, task, target })
    closed.onCut(() => assert.fail('a closed flow was cut'))
    closed.close()
    assert.equal(flows.cut({ kind: 'all' }), 0)
  })

  test('break off without writing down where, also when the connection has closed, and only until then', async () => {
    const { errors, cut } = await cutRequest()
    await cut()
    assert.deepEqual(errors, ['Error: aborted'])
    for (let turns = 0; turns < 5; turns += 1) await turn()
    assert.match(new Error('later').stack ?? '', /\n {4}at /)
  })
})

/** A request on a server of its own that a cut breaks off; `errors` are the stacks of what the server makes of it. */
async function cutRequest() {
  const errors: (string | undefined)[] = []
  const { promise, resolve } = Promise.withResolvers<ServerResponse>()
  const server = createServer((request, response) => {
    request.on('error', ({ stack }) => errors.push(stack))
    resolve(response)
  })
  const client = connect(await listening(server), '127.0.0.1').on('error', () => {})
  client.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const response = await promise
  const flows = createFlows(parents)
  flows.open({ caller, task, target }).onCut(() => response.socket?.resetAndDestroy())
  return {
    errors,
    async cut() {
      flows.cut({ kind: 'all' })
      await once(response, 'close')
      await turn()
      client.destroy()
      server.close()
    },
  }
}
