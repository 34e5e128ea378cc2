import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createFake, type Fake, type Running, runApi } from './fixture.ts'

describe('approvals', () => {
  let fake: Fake
  let api: Running
  const heard: { caller: string; said: object }[] = []
  before(async () => {
    fake = createFake()
    const { grant } = fake.verbs.approvals
    const approvals = {
      ...fake.verbs.approvals,
      grant: (id: string, caller: { id: string }, said: object) => {
        heard.push({ caller: caller.id, said })
        return grant(id, caller as never, said)
      },
    }
    api = await runApi({ ...fake.verbs, approvals } as typeof fake.verbs)
  })
  after(() => api.stop())

  test('are answered by the operator, and by a person who signed in elsewhere; the act is recorded first', async () => {
    const path = '/v1/approvals/approval_1/grant'
    assert.equal((await api.socket('POST', path, { body: { times: 3, minutes: 10 } })).status, 200)
    assert.equal((await api.tcp('POST', path, { headers: { authorization: 'Bearer good-ci' }, body: {} })).status, 200)
    assert.deepEqual(heard, [
      { caller: 'spiffe://stint.local/operator', said: { times: 3, minutes: 10 } },
      { caller: 'spiffe://stint.local/ci', said: {} },
    ])
    assert.deepEqual(fake.happened.slice(-3), ['authenticate', 'record', 'approvals.grant'])
  })

  test('are not answered, listed or shown by the token of a task', async () => {
    const headers = { authorization: 'DPoP good-task_1', dpop: 'proof' }
    for (const [method, path] of [
      ['POST', '/v1/approvals/approval_1/grant'],
      ['POST', '/v1/approvals/approval_1/deny'],
      ['GET', '/v1/approvals/approval_1'],
      ['GET', '/v1/approvals'],
    ] as const)
      assert.equal((await api.tcp(method, path, { headers, ...(method === 'POST' && { body: {} }) })).json.code, 'not_operator')
  })

  test('are shown to their own task, and to no other', async () => {
    const ask = (task: string) =>
      api.tcp('GET', `/v1/tasks/${task}/approvals/approval_1`, { headers: { authorization: 'DPoP good-task_1', dpop: 'proof' } })
    assert.equal((await ask('task_1')).json.state, 'pending')
    assert.equal((await ask('task_2')).json.code, 'not_operator')
  })

  test('are listed for the operator alone', async () => {
    const { json } = await api.tcp('GET', '/v1/approvals', { headers: { authorization: 'Bearer good-ci' } })
    assert.equal(json.code, 'not_operator')
  })

  for (const body of [{ times: 0 }, { minutes: 0.5 }, { times: '3' }, { anything: true }])
    test(`a yes does not take ${JSON.stringify(body)}`, async () => {
      const { json } = await api.socket('POST', '/v1/approvals/approval_1/grant', { body })
      assert.equal(json.code, 'invalid_argument')
    })
})
