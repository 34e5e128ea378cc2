import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import type { Connector } from '../../src/credentials/connector.ts'
import { CONNECTORS } from '../../src/credentials/connectors/index.ts'
import { createObtain } from '../../src/credentials/obtain.ts'
import { StintError } from '../../src/errors.ts'
import type { Target } from '../../src/model.ts'
import { Secret } from '../../src/secret.ts'
import { code, TARGET } from '../targets/fixture.ts'
import { NOTHING_MINTED } from './nothing-minted.ts'
import { CALLER, permitOf, TASK } from './permit.ts'

function setup(connectors: Readonly<Record<string, Connector>> = CONNECTORS) {
  const values = new Map([['orders-key', 'the value']])
  const listeners: ((id: string) => void)[] = []
  const clock = { now: 1000 }
  const vault = {
    opened: 0,
    open(id: string) {
      vault.opened += 1
      const value = values.get(id)
      if (value === undefined) throw new StintError('credential_missing', 'none')
      return new Secret(value)
    },
    onChange: (listener: (id: string) => void) => void listeners.push(listener),
  }
  const change = (id: string, value: string) => {
    values.set(id, value)
    for (const listener of listeners) listener(id)
  }
  return {
    ...createObtain({ ...NOTHING_MINTED, vault, connectors, now: () => clock.now, maxLeases: 2000 }),
    vault,
    change,
    clock,
    values,
  }
}

/** A connector that answers when the test says so. */
function slow() {
  const waiting: ((expiresAt?: number) => void)[] = []
  const { http } = CONNECTORS
  assert.ok(http)
  const connector: Connector = {
    ...http,
    obtain: () =>
      new Promise((done) => waiting.push((expiresAt) => done({ injections: [], ...(expiresAt !== undefined && { expiresAt }) }))),
  }
  return { connectors: { http: connector }, waiting }
}

describe('a lease', () => {
  test('names its hosts, its task and its material, and shows no secret', async () => {
    const { obtain } = setup()
    const lease = await obtain(permitOf())
    assert.deepEqual(lease.hosts, TARGET.hosts)
    assert.deepEqual(
      [lease.taskId, lease.targetId, lease.credentialId, lease.state],
      ['task_1', 'orders', 'orders-key', 'active'],
    )
    assert.match(lease.id, /^lease_[\w-]{16}$/)
    assert.equal(lease.injections[0]?.value.reveal(), 'the value')
    assert.doesNotMatch(inspect(lease, { depth: null }) + JSON.stringify(lease), /the value/)
  })

  test('of a sealed credential is none, whatever was permitted; one of an opening ends with it, and is not given out after it', async () => {
    const { vault } = setup()
    let until = 0
    const usableUntil = (): number => {
      if (until === 0) throw new StintError('sealed', 'it is sealed')
      return until
    }
    const { obtain } = createObtain({ ...NOTHING_MINTED, vault, connectors: CONNECTORS, now: () => 0, usableUntil })
    assert.throws(() => obtain(permitOf()), { code: 'sealed' })
    assert.equal(vault.opened, 0)
    until = 1000
    assert.equal((await obtain(permitOf())).expiresAt, 1000)
    until = 0
    assert.throws(() => obtain(permitOf()), { code: 'sealed' })
  })

  test('is the same one for the same task and target, answered at once and without the vault', async () => {
    const { obtain, vault } = setup()
    const first = await obtain(permitOf())
    assert.equal(obtain(permitOf()), first)
    assert.equal(vault.opened, 1)
  })

  test('is another one for another task, and for the same target declared anew', async () => {
    const { obtain } = setup()
    const first = await obtain(permitOf())
    const other = await obtain(permitOf({ task: { ...TASK, id: 'task_2' } }))
    const moved: Target = { ...TARGET, hosts: [{ scheme: 'https', host: 'elsewhere.test', port: 443 }] }
    const anew = await obtain(permitOf({ target: moved }))
    assert.equal(new Set([first.id, other.id, anew.id]).size, 3)
    assert.deepEqual(anew.hosts, moved.hosts)
  })

  test('dies with the first of task, decision and material', async () => {
    const { obtain, clock } = setup()
    assert.equal((await obtain(permitOf())).expiresAt, TASK.expiresAt)
    assert.equal((await obtain(permitOf({ decision: { ttlSeconds: 60 } }))).expiresAt, clock.now + 60_000)
    assert.equal(
      (await obtain(permitOf({ task: { ...TASK, id: 'task_2', expiresAt: 5000 }, decision: { ttlSeconds: 60 } }))).expiresAt,
      5000,
    )
    const { connectors, waiting } = slow()
    const minted = setup(connectors).obtain(permitOf())
    waiting[0]?.(2000)
    assert.equal((await minted).expiresAt, 2000)
  })

  test('that lasts longer than a decision allows is not used for it', async () => {
    const { obtain, clock } = setup()
    const long = await obtain(permitOf())
    const short = await obtain(permitOf({ decision: { ttlSeconds: 10 } }))
    assert.notEqual(short.id, long.id)
    assert.equal(obtain(permitOf({ decision: { ttlSeconds: 10 } })), short)
    clock.now += 10_000
    assert.notEqual((await obtain(permitOf())).id, short.id)
  })

  test('is not to be had for a task whose time is up', () => {
    const { obtain, vault } = setup()
    assert.throws(() => obtain(permitOf({ task: { ...TASK, expiresAt: 1000 } })), code('task_not_live'))
    assert.equal(vault.opened, 0)
  })

  test('is not to be had without the credential, and is as soon as it is there', async () => {
    const { obtain, values, leases } = setup()
    values.clear()
    await assert.rejects(async () => obtain(permitOf()), code('credential_missing'))
    await assert.rejects(async () => obtain(permitOf({ target: { ...TARGET, connector: 'constructor' } })), StintError)
    assert.deepEqual(leases(), [])
    values.set('orders-key', 'late')
    assert.equal((await obtain(permitOf())).injections[0]?.value.reveal(), 'late')
  })

  test('takes a value that a header cannot carry for missing, and does not show it', async () => {
    const { obtain, values } = setup()
    for (const value of ['S3CRET\r\nx-evil: 1', 'S3CRET\nb', 'S3CRETü', ' S3CRET', 'S3CRET ', 'S3CRET\u0000', 'S3CRET\u007f']) {
      values.set('orders-key', value)
      await assert.rejects(
        async () => obtain(permitOf()),
        (thrown) => code('credential_missing')(thrown) && !inspect(thrown).includes('S3CRET'),
      )
    }
  })

  test('has the shape the action needs: git takes basic auth where REST takes a header', async () => {
    const { obtain } = setup()
    const target: Target = { ...TARGET, connector: 'github' }
    const rest = await obtain(permitOf({ target, action: 'github:Issue::list' }))
    const git = await obtain(permitOf({ target, action: 'git:fetch' }))
    assert.deepEqual([rest.injections[0]?.kind, git.injections[0]?.kind], ['header', 'basic'])
    assert.equal(obtain(permitOf({ target, action: 'github:Issue::get' })), rest)
    assert.equal(obtain(permitOf({ target, action: 'git:push' })), git)
  })
})

describe('obtaining at the same time', () => {
  test('asks the connector once, and everyone gets that lease', async () => {
    const { connectors, waiting } = slow()
    const { obtain } = setup(connectors)
    const all = Array.from({ length: 50 }, () => obtain(permitOf()))
    assert.equal(waiting.length, 1)
    waiting[0]?.()
    assert.equal(new Set((await Promise.all(all)).map(({ id }) => id)).size, 1)
  })

  test('fails together, and the next one tries again', async () => {
    const { http } = CONNECTORS
    assert.ok(http)
    let asked = 0
    const connector: Connector = {
      ...http,
      obtain: () => Promise.reject(new StintError('upstream_failed', `attempt ${++asked}`)),
    }
    const { obtain } = setup({ http: connector })
    const results = await Promise.allSettled([obtain(permitOf()), obtain(permitOf())])
    assert.deepEqual(
      results.map(({ status }) => status),
      ['rejected', 'rejected'],
    )
    assert.equal(asked, 1)
    await assert.rejects(async () => obtain(permitOf()), code('upstream_failed', /attempt 2/))
  })

  test('a shorter decision that waits for a longer lease gets one of its own', async () => {
    const { connectors, waiting } = slow()
    const { obtain, clock } = setup(connectors)
    const long = obtain(permitOf())
    const short = obtain(permitOf({ decision: { ttlSeconds: 10 } }))
    waiting[0]?.()
    await long
    await new Promise((later) => setImmediate(later))
    waiting[1]?.()
    assert.equal((await short).expiresAt, clock.now + 10_000)
  })

  for (const selector of [{ kind: 'task', id: 'task_1' }, { kind: 'all' }] as const)
    test(`what is dropped by ${selector.kind} on its way is refused when it comes, and not kept`, async () => {
      const { connectors, waiting } = slow()
      const { obtain, drop, leases } = setup(connectors)
      const coming = obtain(permitOf())
      assert.equal(drop(selector, { why: 'a test' }), 1)
      waiting[0]?.()
      await assert.rejects(async () => coming, code('revoked'))
      assert.deepEqual(leases(), [])
    })
})

describe('dropping', () => {
  for (const [selector, count] of [
    [{ kind: 'task', id: 'task_1' }, 1],
    [{ kind: 'task', id: 'task_3' }, 0],
    [{ kind: 'caller', id: CALLER.id }, 2],
    [{ kind: 'caller', id: 'spiffe://stint.local/agent' }, 2],
    [{ kind: 'owner', id: 'alice' }, 1],
    [{ kind: 'target', id: 'orders' }, 2],
    [{ kind: 'credential', id: 'orders-key' }, 2],
    [{ kind: 'credential', id: 'other' }, 0],
    [{ kind: 'all' }, 2],
  ] as const)
    test(`by ${JSON.stringify(selector)} forgets ${count} of two`, async () => {
      const { obtain, drop, leases } = setup()
      const first = await obtain(permitOf())
      await obtain(permitOf({ task: { ...TASK, id: 'task_2', owner: 'bob' } }))
      assert.equal(drop(selector, { why: 'a test' }), count)
      assert.equal(leases().length, 2 - count)
      if (count > 0) assert.notEqual((await obtain(permitOf())).id, first.id)
    })

  test('happens by itself when the credential changes, so that the new value is used at once', async () => {
    const { obtain, change } = setup()
    await obtain(permitOf())
    change('orders-key', 'the new value')
    assert.equal((await obtain(permitOf())).injections[0]?.value.reveal(), 'the new value')
  })

  test('keeps what is held bounded: a flood of tasks pushes out the oldest', async () => {
    const { obtain, leases } = setup()
    for (let i = 0; i < 2050; i++) await obtain(permitOf({ task: { ...TASK, id: `task_${i}` } }))
    const held = leases()
    assert.equal(held.length, 2000)
    assert.equal(held[0]?.taskId, 'task_50')
  })
})
