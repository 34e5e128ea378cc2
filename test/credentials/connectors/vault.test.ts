import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { vault } from '../../../src/credentials/connectors/vault.ts'
import type { HttpAnswer, Io, Issued, MintOrder } from '../../../src/credentials/minting.ts'
import { StintError } from '../../../src/errors.ts'
import type { Access, Target } from '../../../src/model.ts'
import { startVault, type VaultServer } from '../../providers/vault.ts'
import { TASK } from '../permit.ts'

const { minting } = vault
assert.ok(minting)
const fails = (code: string) => (thrown: unknown) => thrown instanceof StintError && thrown.code === code

describe('a credential that Vault makes', () => {
  let server: VaultServer
  before(async () => {
    server = await startVault()
  })
  beforeEach(() => {
    server.tokens.clear()
    server.leases.clear()
  })
  after(() => server.close())

  const order = (leaseId: string, settings: object = {}, access: Access = 'read'): MintOrder => {
    const target: Target = { ...server.target, settings: { ...server.target.settings, ...settings } }
    const action = { id: 'http:GET', access, resource: '/', parameters: {} }
    return {
      ...{ leaseId, target, taskId: TASK.id, owner: TASK.owner, standing: server.standing },
      ...{ grant: minting.grant({ task: TASK, target, action }) ?? assert.fail(), expiresAt: Date.now() + 600_000 },
    }
  }
  const issue = async (...given: Parameters<typeof order>): Promise<Issued> => {
    const asked = order(...given)
    return { ...asked, ...(await minting.mint(asked, undefined, server.io)), expiresAt: asked.expiresAt }
  }
  const saying = (status: number, body: unknown): Io => ({
    ...server.io,
    exchange: async (): Promise<HttpAnswer> => ({ status, headers: {}, body: Buffer.from(JSON.stringify(body)) }),
  })

  test('is read where writes are, and where reads are when there is such a place', () => {
    assert.deepEqual(order('lease_a').grant.terms, { path: 'database/creds/reader' })
    assert.deepEqual(order('lease_a', {}, 'destructive').grant.terms, { path: 'database/creds/writer' })
    const { read_path: _, ...settings } = server.target.settings ?? {}
    const action = { id: 'http:GET', access: 'read', resource: '/', parameters: {} } as const
    const granted = minting.grant({ task: TASK, target: { ...server.target, settings }, action })
    assert.deepEqual(granted?.terms, { path: 'database/creds/writer' })
  })

  test('is the child of a token of the lease’s name that ends with the lease, and both go', async () => {
    const issued = await issue('lease_abcdefchild')
    const [token] = server.tokens.values()
    assert.equal(token?.meta.stint_lease, 'lease_abcdefchild')
    assert.ok(Math.abs((token?.expiresAt ?? 0) - issued.expiresAt) < 3000)
    await minting.revoke(issued, server.io)
    assert.deepEqual([server.tokens.size, server.leases.size], [0, 0])
  })

  test('that was lost goes with the token that read it, made twice or not', async () => {
    const lost: Issued = { ...(await issue('lease_abcdeflost')), material: undefined, handle: {} }
    await issue('lease_abcdeflost')
    await minting.revoke(lost, server.io)
    assert.deepEqual([server.tokens.size, server.leases.size], [0, 0])
  })

  for (const [what, settings] of [
    ['the token may not read', { read_path: 'database/creds/other' }],
    ['has no lease', { read_path: 'secret/data/app', policies: ['kv'] }],
  ] as const)
    test(`is refused for a path that ${what}, and leaves no token`, async () => {
      await assert.rejects(issue('lease_abcdefrefused', settings), fails('mint_refused'))
      assert.equal(server.tokens.size, 0)
    })

  test('is not said to be refused where its token could not be ended', async () => {
    const io: Io = {
      ...server.io,
      exchange: async (asked) =>
        asked.url.includes('revoke') ? saying(503, { errors: [] }).exchange(asked) : server.io.exchange(asked),
    }
    const asked = order('lease_abcdefstuck', { read_path: 'database/creds/other' })
    await assert.rejects(minting.mint(asked, undefined, io), fails('upstream_failed'))
  })

  test('is not taken with a field that is not there', async () => {
    await assert.rejects(issue('lease_abcdeffield', { field: 'token' }), fails('upstream_failed'))
  })

  test('is a bearer token where no username is named', async () => {
    const { username_field: _, ...settings } = server.target.settings ?? {}
    const asked = order('lease_abcdefbearer')
    const target = { ...server.target, settings }
    const minted = await minting.mint({ ...asked, target }, undefined, server.io)
    const [injection] = minting.place({ ...asked, ...minted, expiresAt: asked.expiresAt })
    assert.equal(injection?.kind, 'header')
    assert.match(injection?.value.reveal() ?? '', /^A1a-/)
  })

  test('is dead by Vault’s word that there is no such lease, and by no other refusal', async () => {
    const issued = await issue('lease_abcdefword')
    assert.equal(await minting.probe(issued, saying(400, { errors: ['invalid lease'] })), 'refused')
    for (const [status, body] of [
      [403, { errors: ['permission denied'] }],
      [400, { errors: ['lease_id must be given'] }],
      [503, { errors: ['Vault is sealed', 'invalid lease'] }],
      [200, { data: { id: 'database/creds/reader/another' } }],
    ] as const)
      await assert.rejects(minting.probe(issued, saying(status, body)), fails('upstream_failed'), JSON.stringify(body))
    await assert.rejects(minting.revoke(issued, saying(403, { errors: ['permission denied'] })), fails('upstream_failed'))
  })

  test('is not said to be revoked where its engine could not take it back, though its token might be ended', async () => {
    const issued = await issue('lease_abcdefengine')
    const io: Io = {
      ...server.io,
      exchange: async (asked) =>
        asked.url.endsWith('/sys/leases/revoke') ? saying(503, { errors: [] }).exchange(asked) : server.io.exchange(asked),
    }
    await assert.rejects(minting.revoke(issued, io), fails('upstream_failed'))
    assert.equal(await minting.probe(issued, server.io), 'live')
  })

  test('is told from what others name so', async () => {
    await issue('lease_abcdefours')
    await issue('lease_abcdef/../evil')
    await issue('lease_bcdefgother')
    const asked = { target: server.target, standing: server.standing, installation: 'abcdef' }
    const found = (await minting.strays?.(asked, server.io)) ?? []
    assert.deepEqual(
      found.map(({ leaseId }) => leaseId),
      ['lease_abcdefours'],
    )
    const [stray] = found
    assert.ok(stray)
    const { grant } = order('lease_a')
    await minting.revoke({ ...order(stray.leaseId), grant, material: undefined, handle: stray.handle }, server.io)
    assert.equal(server.leases.size, 2)
  })

  test('is asked for nowhere in clear HTTP outside private networks', () => {
    const settings = { ...vault.example.target.settings, address: 'http://vault.test:8200' }
    assert.throws(() => minting.checkTarget?.({ ...vault.example.target, settings }), fails('invalid_argument'))
    minting.checkTarget?.({ ...vault.example.target, settings, privateNetworks: ['10.0.0.0/8'] })
    assert.deepEqual(minting.places?.(vault.example.target), [{ scheme: 'https', host: 'vault.internal', port: 8200 }])
  })

  const discover = (io = server.io) => minting.discover?.({ target: server.target, standing: server.standing }, io)

  test('is listed as the token that reads it, with every other: root is told from others, and what is over', async () => {
    const { expiresAt } = await issue('lease_abcdeflisted')
    const [mine] = server.tokens.values()
    const other = { policies: ['default'], meta: {}, expiresAt: 1000 }
    server.tokens.set('b', { ...other, accessor: 'b' })
    server.tokens.set('c', { ...other, accessor: 'c', policies: ['root'] })
    const rest = { kind: 'token', createdAt: Date.parse('2026-01-20T22:11:48.466Z') }
    const found = (await discover()) ?? []
    assert.ok(Math.abs((found[0]?.expiresAt ?? 0) - expiresAt) < 3000)
    assert.deepEqual(found, [
      { ...found[0], ...rest, id: `${mine?.accessor} lease_abcdeflisted`, access: 'unknown', isUsable: true },
      { ...rest, id: 'b token', access: 'unknown', isUsable: false, expiresAt: 1000 },
      { ...rest, id: 'c root', access: 'admin', isUsable: true },
    ])
  })

  test('is not listed with some left out', async () => {
    for (let made = 1; made <= 1001; made += 1)
      server.tokens.set(`t${made}`, { accessor: `t${made}`, policies: [], meta: {}, expiresAt: 1000 })
    await assert.rejects(async () => discover(), /more than 1000/)
  })

  for (const change of [
    { display_name: 1 },
    { display_name: 'token', meta: { stint_lease: {} } },
    { policies: 'root' },
    { issue_time: 1 },
    { expire_time: 'later' },
  ])
    test(`is not listed from an answer with ${JSON.stringify(change)}`, async () => {
      const data = { keys: ['a'], display_name: 'token', policies: [], meta: null, expire_time: null }
      assert.equal((await discover(saying(200, { data })))?.length, 1)
      await assert.rejects(async () => discover(saying(200, { data: { ...data, ...change } })), fails('upstream_failed'))
    })
})
