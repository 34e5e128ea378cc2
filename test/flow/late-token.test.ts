import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { createClient } from '../../src/cli/client.ts'
import { StintError } from '../../src/errors.ts'
import { generateKey, makeProof } from '../../src/identity/dpop.ts'
import type { Task } from '../../src/model.ts'
import { attach } from '../../src/run/attach.ts'
import type { TaskSession } from '../../src/run/task-session.ts'
import { type Installation, startStint } from '../fakes/stint.ts'

let stint: Installation
before(async () => {
  stint = await startStint({ STINT_TASK_TOKEN_TTL: '10' })
})
after(() => stint.stop())

test('an expired token opens nothing while its task is live, and afterwards only the answer that the task is over', async () => {
  const { call } = createClient(() => stint.home)
  await call('POST', '/v1/targets', {
    ...{ id: 'web', connector: 'http', environment: 'development', sensitivity: 'internal', labels: [] },
    ...{ hosts: [{ scheme: 'https', host: 'web.test', port: 443 }], privateNetworks: [], placement: { kind: 'none' } },
  })
  const key = await generateKey()
  const wish = { purpose: 'be late', targets: ['web'], actions: ['*'], ttlSeconds: 600, keyThumbprint: key.thumbprint }
  const started = await call<{ task: Task; token: string; tokenExpiresAt: number }>('POST', '/v1/tasks', wish)
  const { task, token, tokenExpiresAt } = started
  const session: TaskSession = {
    task,
    gateway: `127.0.0.1:${stint.gatewayPort}`,
    key: { thumbprint: key.thumbprint, prove: (request) => makeProof(key, request) },
    token: () => token,
    renew: async () => undefined,
    end: async () => undefined,
  }
  const isRefused = async (): Promise<boolean> => {
    try {
      ;(await attach(session)).destroy()
      return false
    } catch (thrown) {
      assert.ok(thrown instanceof StintError && thrown.code === 'invalid_token', String(thrown))
      return true
    }
  }
  assert.equal(await isRefused(), false)
  await new Promise((expired) => setTimeout(expired, tokenExpiresAt - Date.now() + 10))
  assert.equal(await isRefused(), true)
  await call('POST', `/v1/tasks/${task.id}/end`, { reason: 'done' })
  const answer = await ask(await attach(session), 'GET https://web.test/ HTTP/1.1\r\nHost: web.test\r\nConnection: close\r\n\r\n')
  assert.match(answer, /^HTTP\/1\.1 403 [\s\S]*"code":"task_not_live"/)
})

async function ask(socket: Socket, request: string): Promise<string> {
  let text = ''
  socket
    .on('data', (chunk) => (text += chunk))
    .resume()
    .write(request)
  await once(socket, 'end')
  socket.destroy()
  return text
}
