import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createClient } from '../../src/cli/client.ts'
import { type DpopKey, generateKey, makeProof } from '../../src/identity/dpop.ts'
import type { Task } from '../../src/model.ts'
import { requestOnStint, requestOnTarget } from '../../src/policy/request.ts'
import { type Installation, startStint } from '../fakes/stint.ts'

// A task that an operator started without naming a proof was taken to be proved by the operator socket itself. Its token then made the
// holder an Operator for Cedar: every act on Stint, and on targets none of the policies for workloads.

let stint: Installation
let key: DpopKey
let started: { task: Task; token: string }
before(async () => {
  stint = await startStint()
  key = await generateKey()
  const { call } = createClient(() => stint.home)
  await call('POST', '/v1/targets', {
    ...{ id: 'web', connector: 'http', environment: 'development', sensitivity: 'internal', labels: [] },
    hosts: [{ scheme: 'https', host: 'web.example', port: 443 }],
    ...{ privateNetworks: [], placement: { kind: 'none' } },
  })
  const wish = { purpose: 'ask for more', targets: ['web'], actions: ['*'], keyThumbprint: key.thumbprint }
  started = await call('POST', '/v1/tasks', wish)
})
after(() => stint.stop())

async function ask(method: string, path: string, body?: unknown): Promise<Response> {
  const url = `http://127.0.0.1:${stint.apiPort}${path}`
  const dpop = await makeProof(key, { method, url, token: started.token })
  const headers = { authorization: `DPoP ${started.token}`, dpop, 'content-type': 'application/json' }
  return fetch(url, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) })
}

describe('a task token speaks for its task’s workload and never for an operator', () => {
  test('a task that names no proof has the weakest one', () => {
    assert.equal(started.task.proof, 'run-secret')
  })

  test('no task can be started as proved by the operator socket', async () => {
    const { call } = createClient(() => stint.home)
    const wish = { purpose: 'x', targets: ['web'], actions: ['*'], keyThumbprint: key.thumbprint, proof: 'operator-socket' }
    await assert.rejects(call('POST', '/v1/tasks', wish), /invalid_argument/)
  })

  const acts: readonly (readonly [string, string, unknown?])[] = [
    ['GET', '/v1/tasks'],
    ['GET', '/v1/credentials'],
    ['GET', '/v1/audit/entries'],
    ['POST', '/v1/tasks', { purpose: 'more', targets: ['web'], actions: ['*'], keyThumbprint: 'A'.repeat(43) }],
    ['POST', '/v1/revocations', { selector: { kind: 'all' }, reason: 'x' }],
    ['POST', '/v1/revocations/1/lift', { reason: 'x' }],
    ['DELETE', '/v1/targets/web'],
  ]
  for (const [method, path, body] of acts) {
    test(`${method} ${path} is refused`, async () => {
      const answer = await ask(method, path, body)
      assert.ok(answer.status === 401 || answer.status === 403, String(answer.status))
    })
  }

  test('its own task it may see', async () => {
    assert.equal((await ask('GET', `/v1/tasks/${started.task.id}`)).status, 200)
  })

  test('for Cedar a caller with a task is a Workload, whatever its proof says', () => {
    const caller = { id: 'a', proof: 'operator-socket' as const, issuer: 'stint', taskId: 'task_1', actors: [], claims: {} }
    const action = { id: 'x', access: 'read' as const, resource: 'tasks/task_2', parameters: {} }
    assert.equal(requestOnStint(caller, action, 0).principal.type, 'Workload')
    assert.equal(requestOnStint(caller, action, 0).context.inScope, false)
    const target = { id: 'web', connector: 'http', hosts: [], environment: 'development', sensitivity: 'internal' } as const
    const on = { ...target, labels: [], privateNetworks: [], placement: { kind: 'none' } } as const
    assert.equal(requestOnTarget(caller, started.task, on, action, 0).principal.type, 'Workload')
  })
})
