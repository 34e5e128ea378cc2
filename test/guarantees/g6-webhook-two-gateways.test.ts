import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import type { Page } from '../../src/api/verbs.ts'
import type { Approval } from '../../src/approvals/approval.ts'
import { createClient } from '../../src/cli/client.ts'
import { type Holder, startHolder } from '../fakes/holder.ts'
import { startSecond } from '../fakes/second-stint.ts'
import { type Installation, startStint } from '../fakes/stint.ts'
import { startUpstream, type Upstream } from '../fakes/upstream.ts'
import { declared, succeed } from '../fakes/world.ts'
import { startPostgres } from '../services/postgres.ts'

const postgres = await startPostgres()
const SECRET = `upstream-key-${crypto.randomUUID()}`
const KEY = randomBytes(32)

interface Message {
  readonly approval: Approval
  readonly answer: { readonly handle: string }
}

describe('G6: a question goes to its webhook once, whichever gateways know of it', { skip: postgres.skip }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'stint-webhook-two-'))
  const stints: Installation[] = []
  const sent: Message[] = []
  let status = 204
  let refused = 0
  let receiver: Server
  let shop: Upstream
  let holders: readonly Holder[]
  const order = async (at: number, body: string): Promise<string> =>
    (await holders[at]?.ask(`https://localhost:${shop.port}/orders`, 'POST', body)) ?? ''
  const callAt = (at: number) => createClient(() => stints[at]?.home ?? '').call
  const until = async (isSo: () => boolean | Promise<boolean>): Promise<void> => {
    while (!(await isSo())) await new Promise((done) => setTimeout(done, 20))
  }
  const delivered = (body: string): Message[] => sent.filter(({ approval }) => approval.body === body)
  const told = async (): Promise<number> => {
    const found = [0, 1].map((at) => callAt(at)<Page<unknown>>('GET', '/v1/audit/entries?action=stint:Approval::ask'))
    return (await Promise.all(found)).flatMap(({ items }) => items).length
  }

  before(async () => {
    receiver = createServer(async (request, response) => {
      const { data } = JSON.parse(await text(request))
      if (status < 300) sent.push(data)
      else refused += 1
      response.writeHead(status).end()
    })
    await new Promise<void>((ready) => receiver.listen(0, '127.0.0.1', ready))
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/questions`
    shop = await startUpstream(directory, SECRET, (_, response) => response.end('sold'))
    const mine = { url, privateNetworks: ['127.0.0.0/8'], person: userInfo().username, credential: 'mine-key' }
    const env = {
      STINT_DATABASE_URL: await postgres.running.createDatabase(),
      STINT_APPROVAL_WEBHOOKS: JSON.stringify({ mine }),
    }
    const first = await startStint(env)
    stints.push(first)
    await succeed(first.cli(['target', 'add', 'shop', '--environment', 'production', ...declared(shop)]))
    await succeed(first.cli(['credential', 'add', 'key'], SECRET))
    await succeed(first.cli(['credential', 'add', 'mine-key'], `whsec_${KEY.toString('base64')}`))
    const second = await startSecond(first, env)
    stints.push(second)
    const here = await startHolder(first, { targets: ['shop'], actions: ['*'] })
    const there = here.at(second)
    await until(async () => (await there.api('GET', `/v1/tasks/${here.task.id}`)).status === 200)
    holders = [here, there]
  })
  after(async () => {
    for (const one of stints) await one.stop()
    await shop?.close()
    receiver?.closeAllConnections()
    await new Promise((closed) => receiver?.close(closed))
    rmSync(directory, { recursive: true, force: true })
  })

  test('asked at both at once, each is one message, and one entry of one log', async () => {
    const bodies = Array.from({ length: 8 }, (_, at) => `{"kettles":${at}}`)
    await Promise.all(bodies.flatMap((body) => [order(0, body), order(1, body)]))
    await until(async () => (await told()) >= bodies.length)
    assert.deepEqual(sent.map(({ approval }) => approval.body).sort(), bodies)
    assert.equal(await told(), bodies.length)
  })

  test('the signed answer is taken by either gateway, once, and lets one request through', async () => {
    const [message] = delivered('{"kettles":3}')
    const body = JSON.stringify({ handle: message?.answer.handle, said: 'yes' })
    const answerAt = async (at: number): Promise<number> => {
      const [id, time] = [`msg_${at}`, Math.floor(Date.now() / 1000)]
      const signature = createHmac('sha256', KEY).update(`${id}.${time}.${body}`).digest('base64')
      const signed = { 'webhook-id': id, 'webhook-timestamp': String(time), 'webhook-signature': `v1,${signature}` }
      const url = `http://127.0.0.1:${stints[at]?.apiPort}/v1/approvals/${message?.approval.id}/answers/mine`
      return (await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json', ...signed } })).status
    }
    assert.deepEqual((await Promise.all([answerAt(0), answerAt(1)])).sort(), [200, 409])
    await until(async () => (await callAt(0)<Approval>('GET', `/v1/approvals/${message?.approval.id}`)).state === 'granted')
    const answers = await Promise.all([0, 1, 0, 1].map((at) => order(at, '{"kettles":3}')))
    assert.equal(answers.filter((one) => /^HTTP\/1\.1 200/.test(one)).length, 1)
  })

  test('what one gateway could not deliver before it was killed the other delivers, once', async () => {
    status = 500
    await order(1, '{"kettles":9}')
    await until(() => refused > 0)
    stints[1]?.server.kill('SIGKILL')
    status = 204
    await until(() => delivered('{"kettles":9}').length > 0)
    await stints[1]?.restart()
    await order(1, '{"kettles":9}')
    assert.equal(delivered('{"kettles":9}').length, 1)
  })
})
