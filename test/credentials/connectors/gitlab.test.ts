import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { gitlab } from '../../../src/credentials/connectors/gitlab.ts'
import type { HttpAnswer, Io, Issued, MintOrder } from '../../../src/credentials/minting.ts'
import { StintError } from '../../../src/errors.ts'
import type { Action, Operation } from '../../../src/model.ts'
import { type Gitlab, startGitlab } from '../../providers/gitlab.ts'
import { TASK } from '../permit.ts'

const { minting } = gitlab
assert.ok(minting)
const fails = (code: string) => (thrown: unknown) => thrown instanceof StintError && thrown.code === code

describe('an access token of GitLab', () => {
  let server: Gitlab
  before(async () => {
    server = await startGitlab()
  })
  after(() => server.close())

  const grantOf = (action: Action, settings: object = {}) =>
    minting.grant({ task: TASK, target: { ...server.target, settings: { ...server.target.settings, ...settings } }, action }) ??
    assert.fail()
  const described = (method: string, path: string, query = ''): Action => {
    const operation: Operation = { scheme: 'https', host: 'gitlab.com', port: 443, method, path, query, headers: {} }
    return gitlab.describe(operation, server.target)
  }
  const order = (leaseId: string, action = described('GET', '/api/v4/projects/7/issues')): MintOrder => ({
    ...{ leaseId, target: server.target, taskId: TASK.id, owner: TASK.owner, standing: server.standing, grant: grantOf(action) },
    expiresAt: Date.now() + 600_000,
  })
  const issue = async (leaseId: string, action?: Action): Promise<Issued> => {
    const asked = order(leaseId, action)
    return { ...asked, ...(await minting.mint(asked, undefined, server.io)), expiresAt: asked.expiresAt }
  }

  for (const [method, path, query, place, scope, level] of [
    ['GET', '/api/v4/projects/Acme%2FApp/issues', '', 'projects/acme%2Fapp', 'read_api', 'reporter'],
    ['GET', '/api/v4/projects/7', '', 'projects/7', 'read_api', 'reporter'],
    ['POST', '/api/v4/projects/7/issues', '', 'projects/7', 'api', 'developer'],
    ['DELETE', '/api/v4/projects/7/issues/1', '', 'projects/7', 'api', 'developer'],
    ['GET', '/api/v4/groups/acme/epics', '', 'groups/acme', 'read_api', 'reporter'],
    ['GET', '/Acme/App.git/info/refs', 'service=git-upload-pack', 'projects/acme%2Fapp', 'read_repository', 'reporter'],
    ['GET', '/Acme/App.git/info/refs', 'service=git-receive-pack', 'projects/acme%2Fapp', 'write_repository', 'developer'],
  ] as const)
    test(`for ${method} ${path}?${query} is of ${place}, for ${scope}, as ${level}`, () => {
      const action = described(method, path, query)
      assert.deepEqual(grantOf(action).terms, { place, scope, level })
      const raised = level === 'developer' ? 'maintainer' : level
      assert.equal(grantOf(action, { write_level: 'maintainer' }).terms.level, raised)
    })

  for (const path of [
    '/api/v4/user',
    '/api/v4/projects',
    '/api/v4/projects/8',
    '/api/v4/groups/evil',
    '/evil/app/-/issues',
    '/api/v4/groups/7',
  ])
    test(`is not made for ${path}`, () => assert.throws(() => grantOf(described('GET', path)), fails('unknown_action')))

  test('ends at the first midnight that is not before the lease’s end', async () => {
    for (const [at, day] of [
      ['2031-05-01T00:00:00Z', '2031-05-01'],
      ['2031-05-01T00:00:01Z', '2031-05-02'],
      ['2031-12-31T23:59:59Z', '2032-01-01'],
    ] as const) {
      const asked = { ...order('lease_abcdefmidnight'), expiresAt: Date.parse(at) }
      const { handle, expiresAt } = await minting.mint(asked, undefined, server.io)
      assert.equal(server.tokens.get(Number(handle.id))?.expires_at, day)
      assert.equal(expiresAt, Date.parse(day))
    }
    server.tokens.clear()
  })

  test('that may not revoke itself is revoked by its name, by the owner', async () => {
    server.isSelfRevocable = false
    const issued = await issue('lease_abcdefself')
    await minting.revoke(issued, server.io)
    assert.equal(await minting.probe(issued, server.io), 'refused')
    server.isSelfRevocable = true
  })

  test('that was lost after it was made twice is revoked twice, and another’s name is not taken for it', async () => {
    const [one] = [await issue('lease_abcdeftwice'), await issue('lease_abcdeftwice'), await issue('lease_abcdeftwicemore')]
    assert.ok(one)
    const lost: Issued = { ...one, material: undefined, handle: {} }
    assert.equal(await minting.probe(lost, server.io), 'live')
    await minting.revoke(lost, server.io)
    assert.deepEqual(
      [...server.tokens.values()].map(({ name }) => name),
      ['lease_abcdeftwicemore'],
    )
    server.tokens.clear()
  })

  test('is found among more than a page of them, in groups too', async () => {
    for (let made = 0; made < 120; made += 1)
      await issue(`lease_abcdef${'a'.repeat(10)}${made.toString(2).replaceAll('0', 'a').replaceAll('1', 'b')}`)
    await issue('lease_abcdefgroup', described('GET', '/api/v4/groups/acme'))
    const asked = { target: server.target, standing: server.standing, installation: 'abcdef' }
    assert.equal((await minting.strays?.(asked, server.io))?.length, 121)
    server.tokens.clear()
  })

  test('is told from others by a GitLab that lists them all', async () => {
    server.isOld = true
    const [one] = [await issue('lease_abcdefone'), await issue('lease_bcdefgtwo'), await issue('lease_abcdef or a person’s')]
    const asked = { target: server.target, standing: server.standing, installation: 'abcdef' }
    assert.deepEqual(
      (await minting.strays?.(asked, server.io))?.map(({ leaseId }) => leaseId),
      ['lease_abcdefone'],
    )
    assert.ok(one)
    await minting.revoke({ ...one, material: undefined, handle: {} }, server.io)
    assert.equal(server.tokens.size, 2)
    server.isOld = false
    server.tokens.clear()
  })

  test('that cannot be revoked by its name for the moment is not said to be', async () => {
    const issued = await issue('lease_abcdefbusy')
    const io: Io = {
      ...server.io,
      exchange: async (asked) =>
        asked.method === 'DELETE' ? { status: 503, headers: {}, body: Buffer.from('{}') } : server.io.exchange(asked),
    }
    await assert.rejects(minting.revoke(issued, io), fails('upstream_failed'))
    server.tokens.clear()
  })

  test('is not made without the owner’s token, nor with one that GitLab refuses', async () => {
    await assert.rejects(
      async () => minting.mint({ ...order('lease_a'), standing: undefined }, undefined, server.io),
      fails('credential_missing'),
    )
    const { standing: _, ...rest } = order('lease_a')
    const wrong = { ...rest, standing: (await issue('lease_abcdefwrong')).material }
    await assert.rejects(minting.mint(wrong, undefined, server.io), fails('mint_refused'))
    server.tokens.clear()
  })

  for (const [what, status, body] of [
    ['no token', 201, { id: 1 }],
    ['a token with a line break', 201, { id: 1, token: `${'a'.repeat(30)}\r\nx: y` }],
    ['no number', 201, { id: '../../1', token: 'a'.repeat(30) }],
    ['a refusal to go so fast', 429, { message: 'Too many requests' }],
  ] as const)
    test(`is not taken from an answer with ${what}`, async () => {
      const io: Io = {
        ...server.io,
        exchange: async (): Promise<HttpAnswer> => ({ status, headers: {}, body: Buffer.from(JSON.stringify(body)) }),
      }
      await assert.rejects(minting.mint(order('lease_a'), undefined, io), fails('upstream_failed'))
    })

  const discover = (io = server.io) => minting.discover?.({ target: server.target, standing: server.standing }, io)
  const token = (id: number, more: object = {}) => ({
    ...{ id, owner: 'groups/acme', secret: '', name: 'ci', scopes: ['api'], access_level: 30, expires_at: '2031-05-01', ...more },
  })

  test('is listed with all others of its target’s projects and groups: an admin’s is told from others, and one that is over', async () => {
    server.isOld = true
    for (const one of [
      token(1, { access_level: 40, last_used_at: '2026-02-01T10:00:00.000+01:00' }),
      token(2, { access_level: 50, scopes: ['write_repository'], owner: 'projects/7' }),
      token(3, { active: false }),
      token(4, { owner: 'projects/acme/elsewhere' }),
    ])
      server.tokens.set(one.id, one)
    const [createdAt, expiresAt] = [Date.parse('2026-01-20T22:11:48.151Z'), Date.parse('2031-05-01')]
    const rest = { kind: 'token', createdAt, expiresAt }
    assert.deepEqual(await discover(), [
      { ...rest, id: '2 ci', access: 'limited', isUsable: true },
      { ...rest, id: '1 ci', access: 'admin', isUsable: true, lastUsedAt: Date.parse('2026-02-01T09:00:00Z') },
      { ...rest, id: '3 ci', access: 'limited', isUsable: false },
    ])
    server.isOld = false
    assert.ok(!(await discover())?.some(({ id }) => id === '3 ci'))
    server.tokens.clear()
  })

  test('is not listed with some left out, where there are more than a thousand in one place or in all', async () => {
    for (let id = 1; id <= 999; id += 1) server.tokens.set(id, token(id, { owner: id <= 500 ? 'projects/7' : 'groups/acme' }))
    assert.equal((await discover())?.length, 999)
    for (const id of [1000, 1001]) server.tokens.set(id, token(id))
    await assert.rejects(async () => discover(), /more than 1000/)
    for (const [id, one] of server.tokens) server.tokens.set(id, { ...one, owner: 'groups/acme' })
    await assert.rejects(async () => discover(), /1000 tokens of one project or group, and more/)
    server.tokens.clear()
  })

  for (const change of [
    { id: '1' },
    { name: null },
    { active: 'true' },
    { scopes: 'api' },
    { access_level: '50' },
    { created_at: 1 },
    { expires_at: 'tomorrow' },
    { last_used_at: '2026-13-01' },
  ])
    test(`is not listed from an answer with ${JSON.stringify(change)}`, async () => {
      const whole = { ...token(1), active: true, created_at: '2026-01-20T22:11:48.151Z', last_used_at: null }
      const saying = (one: object): Io => ({
        ...server.io,
        exchange: async () => ({ status: 200, headers: {}, body: Buffer.from(JSON.stringify([one])) }),
      })
      assert.equal((await discover(saying(whole)))?.length, 1)
      await assert.rejects(async () => discover(saying({ ...whole, ...change })), fails('upstream_failed'))
    })
})
