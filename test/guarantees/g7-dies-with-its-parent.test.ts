import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { createClient } from '../../src/cli/client.ts'
import { type Holder, startHolder } from '../fakes/holder.ts'
import { type Installation, startStint } from '../fakes/stint.ts'
import { listening } from '../gateway/rig.ts'

const upstream = createServer((request, response) => {
  if (request.url === '/endless') response.write('begun')
  else response.end('ok')
})
let stint: Installation
let call: ReturnType<typeof createClient>['call']
let web = ''

before(async () => {
  const port = await listening(upstream)
  web = `http://localhost:${port}`
  stint = await startStint()
  ;({ call } = createClient(() => stint.home))
  for (const id of ['web', 'other'])
    await call('POST', '/v1/targets', {
      ...{ id, connector: 'http', environment: 'development', sensitivity: 'internal', labels: [], placement: { kind: 'none' } },
      hosts: [{ scheme: 'http', host: id === 'web' ? 'localhost' : 'other.test', port }],
      privateNetworks: ['127.0.0.0/8', '::1/128'],
    })
})
after(async () => {
  await stint.stop()
  upstream.closeAllConnections()
  upstream.close()
})

const READS = { targets: ['web'], actions: ['http:GET'] }
const start = (more = {}): Promise<Holder> => startHolder(stint, { ...READS, ttlSeconds: 600, ...more })
const entriesOf = async (id: string): Promise<Record<string, unknown>[]> =>
  (await call<{ items: Record<string, unknown>[] }>('GET', `/v1/audit/entries?task=${id}&kind=decision`)).items

describe('G7: a task starts children by its own token', () => {
  test('they act within their scope, and the log says the chain from the human to the one that acts', async () => {
    const parent = await start({ labels: ['from:mail'], actions: ['http:*'] })
    const child = await parent.delegate(READS)
    const grandchild = await child.delegate(READS)
    assert.match(await grandchild.ask(`${web}/`), /^HTTP\/1\.1 200 [\s\S]*ok/)
    assert.match(await grandchild.ask(`${web}/`, 'POST'), /^HTTP\/1\.1 403 [\s\S]*does not name/)
    const [entry] = await entriesOf(grandchild.task.id)
    assert.deepEqual([entry?.owner, entry?.actors], [parent.task.owner, [child.task.id, parent.task.id]])
    assert.deepEqual(grandchild.task.labels, ['from:mail'])
    const explained = await call<{ sameRequest: boolean }>('GET', `/v1/audit/entries/${entry?.index}/explanation`)
    assert.equal(explained.sameRequest, true)
    const shown = await call<{ ancestors: string[]; children: string[] }>('GET', `/v1/tasks/${child.task.id}`)
    assert.deepEqual([shown.ancestors, shown.children], [[parent.task.id], [grandchild.task.id]])
    const { stdout } = await stint.cli(['task', 'show', grandchild.task.id])
    assert.ok(stdout.includes([parent.task.owner, parent.task.id, child.task.id, grandchild.task.id].join(' › ')), stdout)
  })

  test('never of another task, however that one is named', async () => {
    const [own, other] = [await start(), await start({ targets: ['web', 'other'] })]
    const wish = { purpose: 'x', ...READS, keyThumbprint: 'a'.repeat(43) }
    for (const [path, body] of [
      [`/v1/tasks/${other.task.id}/children`, wish],
      ['/v1/tasks', { ...wish, parentId: other.task.id }],
      [`/v1/tasks/${own.task.id}/children`, { ...wish, parentId: other.task.id }],
    ] as const) {
      const { status } = await own.api('POST', path, body)
      assert.ok([400, 401, 403].includes(status), `${path}: ${status}`)
    }
    assert.deepEqual((await call<{ children: string[] }>('GET', `/v1/tasks/${other.task.id}`)).children, [])
  })

  for (const [what, more] of [
    ['another target', { targets: ['other'] }],
    ['another action', { actions: ['http:POST'] }],
    ['a longer life', { ttlSeconds: 601 }],
    ['an owner of its own', { owner: 'mallory' }],
    ['a stronger proof', { proof: 'sandbox' }],
    ['a runner of its own', { supervised: true }],
  ] as const)
    test(`never with ${what}`, async () => {
      const parent = await start()
      await assert.rejects(parent.delegate({ ...READS, ...more }), /scope_exceeded|invalid_argument/)
    })

  test('never with what the child between them gave up, nor deeper than is allowed', async () => {
    const parent = await start({ targets: ['web', 'other'] })
    let last = await parent.delegate(READS)
    await assert.rejects(last.delegate({ ...READS, targets: ['other'] }), /scope_exceeded/)
    for (let depth = 2; depth <= 4; depth++) last = await last.delegate(READS)
    await assert.rejects(last.delegate(READS), /scope_exceeded.*nest 4 deep/)
  })
})

describe('G7: when its parent', () => {
  const ways: Readonly<Record<string, (parent: Holder) => Promise<unknown>>> = {
    ends: (parent) => parent.api('POST', `/v1/tasks/${parent.task.id}/end`, {}),
    'is revoked': ({ task }) => call('POST', '/v1/revocations', { selector: { kind: 'task', id: task.id }, reason: 'drill' }),
    expires: ({ task }) => new Promise((over) => setTimeout(over, task.expiresAt - Date.now() + 50)),
  }
  for (const [way, stop] of Object.entries(ways))
    test(`${way}, a grandchild’s open stream is cut, and it gets no other answer, also after a restart`, async () => {
      const parent = await start({ ttlSeconds: way === 'expires' ? 4 : 600 })
      const grandchild = await (await parent.delegate(READS)).delegate(READS)
      const stream = await grandchild.send(`${web}/endless`)
      const cut = new Promise((done) => stream.once('close', done))
      await once(stream.resume(), 'data')
      assert.equal(stream.destroyed, false)
      await stop(parent)
      await cut
      assert.match(await grandchild.ask(`${web}/`), /task_not_live/)
      await assert.rejects(grandchild.delegate(READS), /task_not_live|invalid_token/)
      stint.server.kill('SIGKILL')
      await stint.restart()
      assert.notEqual((await call<{ state: string }>('GET', `/v1/tasks/${grandchild.task.id}`)).state, 'live')
    })
})
