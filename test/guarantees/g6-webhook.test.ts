import assert from 'node:assert/strict'
import { createHmac, randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import type { Page } from '../../src/api/verbs.ts'
import type { Approval, Before } from '../../src/approvals/approval.ts'
import { createClient } from '../../src/cli/client.ts'
import { placesIn } from '../../src/home.ts'
import { openStore } from '../../src/store/store.ts'
import { AGENT, type Agent, speakWith } from '../fakes/asking.ts'
import { finish, type Installation, startStint } from '../fakes/stint.ts'
import { startUpstream, type Upstream } from '../fakes/upstream.ts'
import { declared, succeed } from '../fakes/world.ts'

/** What a webhook was sent, with its head. */
interface Sent {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly data: { readonly approval: Approval & Before; readonly answer: { url: string; person: string; handle: string } }
}

const KEY = randomBytes(32)
const OTHER = randomBytes(32)
const now = (): number => Math.floor(Date.now() / 1000)

/** A head as Standard Webhooks 1.0 says, made here and not by what is tested. */
function sign(key: Buffer, body: string, { id = `msg_${randomUUID()}`, at = now() } = {}): Record<string, string> {
  const signature = createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': String(at), 'webhook-signature': `v1,${signature}` }
}

describe('G6: a signed webhook asks a person and carries their answer, and nobody else’s', () => {
  const directory = mkdtempSync(join(tmpdir(), 'stint-webhook-'))
  const sent: Sent[] = []
  let status = 204
  let refused = 0
  let receiver: Server
  let stint: Installation
  let shop: Upstream
  let agent: Agent
  let served = 0
  const call: ReturnType<typeof createClient>['call'] = (...asked) => createClient(() => stint.home).call(...asked)
  const run = (options: readonly string[], command: readonly string[]) =>
    stint.spawn(['run', '--task', 'sell a kettle', '--target', 'shop', '--ttl', '5m', ...options, '--', ...command], {
      stdio: ['pipe', 'pipe', 'pipe'],
      cwd: directory,
    })
  const order = (body: string) => agent.ask({ url: `https://localhost:${shop.port}/orders`, method: 'POST', body })
  /** The message about this order, when it has come. */
  const messageOf = async (body: string): Promise<Sent> => {
    for (;;) {
      const found = sent.find(({ data }) => data.approval.body === body)
      if (found !== undefined) return found
      await new Promise((done) => setTimeout(done, 20))
    }
  }
  const ask = async (body: string): Promise<Sent> => {
    assert.equal((await order(body)).status, 403)
    return messageOf(body)
  }
  const post = async (id: string, body: string, headers: Record<string, string>, webhook = 'mine') => {
    const url = `http://127.0.0.1:${stint.apiPort}/v1/approvals/${id}/answers/${webhook}`
    const answer = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } })
    return { status: answer.status, json: (await answer.json()) as Record<string, unknown> }
  }
  const stateOf = async (id: string) => (await call<Approval>('GET', `/v1/approvals/${id}`)).state
  /** The turn of the role comes now; its outbox looks when the next question is asked. */
  const passTwoMinutes = async (id: string): Promise<void> => {
    const store = await openStore(placesIn(stint.home).database)
    const row = store.db.updateTable('approval_deliveries').set({ due_at: Date.now() }).where('approval_id', '=', id)
    await row.where('webhook', '=', 'role:oncall').execute()
    await store.close()
  }
  const yes = ({ data }: Sent): string => JSON.stringify({ handle: data.answer.handle, said: 'yes', reason: 'fine' })

  before(async () => {
    receiver = createServer(async (request, response) => {
      const body = await text(request)
      if (status >= 300) refused += 1
      if (status < 300) sent.push({ headers: request.headers as never, body, data: JSON.parse(body).data })
      response.writeHead(status).end()
    })
    await new Promise<void>((ready) => receiver.listen(0, '127.0.0.1', ready))
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/questions`
    shop = await startUpstream(directory, `upstream-key-${randomUUID()}`, (_, response) => {
      served += 1
      response.end('sold')
    })
    const common = { url, privateNetworks: ['127.0.0.0/8'] }
    const webhooks = {
      mine: { ...common, person: userInfo().username, credential: 'mine-key' },
      other: { ...common, person: 'somebody-else', credential: 'other-key' },
    }
    stint = await startStint({
      STINT_APPROVAL_WEBHOOKS: JSON.stringify(webhooks),
      STINT_APPROVERS: '{"oncall":["somebody-else"]}',
      STINT_APPROVAL_ESCALATION: '{"minutes":2,"role":"oncall"}',
    })
    await succeed(stint.cli(['target', 'add', 'shop', '--environment', 'production', ...declared(shop)]))
    await succeed(stint.cli(['credential', 'add', 'key'], shop.secret))
    await succeed(stint.cli(['credential', 'add', 'mine-key'], `whsec_${KEY.toString('base64')}`))
    await succeed(stint.cli(['credential', 'add', 'other-key'], `whsec_${OTHER.toString('base64')}`))
    agent = speakWith(run([], AGENT))
  })
  after(async () => {
    await agent?.end()
    await stint?.stop()
    await shop?.close()
    receiver?.closeAllConnections()
    await new Promise((closed) => receiver?.close(closed))
    rmSync(directory, { recursive: true, force: true })
  })

  test('the question is signed, masked, and for the person of the webhook alone', async () => {
    const body = '{"kettles":1,"password":"hunter2hunter2"}'
    assert.equal((await order(body)).status, 403)
    const message = await messageOf('{"kettles":1,"password":[masked]}')
    const { 'webhook-id': id = '', 'webhook-timestamp': at = '', 'webhook-signature': signature } = message.headers
    assert.equal(sign(KEY, message.body, { id, at: Number(at) })['webhook-signature'], signature)
    assert.doesNotMatch(message.body, /hunter2/)
    assert.equal(message.data.answer.person, userInfo().username)
    assert.equal(message.data.approval.purpose, 'sell a kettle')
    assert.deepEqual([message.data.approval.touched, message.data.approval.before], [[], []], 'it is the first thing it does')
    assert.equal(sent.length, 1)
    const recorded = () => call<Page<{ details: object }>>('GET', '/v1/audit/entries?action=stint:Approval::ask')
    while ((await recorded()).items.length === 0) await new Promise((done) => setTimeout(done, 20))
    assert.deepEqual((await recorded()).items[0]?.details, { webhook: 'mine', attempts: '1' })
  })

  test('what is tampered with, late, signed by another or about another question answers nothing', async () => {
    const message = await ask('{"kettles":2}')
    const another = await ask('{"kettles":3}')
    assert.equal(another.data.approval.before[0]?.effect, 'needs-approval')
    const { id } = message.data.approval
    const body = yes(message)
    const refused: readonly (readonly [string, Promise<{ status: number; json: Record<string, unknown> }>])[] = [
      ['unauthenticated', post(id, body, {})],
      ['signature_invalid', post(id, body.replace('yes', 'no'), sign(KEY, body))],
      ['signature_invalid', post(id, body, sign(OTHER, body))],
      ['signature_invalid', post(id, body, sign(KEY, body, { at: now() - 360 }))],
      ['signature_invalid', post(id, body, sign(KEY, body, { at: now() + 360 }))],
      ['signature_invalid', post(id, body, sign(KEY, body), 'nobody')],
      ['not_found', post(id, body, sign(OTHER, body), 'other')],
      ['not_found', post('approval_none', body, sign(KEY, body))],
      ['not_approver', post(another.data.approval.id, body, sign(KEY, body))],
    ]
    for (const [code, answer] of refused) assert.equal((await answer).json.code, code)
    assert.deepEqual([await stateOf(id), await stateOf(another.data.approval.id)], ['pending', 'pending'])
    assert.equal(served, 0)
  })

  test('a person’s yes lets exactly the request through, once, and cannot be replayed', async () => {
    const message = await ask('{"kettles":4}')
    const { id } = message.data.approval
    const body = yes(message)
    const head = sign(KEY, body)
    const { status: first, json } = await post(id, body, head)
    assert.deepEqual([first, json.state], [200, 'granted'])
    assert.equal((await post(id, body, head)).json.code, 'conflict')
    assert.equal((await order('{"kettles":4}')).text, 'sold')
    assert.equal((await order('{"kettles":4}')).status, 403, 'it is used up')
    const [answer] = (await call<Approval>('GET', `/v1/approvals/${id}`)).answers
    assert.deepEqual([answer?.by, answer?.via, answer?.reason], [userInfo().username, 'mine', 'fine'])
    const { items } = await call<Page<{ caller: string; details: Record<string, string> }>>(
      'GET',
      '/v1/audit/entries?action=stint:Approval::answer&code=allowed',
    )
    const mine = items.find(({ details }) => details.said === 'yes')
    assert.match(String(mine?.caller), /\/webhook\/mine$/)
    assert.equal(mine?.details.handle, '[secret]')
  })

  test('an answer to what is over comes too late', async () => {
    const message = await ask('{"kettles":5}')
    const { id } = message.data.approval
    await agent.end()
    agent = speakWith(run([], AGENT))
    while ((await stateOf(id)) !== 'expired') await new Promise((done) => setTimeout(done, 20))
    const body = yes(message)
    assert.equal((await post(id, body, sign(KEY, body))).json.code, 'conflict')
  })

  test('it is not answered from inside a task, whatever it is signed with', async () => {
    const message = await ask('{"kettles":6}')
    const { id } = message.data.approval
    const body = yes(message)
    const script = `
      const { request } = await import('node:http')
      const [socketPath, path, headers, body] = process.argv.slice(1)
      const asked = request({ socketPath, path, method: 'POST', headers: JSON.parse(headers) }, async (answer) => {
        for await (const chunk of answer) process.stdout.write(chunk)
      })
      asked.end(body)`
    const headers = JSON.stringify({ 'content-type': 'application/json', ...sign(KEY, body) })
    const path = `/v1/approvals/${id}/answers/mine`
    const command = [
      process.execPath,
      '--input-type=module',
      '-e',
      script,
      join(stint.home, 'operator.sock'),
      path,
      headers,
      body,
    ]
    const { stdout, stderr } = await finish(run(['--sandbox', 'off'], command))
    assert.match(stdout, /"inside_task"/, stderr)
    assert.equal(await stateOf(id), 'pending')
  })

  test('a secret that a target is shown too signs nothing', async () => {
    const message = await ask('{"kettles":7}')
    const where = ['--host', 'localhost:9', '--private-network', '127.0.0.0/8', '--credential', 'mine-key']
    await succeed(stint.cli(['target', 'add', 'leak', '--environment', 'development', ...where]))
    const body = yes(message)
    assert.equal((await post(message.data.approval.id, body, sign(KEY, body))).json.code, 'signature_invalid')
    await succeed(stint.cli(['target', 'remove', 'leak']))
    assert.equal((await post(message.data.approval.id, body, sign(KEY, body))).json.state, 'granted')
  })

  test('where nobody answers, the people of the role are asked and may answer, in the log before they can', async () => {
    const { id } = (await ask('{"kettles":9}')).data.approval
    await passTwoMinutes(id)
    await ask('{"kettles":10}')
    const isTheirs = ({ data }: Sent) => data.approval.id === id && data.answer.person === 'somebody-else'
    while (!sent.some(isTheirs)) await new Promise((done) => setTimeout(done, 20))
    const { items } = await call<Page<{ subject: string; details: object }>>(
      'GET',
      '/v1/audit/entries?action=stint:Approval::escalate',
    )
    assert.deepEqual(
      items.map(({ subject, details }) => [subject, details]),
      [[id, { role: 'oncall' }]],
    )
    assert.match((await succeed(stint.cli(['approvals', 'list']))).stdout, new RegExp(`${id} +pending \\(oncall too\\)`))
    const body = yes(sent.find(isTheirs) as Sent)
    const { json } = await post(id, body, sign(OTHER, body), 'other')
    assert.deepEqual([json.state, json.code], ['granted', undefined])
    assert.equal((await order('{"kettles":9}')).text, 'sold')
  })

  test('a question that could not be delivered is delivered later, also by the next process', async () => {
    status = 500
    assert.equal((await order('{"kettles":8}')).status, 403)
    while (refused === 0) await new Promise((done) => setTimeout(done, 20))
    stint.server.kill('SIGKILL')
    await stint.restart()
    status = 204
    const { items } = await call<Page<Approval>>('GET', '/v1/approvals?state=pending')
    const asked = items.find(({ body }) => body === '{"kettles":8}')
    assert.ok(asked !== undefined)
    assert.equal((await messageOf('{"kettles":8}')).data.approval.id, asked.id)
  })
})
