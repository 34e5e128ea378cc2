import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import type { Page } from '../../src/api/verbs.ts'
import type { Approval, Before } from '../../src/approvals/approval.ts'
import { createClient } from '../../src/cli/client.ts'
import { AGENT, type Agent, speakWith } from '../fakes/asking.ts'
import { finish, type Installation, startStint } from '../fakes/stint.ts'
import { startUpstream, type Upstream } from '../fakes/upstream.ts'
import { declared, succeed } from '../fakes/world.ts'

const SECRET = `upstream-key-${crypto.randomUUID()}`

/** As docs/approvals.md has it. */
const POLICY = `
@id("no-consent-to-any-body")
@reason("Each body is looked at.")
forbid (principal, action in [Action::"stint:Approval::grant", Action::"stint:Approval::answer"], resource is Stint)
when { context.parameters.contains("anyBody=true") };
`

describe('G6: a consent allows exactly the request it names, once, before it expires', () => {
  const directory = mkdtempSync(join(tmpdir(), 'stint-consent-'))
  let stint: Installation
  let shop: Upstream
  let agent: Agent
  const bodies: string[] = []
  const call: ReturnType<typeof createClient>['call'] = (...asked) => createClient(() => stint.home).call(...asked)
  const begin = (...command: readonly string[]) =>
    stint.spawn(['run', '--task', 'sell a kettle', '--target', 'shop', '--ttl', '5m', '--', ...command], {
      stdio: ['pipe', 'pipe', 'pipe'],
      cwd: directory,
    })
  const order = (body: string, more: { path?: string; headers?: Record<string, string>; isChunked?: boolean } = {}) =>
    agent.ask({
      url: `https://localhost:${shop.port}${more.path ?? '/orders'}`,
      ...{
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', ...more.headers },
        isChunked: more.isChunked === true,
      },
    })
  const pending = async () => (await call<Page<Approval>>('GET', '/v1/approvals?state=pending')).items
  /** The one question about this body. */
  const questionOf = async (body: string): Promise<Approval> => {
    const found = (await pending()).filter((one) => one.body === body)
    assert.equal(found.length, 1)
    return found[0] as Approval
  }

  before(async () => {
    shop = await startUpstream(directory, SECRET, (request, response) => {
      let body = ''
      request.on('data', (chunk) => (body += chunk))
      request.on('end', () => {
        bodies.push(body)
        response.end('sold')
      })
    })
    stint = await startStint({ STINT_APPROVAL_BODY: '2000000', STINT_APPROVAL_SPOOL: '4000000' })
    await succeed(stint.cli(['target', 'add', 'shop', '--environment', 'production', '--label', 'warehouse', ...declared(shop)]))
    await succeed(stint.cli(['credential', 'add', 'key'], SECRET))
    agent = speakWith(begin(...AGENT))
  })
  after(async () => {
    await agent?.end()
    await stint?.stop()
    await shop?.close()
    rmSync(directory, { recursive: true, force: true })
  })

  test('nothing is sent before a person has said yes, and equal requests are one question', async () => {
    for (const _ of [1, 2]) {
      const { status, text } = await order('{"kettles":1}')
      assert.equal(status, 403)
      const { code, approver, approval } = JSON.parse(text)
      assert.deepEqual([code, approver], ['needs_approval', 'owner'])
      const question = await questionOf('{"kettles":1}')
      assert.equal(approval.id, question.id)
      assert.equal((await call<Approval>('GET', approval.status)).id, question.id)
    }
    assert.deepEqual(bodies, [])
  })

  test('people are shown who asks, for what, and what exactly would be sent, secrets masked', async () => {
    const body = '{"kettles":2,"password":"hunter2hunter2"}'
    await order(body)
    const [asked] = await pending()
    assert.ok(asked !== undefined)
    assert.deepEqual(
      [asked.purpose, asked.targetId, asked.action, asked.resource, asked.line, asked.body],
      [
        'sell a kettle',
        'shop',
        'http:POST',
        '/orders',
        `POST https://localhost:${shop.port}/orders`,
        '{"kettles":2,"password":[masked]}',
      ],
    )
    assert.match(asked.reasons[0] ?? '', /consent of the task's owner/)
    const { stdout } = await succeed(stint.cli(['approvals', 'show', asked.id]))
    assert.match(stdout, /sell a kettle/)
    assert.match(stdout, /\| {"kettles":2/)
    assert.doesNotMatch(stdout, /hunter2/)
  })

  test('a yes lets the same bytes through once, and the log says who said it', async () => {
    const { id } = await questionOf('{"kettles":1}')
    await succeed(stint.cli(['approvals', 'grant', id]))
    assert.equal((await order('{"kettles":1}')).text, 'sold')
    assert.deepEqual(bodies, ['{"kettles":1}'])
    assert.equal((await order('{"kettles":1}')).status, 403, 'it is used up')
    assert.deepEqual(bodies, ['{"kettles":1}'])
    assert.equal((await call<Approval>('GET', `/v1/approvals/${id}`)).state, 'used')
    const { items } = await call<Page<{ code: string; reasons: string[]; effect: string }>>(
      'GET',
      '/v1/audit/entries?code=approved',
    )
    assert.equal(items.length, 1)
    assert.equal(items[0]?.effect, 'allow')
    assert.match(items[0]?.reasons[0] ?? '', new RegExp(`said yes: ${id}`))
  })

  test('curl finds the address of the task document in the refusal, polls it, and the same bytes pass once', async () => {
    const url = `https://localhost:${shop.port}/orders`
    const script = `
      ask() { curl -sS -H 'accept: application/json' "$@"; echo; }
      order() { ask -H 'content-type: application/json' -d '{"kettles":"by curl"}' ${url}; }
      place=$(order | grep -o 'http://stint.invalid/approvals/approval_[0-9a-f]*')
      ask -D head "$place"
      grep -i retry-after head
      until ask "$place" | grep -q '"status":"approved"'; do sleep 0.1; done
      order; order; ask "$place"`
    const child = begin('sh', '-c', script)
    const looked = once(child.stdout as Readable, 'data')
    const finished = finish(child)
    let asked: Approval | undefined
    while (asked === undefined) asked = (await pending()).find(({ body }) => body === '{"kettles":"by curl"}')
    const place = `http://stint.invalid/approvals/${asked.id}`
    const others = await agent.ask({ url: place })
    const unknown = await agent.ask({ url: place.replace(/.$/, (last) => (last === '0' ? '1' : '0')) })
    const { correlationId: _, detail, ...problem } = JSON.parse(others.text)
    assert.deepEqual(
      [others.status, unknown.status, problem.code, detail],
      [404, 404, 'not_found', `there is no approval ${asked.id}`],
    )
    const { correlationId: __, detail: ___, ...same } = JSON.parse(unknown.text)
    assert.deepEqual(same, problem, 'another task’s and none are told alike')
    await looked // while it is pending
    await call('POST', `/v1/approvals/${asked.id}/grant`, {})
    const { stdout } = await finished
    const [first, wait, passed, again, last] = stdout.trim().split(/\n+/)
    const document = { id: asked.id, status_endpoint: place, expires_at: new Date(asked.expiresAt).toISOString() }
    const { display: _display, ...task } = JSON.parse(first ?? '').task
    assert.deepEqual(task, { ...document, status: 'pending' })
    assert.match(wait ?? '', /^retry-after: \d+\r?$/i)
    assert.equal(passed, 'sold')
    const { code, task: refused } = JSON.parse(again ?? '')
    assert.equal(code, 'needs_approval')
    assert.notEqual(refused.id, asked.id, 'it asks anew')
    assert.equal(JSON.parse(last ?? '').result.approval.state.uses_left, 0)
    assert.deepEqual(
      bodies.filter((one) => one.includes('curl')),
      ['{"kettles":"by curl"}'],
    )
  })

  test('a changed byte, query or header needs a consent of its own', async () => {
    await order('{"kettles":3}')
    const { id } = await questionOf('{"kettles":3}')
    await call('POST', `/v1/approvals/${id}/grant`, {})
    const sold = bodies.length
    for (const [body, more] of [
      ['{"kettles":4}', {}],
      ['{"kettles":3} ', {}],
      ['{"kettles":3}', { path: '/orders?gift=1' }],
      ['{"kettles":3}', { path: '/orders/7' }],
      ['{"kettles":3}', { headers: { 'x-account': 'other' } }],
    ] as const)
      assert.equal((await order(body, more)).status, 403)
    assert.equal(bodies.length, sold)
    assert.equal((await order('{"kettles":3}')).text, 'sold', 'the one that was consented to still stands')
  })

  test('another task cannot use it', async () => {
    await order('{"kettles":5}')
    await call('POST', `/v1/approvals/${(await questionOf('{"kettles":5}')).id}/grant`, {})
    const mine = agent
    agent = speakWith(begin(...AGENT))
    assert.equal((await order('{"kettles":5}')).status, 403)
    await agent.end()
    agent = mine
    assert.equal((await order('{"kettles":5}')).text, 'sold')
  })

  test('a request that would rather wait is held until somebody answers, and then goes through or not', async () => {
    for (const [say, status] of [
      ['grant', 200],
      ['deny', 403],
    ] as const) {
      const body = `{"kettles":"${say}"}`
      const held = order(body, { headers: { prefer: 'wait=30' } })
      let asked: Approval | undefined
      while (asked === undefined) asked = (await pending()).find((one) => one.body === body)
      const sold = bodies.length
      await call('POST', `/v1/approvals/${asked.id}/${say}`, {})
      assert.equal((await held).status, status)
      assert.deepEqual(bodies.slice(sold), status === 200 ? [body] : [])
    }
  })

  test('whether it waits makes no difference to what is consented to', async () => {
    const body = '{"kettles":"later"}'
    assert.equal((await order(body, { headers: { prefer: 'wait=1, return=minimal' } })).status, 403)
    await call('POST', `/v1/approvals/${(await questionOf(body)).id}/grant`, {})
    assert.equal((await order(body, { headers: { prefer: 'return=minimal' } })).text, 'sold')
  })

  test('a task that ends meanwhile is not waited for, and nothing is sent', async () => {
    const sold = bodies.length
    const mine = agent
    agent = speakWith(begin(...AGENT))
    const body = '{"kettles":"late"}'
    const held = order(body, { headers: { prefer: 'wait=30' } })
    let asked: Approval | undefined
    while (asked === undefined) asked = (await pending()).find((one) => one.body === body)
    await call('POST', '/v1/revocations', { selector: { kind: 'task', id: asked.taskId }, reason: 'drill' })
    await held.catch(() => undefined)
    await agent.end()
    agent = mine
    await assert.rejects(call('POST', `/v1/approvals/${asked.id}/grant`, {}), { code: 'conflict' })
    assert.equal(bodies.length, sold)
    assert.equal((await call<Approval>('GET', `/v1/approvals/${asked.id}`)).state, 'expired')
  })

  test('a no refuses it and says who and why', async () => {
    await order('{"kettles":6}')
    const { id, owner } = await questionOf('{"kettles":6}')
    await succeed(stint.cli(['approvals', 'deny', id, '--reason', 'too many']))
    const { status, text } = await order('{"kettles":6}')
    assert.equal(status, 403)
    const { code, reasons } = JSON.parse(text)
    assert.equal(code, 'denied')
    assert.equal(reasons[0], `${owner} said no, "too many": ${id}.`)
    await assert.rejects(call('POST', `/v1/approvals/${id}/grant`, {}), { code: 'conflict' })
  })

  test('a program inside a task cannot answer', async () => {
    await order('{"kettles":9}')
    const { id } = await questionOf('{"kettles":9}')
    const child = begin(process.execPath, join(import.meta.dirname, '..', '..', 'bin', 'stint.js'), 'approvals', 'grant', id)
    assert.notEqual((await finish(child)).code, 0)
    assert.equal((await call<Approval>('GET', `/v1/approvals/${id}`)).state, 'pending')
  })

  test('whoever watches is shown each question once, as it is asked', async () => {
    const child = stint.spawn(['approvals', 'watch', '--json'], { stdio: ['ignore', 'pipe', 'pipe'] })
    const shown: Approval[] = []
    const lines = createInterface({ input: child.stdout as Readable })[Symbol.asyncIterator]()
    const next = async () => shown.push(JSON.parse(String((await lines.next()).value)))
    for (const _ of await pending()) await next()
    await order('{"kettles":10}')
    await next()
    child.kill()
    assert.equal(shown.at(-1)?.body, '{"kettles":10}')
    assert.equal(new Set(shown.map(({ id }) => id)).size, shown.length)
  })

  test('what is too long for memory waits on the disk without a name, and arrives byte for byte, held or sent again', async () => {
    const spool = join(stint.home, 'spool')
    const body = `${'kettle '.repeat(240_000)}!`
    assert.equal((await order(body)).status, 403)
    const [{ id } = { id: '' }] = await pending()
    await call('POST', `/v1/approvals/${id}/grant`, {})
    assert.equal((await order(body.replace(/!$/, '?'))).status, 403, 'a byte far behind is another request')
    const known = new Set((await pending()).map((one) => one.id))
    assert.equal((await order(body)).text, 'sold')
    assert.ok(bodies.at(-1) === body)
    const held = order(body, { headers: { prefer: 'wait=30' } })
    let asked: Approval | undefined
    while (asked === undefined) asked = (await pending()).find((one) => !known.has(one.id))
    assert.match(asked.body ?? '', /^kettle kettle .*… \(1680001 bytes in all\)$/)
    assert.deepEqual(readdirSync(spool), [])
    await call('POST', `/v1/approvals/${asked.id}/grant`, {})
    assert.equal((await held).text, 'sold')
    assert.ok(bodies.at(-1) === body)
  })

  test('a yes whatever the body lets the same request through as often as it says, and a policy may refuse it', async () => {
    await order('{"pots":1}')
    const { id, anyBody } = await questionOf('{"pots":1}')
    assert.equal(anyBody, 'possible')
    const { stdout } = await succeed(stint.cli(['approvals', 'grant', id, '--any-body', '--times', '2']))
    assert.match(stdout, /granted 2 times with any body/)
    assert.equal((await order('{"pots":9000}', { path: '/other' })).status, 403)
    for (const body of ['{"pots":2}', '{"pots":3}']) assert.equal((await order(body)).text, 'sold')
    assert.equal((await order('{"pots":4}')).status, 403, 'it is used up')
    const { items } = await call<Page<{ reasons: string[] }>>('GET', '/v1/audit/entries?code=approved')
    assert.match(items[0]?.reasons[0] ?? '', new RegExp(`said yes to this with any body: ${id}`))
    writeFileSync(join(stint.home, 'policies', 'own.cedar'), POLICY)
    await call('POST', '/v1/policy/reload')
    const next = await questionOf('{"pots":4}')
    await assert.rejects(call('POST', `/v1/approvals/${next.id}/grant`, { anyBody: true }), { code: 'denied' })
    await call('POST', `/v1/approvals/${next.id}/grant`, {})
    assert.equal((await order('{"pots":4}')).text, 'sold')
  })

  test('what is longer than a person can be asked about is refused, and asks nobody', async () => {
    const before = (await pending()).length
    const { status, text } = await order('x'.repeat(2_000_001), { isChunked: true })
    assert.equal(status, 413)
    assert.equal(JSON.parse(text).code, 'body_too_large')
    assert.equal((await pending()).length, before)
    assert.equal((await order('x'.repeat(2000))).status, 403)
  })

  test('people are shown what the task did before it asked, and nothing that came after', async () => {
    await agent.ask({ url: `https://localhost:${shop.port}/prices` })
    await order('{"kettles":"told"}')
    const { id } = await questionOf('{"kettles":"told"}')
    await agent.ask({ url: `https://localhost:${shop.port}/after` })
    const { before, touched } = await call<Before>('GET', `/v1/approvals/${id}`)
    assert.deepEqual(
      before.slice(0, 2).map(({ action, targetId, resource, effect }) => [action, targetId, resource, effect]),
      [
        ['http:GET', 'shop', '/prices', 'allow'],
        ['http:POST', 'shop', '/orders', 'needs-approval'],
      ],
    )
    assert.deepEqual(touched, ['warehouse'])
    const { stdout } = await succeed(stint.cli(['approvals', 'show', id]))
    assert.match(stdout, /before +\d+ s ago: allow http:GET on shop: \/prices/)
    assert.match(stdout, /touched +warehouse/)
    assert.doesNotMatch(stdout, /\/after/)
  })
})
