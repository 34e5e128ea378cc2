import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import type { Approval } from '../../src/approvals/approval.ts'
import { createClient } from '../../src/cli/client.ts'
import { generateKey, makeProof } from '../../src/identity/dpop.ts'
import type { Task } from '../../src/model.ts'
import { startSecond } from '../fakes/second-stint.ts'
import { type Installation, startStint } from '../fakes/stint.ts'
import { startPostgres } from '../services/postgres.ts'

const postgres = await startPostgres()

interface Answered {
  readonly status: number
  readonly page: string
}

describe('G6: a consent is used once by all gateways together', { skip: postgres.skip }, () => {
  const stints: Installation[] = []
  let arrived = 0
  const shop = createServer((asked, answer) => {
    arrived += 1
    asked.resume().on('end', () => answer.end('sold'))
  })
  let url = ''
  before(async () => {
    await new Promise<void>((ready) => shop.listen(0, '127.0.0.1', ready))
    url = `http://127.0.0.1:${(shop.address() as AddressInfo).port}/orders`
    const env = { STINT_DATABASE_URL: await postgres.running.createDatabase() }
    const first = await startStint(env)
    stints.push(first)
    stints.push(await startSecond(first, env))
  })
  after(async () => {
    for (const one of stints) await one.stop()
    shop.close()
  })

  test('of many that race at both, one gets through; a yes at one is known at the other', async () => {
    const [first, second] = stints
    assert.ok(first !== undefined && second !== undefined)
    const { call } = createClient(() => first.home)
    const { hostname: host, port } = new URL(url)
    await call('POST', '/v1/targets', {
      ...{ id: 'shop', connector: 'http', environment: 'production', sensitivity: 'internal', labels: [] },
      ...{ hosts: [{ scheme: 'http', host, port: Number(port) }], privateNetworks: ['127.0.0.0/8'] },
      placement: { kind: 'none' },
    })
    const key = await generateKey()
    const wish = { purpose: 'sell', targets: ['shop'], actions: ['*'], keyThumbprint: key.thumbprint }
    const { token } = await call<{ task: Task; token: string }>('POST', '/v1/tasks', wish)
    const order = async ({ gatewayPort }: Installation, count: number): Promise<Answered> => {
      const dpop = await makeProof(key, { method: 'POST', url, token })
      const headers = { host: new URL(url).host, 'proxy-authorization': `DPoP ${token}`, dpop, 'content-type': 'text/plain' }
      const asked = request({ host: '127.0.0.1', port: gatewayPort, path: url, method: 'POST', headers }).end(`kettles: ${count}`)
      const [answer] = await once(asked, 'response')
      return { status: answer.statusCode ?? 0, page: await text(answer) }
    }
    for (;;) {
      const { page } = await order(second, 0)
      if (JSON.parse(page).code === 'needs_approval') break // it has heard of the target and the task
    }
    for (const round of [1, 2, 3]) {
      const questions: Answered[] = await Promise.all([first, second, first, second].map((at) => order(at, round)))
      const ids = new Set(questions.map(({ page }) => JSON.parse(page).approval?.id))
      assert.equal(ids.size, 1, `one question, wherever it is asked: ${questions.map(({ page }) => page)}`)
      const [id] = ids
      const { call: callSecond } = createClient(() => second.home)
      assert.equal((await callSecond<Approval>('POST', `/v1/approvals/${id}/grant`, {})).state, 'granted')
      const before = arrived
      const raced: Answered[] = await Promise.all([second, first, second, first, first, second].map((at) => order(at, round)))
      assert.deepEqual(raced.map(({ status }) => status).sort(), [200, 403, 403, 403, 403, 403])
      assert.equal(arrived, before + 1)
    }
  })
})
