import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { createClient } from '../../src/cli/client.ts'
import { generateKey, makeProof } from '../../src/identity/dpop.ts'
import type { Task } from '../../src/model.ts'
import { startSecond } from '../fakes/second-stint.ts'
import { type Installation, startStint } from '../fakes/stint.ts'
import { startPostgres } from '../services/postgres.ts'

const postgres = await startPostgres()
/** The issuer, by which every gateway may be asked for. */
const AUTHORITY = '127.0.0.1:7400'

describe('G11: a captured proof', { skip: postgres.skip }, () => {
  let stints: readonly Installation[] = []
  before(async () => {
    const env = { STINT_DATABASE_URL: await postgres.running.createDatabase() }
    const first = await startStint(env)
    stints = [first, await startSecond(first, env)]
  })
  after(async () => {
    for (const one of stints) await one.stop()
  })

  test('that one gateway took is refused by every other that shares its state', async () => {
    const [first, second] = stints
    assert.ok(first !== undefined && second !== undefined)
    const { call } = createClient(() => first.home)
    await call('POST', '/v1/targets', {
      ...{ id: 'web', connector: 'http', environment: 'development', sensitivity: 'internal', labels: [] },
      ...{ hosts: [{ scheme: 'https', host: 'web.test', port: 443 }], privateNetworks: [], placement: { kind: 'none' } },
    })
    const key = await generateKey()
    const wish = { purpose: 'be copied', targets: ['web'], actions: ['*'], keyThumbprint: key.thumbprint }
    const { task, token } = await call<{ task: Task; token: string }>('POST', '/v1/tasks', wish)
    const path = `/v1/tasks/${task.id}/token`
    const prove = () => makeProof(key, { method: 'POST', url: `http://${AUTHORITY}${path}`, token })
    const renewAt = async (port: number, proof: string): Promise<string> => {
      const headers = { host: AUTHORITY, authorization: `DPoP ${token}`, dpop: proof }
      const asked = request({ port, path, method: 'POST', headers }).end()
      const [answer] = await once(asked, 'response')
      return `${answer.statusCode} ${await text(answer)}`
    }
    const captured = await prove()
    assert.match(await renewAt(first.apiPort, captured), /^200 /)
    assert.match(await renewAt(second.apiPort, captured), /^401 .*proof_replayed/)
    assert.match(await renewAt(second.apiPort, await prove()), /^200 /)
  })
})
