import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Page } from '../../src/api/verbs.ts'
import { createClient } from '../../src/cli/client.ts'
import type { Opening } from '../../src/glass/opening.ts'
import { type Holder, startHolder } from '../fakes/holder.ts'
import { type People, personId, startPeople } from '../fakes/people.ts'
import { type Installation, startStint } from '../fakes/stint.ts'
import { startUpstream, type Upstream } from '../fakes/upstream.ts'
import { declared, succeed } from '../fakes/world.ts'

const SECRET = `upstream-key-${crypto.randomUUID()}`
/** The systems take each value that it is given later as well. */
const takes = ({ headers }: IncomingMessage): boolean => headers.authorization?.startsWith(`Bearer ${SECRET}`) === true
const PERMIT_ALL = '@id("all")\n@reason("Everything.")\npermit (principal, action, resource);\n'

describe('G14: a sealed credential is used under an opening by enough people, and not otherwise', () => {
  const directory = mkdtempSync(join(tmpdir(), 'stint-sealed-'))
  let stint: Installation
  let core: Upstream
  let again: Upstream
  let people: People
  let url = ''
  const call: ReturnType<typeof createClient>['call'] = (...asked) => createClient(() => stint.home).call(...asked)
  const begin = (): Promise<Holder> => startHolder(stint, { targets: ['core', 'again'], actions: ['*'] })
  const request = ({ task }: Holder, reason = 'it burns') =>
    call<Opening>('POST', '/v1/seals/key/openings', { taskId: task.id, reason, ticket: 'INC-7' })
  const say = async (name: string, { approvalId }: Opening, more = {}) =>
    people.as(name, 'POST', `/v1/approvals/${approvalId}/grant`, more)
  const find = (id: string) => call<Opening>('GET', `/v1/openings/${id}`)
  const until = async (id: string, state: Opening['state']): Promise<Opening> => {
    for (;;) {
      const one = await find(id)
      if (one.state === state) return one
      assert.ok(['asked', 'opening', 'open'].includes(one.state), `${one.state}: ${one.why}`)
    }
  }
  const reach = async (holder: Holder, at = url): Promise<string> => {
    const answer = await holder.ask(at)
    return / "?200 /.test(answer.split('\r\n', 1).join()) ? 'served' : (/"code":"(\w+)"/.exec(answer)?.[1] ?? answer)
  }
  const openFor = async (holder: Holder, more = {}): Promise<Opening> => {
    const asked = await request(holder)
    await say('bea', asked, more)
    await say('cem', asked)
    return until(asked.id, 'open')
  }
  /** What has to be done after each opening before the next. */
  const settle = async (id: string): Promise<void> => {
    const { status, json } = await people.as('dot', 'POST', `/v1/openings/${id}/review`, { note: 'as it should be' })
    assert.equal(status, 200, JSON.stringify(json))
    await replace()
  }
  const replace = () => call('PUT', '/v1/credentials/key', { value: `${SECRET}-${crypto.randomUUID()}` })
  const closeAndSettle = async (id: string): Promise<void> => {
    await call('POST', `/v1/openings/${id}/close`, { reason: 'it is out' })
    await settle(id)
  }

  before(async () => {
    core = await startUpstream(join(directory, 'core'), SECRET, (_, answer) => answer.end('done'), takes)
    again = await startUpstream(join(directory, 'again'), SECRET, (_, answer) => answer.end('done'), takes)
    const names = ['ana', 'bea', 'cem', 'dot']
    const { username } = userInfo()
    stint = await startStint({ STINT_APPROVERS: JSON.stringify({ oncall: [username, ...names.map(personId)] }) })
    people = await startPeople(stint, call, [...names, 'eve'])
    url = `https://localhost:${core.port}/v1/orders`
    await succeed(stint.cli(['target', 'add', 'core', '--environment', 'development', ...declared(core)]))
    await succeed(stint.cli(['target', 'add', 'again', '--environment', 'development', ...declared(again)]))
    const terms = ['--target', 'core', '--open-by', '2 of role:oncall', '--for', '10m', '--no-rotation']
    await succeed(stint.cli(['credential', 'seal', 'key', ...terms], SECRET))
    writeFileSync(join(stint.home, 'policies', 'all.cedar'), PERMIT_ALL)
    await call('POST', '/v1/policy/reload')
  })
  after(async () => {
    people?.close()
    await stint?.stop()
    await core?.close()
    await again?.close()
    rmSync(directory, { recursive: true, force: true })
  })

  test('a policy that permits everything does not reach it, and the refusal says what does', async () => {
    const holder = await begin()
    const answer = await holder.ask(url)
    assert.match(answer, /^HTTP\/1\.1 403/)
    assert.match(answer, new RegExp(`stint break-glass open key --task ${holder.task.id}`))
    assert.equal(JSON.parse(answer.split('\r\n\r\n')[1] ?? '').code, 'sealed')
    assert.deepEqual(core.served, [])
  })

  test('fewer than are asked for do not open it; nor one person twice, who asked for it, who is not asked', async () => {
    const holder = await begin()
    const asked = await request(holder)
    assert.equal((await say('bea', asked)).status, 200)
    assert.equal((await say('bea', asked)).json.code, 'conflict')
    await assert.rejects(call('POST', `/v1/approvals/${asked.approvalId}/grant`, {}), { code: 'not_approver' })
    assert.equal((await say('eve', asked)).json.code, 'not_approver')
    assert.equal(await reach(holder), 'sealed')
    assert.equal((await find(asked.id)).state, 'asked')
    await call('POST', `/v1/openings/${asked.id}/close`, { reason: 'never mind' })
    assert.equal((await find(asked.id)).state, 'lapsed')
    await say('cem', asked)
    assert.equal(await reach(holder), 'sealed')
    assert.equal((await find(asked.id)).state, 'lapsed')
  })

  test('with the last yes it is open to its task alone, and each request and the alert are in the log', async () => {
    const [holder, other] = [await begin(), await begin()]
    const { id, openedBy } = await openFor(holder)
    assert.deepEqual(openedBy, ['bea', 'cem'].map(personId))
    assert.equal(await reach(holder), 'served')
    assert.equal(await reach(other), 'sealed')
    const child = await holder.delegate({ targets: ['core'], actions: ['*'] })
    assert.equal(await reach(child), 'sealed')
    await assert.rejects(request(other), { code: 'conflict' })
    const { items } = await call<Page<{ task: string; reasons: string[] }>>(
      'GET',
      `/v1/audit/entries?task=${holder.task.id}&kind=decision`,
    )
    assert.deepEqual(items.filter(({ reasons }) => reasons[0] === `Break-glass: ${id}.`).length, 1)
    const found = await call<Page<{ kind: string; detail: string }>>(
      'GET',
      `/v1/findings?taskId=${holder.task.id}&kind=break-glass`,
    )
    assert.equal(found.items.length, 1)
    assert.match(found.items[0]?.detail ?? '', /bea and .*cem said yes/)
    await closeAndSettle(id)
    assert.equal(await reach(holder), 'sealed')
  })

  test('not before it was reviewed by somebody without a part in it, and not with the value that was in use', async () => {
    const holder = await begin()
    const { id } = await openFor(holder)
    await call('POST', `/v1/openings/${id}/close`, { reason: 'it is out' })
    await assert.rejects(request(holder), { code: 'conflict', detail: /has no review/ })
    for (const name of ['bea', 'cem', 'eve'])
      assert.equal((await people.as(name, 'POST', `/v1/openings/${id}/review`, { note: 'fine' })).json.code, 'not_approver', name)
    await assert.rejects(call('POST', `/v1/openings/${id}/review`, { note: 'fine' }), { code: 'not_approver' })
    assert.equal((await people.as('dot', 'POST', `/v1/openings/${id}/review`, { note: 'as it should be' })).status, 200)
    assert.equal((await people.as('ana', 'POST', `/v1/openings/${id}/review`, { note: 'no' })).json.code, 'conflict')
    await assert.rejects(request(holder), { code: 'conflict', detail: /still has the value/ })
    await replace()
    await closeLapsing(await request(holder))
  })

  test('not after its time, which an approver may shorten; what is open is cut', async () => {
    const holder = await begin()
    const { id, openedAt = 0, closesAt = 0 } = await openFor(holder, { minutes: 1 })
    assert.equal(closesAt - openedAt, 60_000)
    await closeAndSettle(id)
    const short = await startHolder(stint, { targets: ['core'], actions: ['*'], ttlSeconds: 3 })
    const opened = await openFor(short)
    assert.equal(opened.closesAt, short.task.expiresAt)
    const closed = await until(opened.id, 'closed')
    assert.notEqual(await reach(short), 'served')
    assert.equal(closed.renewal === 'due' || closed.renewal === 'by-hand', true)
    await settle(opened.id)
  })

  test('a revocation closes it at once, of whatever kind, and lifting it opens nothing', async () => {
    for (const kind of ['credential', 'target', 'task'] as const) {
      const holder = await begin()
      const { id } = await openFor(holder)
      assert.equal(await reach(holder), 'served')
      const selector = { kind, id: { credential: 'key', target: 'core', task: holder.task.id }[kind] }
      const { revocation } = await call<{ revocation: { number: number } }>('POST', '/v1/revocations', {
        selector,
        reason: 'drill',
      })
      assert.notEqual(await reach(holder), 'served')
      await call('POST', `/v1/revocations/${revocation.number}/lift`, { reason: 'over' })
      assert.notEqual(await reach(holder), 'served', kind)
      await until(id, 'closed')
      await settle(id)
    }
  })

  test('another target that names the credential, or the same one declared otherwise, does not get it', async () => {
    const holder = await begin()
    const { id } = await openFor(holder)
    await succeed(stint.cli(['target', 'remove', 'core']))
    await succeed(stint.cli(['target', 'add', 'core', '--environment', 'production', ...declared(core)]))
    assert.equal(await reach(holder, `https://localhost:${again.port}/v1/orders`), 'sealed')
    assert.deepEqual(again.served, [])
    await succeed(stint.cli(['target', 'remove', 'core']))
    await succeed(stint.cli(['target', 'add', 'core', '--environment', 'development', ...declared(core)]))
    await closeAndSettle(id)
  })

  test('nobody gets at it another way: its recipe, its seal and its tools stay as they are', async () => {
    const again = { credentialId: 'key', targetId: 'core', openBy: 'role:oncall', seconds: 60, byHand: true }
    await assert.rejects(call('POST', '/v1/seals', again), { code: 'conflict' })
    await assert.rejects(call('DELETE', '/v1/credentials/key/recipe'), { code: 'sealed' })
    await assert.rejects(call('POST', '/v1/targets/core/discover'), { code: 'sealed' })
    await assert.rejects(call('POST', '/v1/targets/core/pins'), { code: 'sealed' })
  })

  test('killed while it is open, Stint closes it when it starts, and the log says so', async () => {
    const holder = await begin()
    const { id } = await openFor(holder)
    assert.equal(await reach(holder), 'served')
    stint.server.kill('SIGKILL')
    await stint.restart()
    const { state, why } = await find(id)
    assert.deepEqual([state, why], ['closed', 'Stint stopped while it was open'])
    assert.notEqual(await reach(holder), 'served')
    const { items } = await call<Page<unknown>>('GET', `/v1/audit/entries?action=stint:Opening::closed&correlationId=${id}`)
    assert.equal(items.length, 1)
    await settle(id)
  })

  async function closeLapsing({ id }: Opening): Promise<void> {
    assert.equal((await call<Opening>('POST', `/v1/openings/${id}/close`, { reason: 'never mind' })).state, 'lapsed')
  }
})
