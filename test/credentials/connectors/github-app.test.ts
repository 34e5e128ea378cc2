import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { components } from '@octokit/openapi-types'
import { githubApp } from '../../../src/credentials/connectors/github-app.ts'
import type { HttpAnswer, Io, Issued, MintOrder } from '../../../src/credentials/minting.ts'
import { MUTATIONS, REST } from '../../../src/credentials/protocols/github-endpoints.ts'
import { PERMISSIONS, permissionsFor } from '../../../src/credentials/protocols/github-permissions.ts'
import { StintError } from '../../../src/errors.ts'
import type { Action, Target } from '../../../src/model.ts'
import { Secret } from '../../../src/secret.ts'
import { type Github, installationOf, startGithub } from '../../providers/github-app.ts'
import { TASK } from '../permit.ts'

/** Every permission that is asked for is one of GitHub’s published description: this does not compile otherwise. */
const published: readonly (keyof components['schemas']['app-permissions'])[] = PERMISSIONS

const { minting } = githubApp
assert.ok(minting)
const EVERYTHING = { targets: ['*'], actions: ['*'] }

function actionOf(id: string, more: Partial<Action> = {}): Action {
  return { id, access: 'read', resource: 'repos/acme/app', parameters: { repository: 'acme/app' }, ...more }
}

function refuses(work: () => unknown): void {
  assert.throws(work, (thrown) => thrown instanceof StintError && thrown.code === 'unknown_action')
}

describe('what an action takes of a GitHub App', () => {
  test('is known for every action that has a name, or refused', () => {
    const refused = new Set<string>()
    const named = [
      ...REST.map(([, id, access]) => ({ id, access })),
      ...[...MUTATIONS.values()].map(([id, access]) => ({ id, access })),
    ]
    for (const { id, access } of named) {
      try {
        for (const one of permissionsFor(actionOf(`github:${id}`, { access }), EVERYTHING)) {
          const [name = '', level] = one.split(':')
          assert.ok(published.some((known) => known === name) && (level === 'read' || level === 'write'), one)
        }
      } catch (thrown) {
        assert.ok(thrown instanceof StintError && thrown.code === 'unknown_action', String(thrown))
        refused.add(id.split('::', 1).join())
      }
    }
    assert.deepEqual([...refused].sort(), ['Gist', 'Notification', 'User', 'Variable'])
  })

  for (const [id, more, permissions] of [
    ['git:fetch', {}, ['contents:read']],
    ['git:push', { access: 'read' }, ['contents:write']],
    ['git:lfs-upload', { access: 'write' }, ['contents:write']],
    ['git:lfs-list-locks', {}, ['contents:read']],
    ['github:Issue::list', {}, ['issues:read']],
    ['github:Issue::create', { access: 'write' }, ['issues:write']],
    ['github:PullRequest::merge', { access: 'write' }, ['contents:write']],
    ['github:Branch::protect', { access: 'admin' }, ['administration:write']],
    [
      'github:Contents::put',
      { access: 'write', parameters: { path: '.github/workflows/ci.yml' } },
      ['contents:write', 'workflows:write'],
    ],
    ['github:Contents::put', { access: 'write', parameters: { path: 'docs/a.md' } }, ['contents:write']],
    ['github:Workflow::dispatch', { access: 'write', parameters: { id: 'ci.yml' } }, ['actions:write']],
    ['github:Workflow::dispatch', { access: 'write', parameters: {} }, ['contents:write']],
    ['github:rest::get', { resource: 'repos/acme/app/actions/workflows' }, ['actions:read']],
    ['github:rest::get', { resource: 'repos/acme/app/actions/secrets/public-key' }, ['secrets:read']],
    ['github:rest::get', { resource: 'repos/acme/app/commits/main/check-runs' }, ['checks:read']],
    ['github:rest::get', { resource: 'repos/acme/app/languages' }, ['metadata:read']],
    ['github:rest::get', { resource: 'rate_limit' }, ['metadata:read']],
  ] as const)
    test(`of ${id} ${JSON.stringify(more)} is ${permissions.join(' and ')}`, () => {
      assert.deepEqual(permissionsFor(actionOf(id, more), EVERYTHING), permissions)
    })

  test('is what the task’s scope speaks of, for a GraphQL query, and nothing where it speaks of nothing', () => {
    const of = (...actions: string[]) => permissionsFor(actionOf('github:graphql::query'), { targets: [], actions })
    assert.deepEqual(of('*'), ['contents:read', 'issues:read', 'pull_requests:read'])
    assert.deepEqual(of('github:graphql::query', 'github:Issue::*'), ['issues:read'])
    assert.deepEqual(of('github:PullRequest::merge'), ['pull_requests:read'])
    refuses(() => of('github:graphql::query'))
    refuses(() => of('github:Iss', 'github:IssueX::*'))
  })

  for (const id of ['github:graphql::deleteRef', 'github:toString', 'github:constructor::x', 'http:GET'])
    test(`is refused for ${id}`, () => refuses(() => permissionsFor(actionOf(id, { access: 'admin' }), EVERYTHING)))
})

describe('which repositories a token of a GitHub App is for', () => {
  const target = (settings: object): Target => ({
    ...githubApp.example.target,
    settings: { app_id: '1', installation_id: '2', owner: 'Acme', ...settings },
  })
  const repositoriesOf = (action: Action, settings: object = {}) =>
    minting.grant({ task: { ...TASK, scope: EVERYTHING }, target: target(settings), action })?.terms.repositories

  test('is the one that the action names', () => {
    assert.deepEqual(repositoriesOf(actionOf('git:fetch')), ['app'])
    assert.deepEqual(repositoriesOf(actionOf('git:fetch'), { repositories: ['App', 'other'] }), ['app'])
    const read = actionOf('github:rest::get', { resource: 'repos/acme/app/languages', parameters: {} })
    assert.deepEqual(repositoriesOf(read), ['app'])
  })

  test('is every one that the target lists, for a request that names none, and refused where it lists none', () => {
    const query = actionOf('github:graphql::query', { resource: 'graphql', parameters: {} })
    assert.deepEqual(repositoriesOf(query, { repositories: ['b', 'a'] }), ['a', 'b'])
    refuses(() => repositoriesOf(query))
  })

  for (const repository of ['evil/app', 'acme/not-listed', 'acme', 'acme/a/b', 'acme/%61pp', '', 'acme/app\n'])
    test(`is refused for ${JSON.stringify(repository)}`, () => {
      refuses(() => repositoriesOf(actionOf('git:fetch', { parameters: { repository } }), { repositories: ['app'] }))
    })
})

describe('a token of a GitHub App', () => {
  let github: Github
  before(async () => {
    github = await startGithub()
  })
  after(() => github.close())

  const order = (more: Partial<MintOrder> = {}): MintOrder => ({
    ...{ leaseId: 'lease_abcdefabcdefgh', target: github.target, taskId: TASK.id, owner: TASK.owner, standing: github.standing },
    grant:
      minting.grant({ task: { ...TASK, scope: EVERYTHING }, target: github.target, action: actionOf('github:Issue::list') }) ??
      assert.fail(),
    expiresAt: Date.now() + 600_000,
    ...more,
  })
  const fails = (code: string) => (thrown: unknown) => thrown instanceof StintError && thrown.code === code
  const answering = (status: number, body: unknown, headers: Record<string, string> = {}): Io => ({
    ...github.io,
    exchange: async (): Promise<HttpAnswer> => ({ status, headers, body: Buffer.from(JSON.stringify(body)) }),
  })

  test('is asked for with one repository and one permission', async () => {
    await minting.mint(order(), undefined, github.io)
    assert.deepEqual(github.wishes.at(-1), { repositories: ['app'], permissions: { issues: 'read' } })
  })

  test('of the stateless format is minted, placed whole, found live and revoked', async () => {
    github.isStateless = true
    const asked = order()
    const minted = await minting.mint(asked, undefined, github.io)
    const issued: Issued & { material: Secret } = { ...asked, ...minted, expiresAt: asked.expiresAt }
    assert.ok(issued.material.length > 500 && /^ghs_\d+_[\w-]+\.[\w-]+\.[\w-]+$/.test(issued.material.reveal()))
    assert.equal(await minting.probe(issued, github.io), 'live')
    await minting.revoke(issued, github.io)
    assert.equal(await minting.probe(issued, github.io), 'refused')
    github.isStateless = false
  })

  for (const minutes of [-5, 5])
    test(`is minted although GitHub’s clock is ${minutes} minutes ahead, and its end is told by ours`, async () => {
      github.skewMs = minutes * 60_000
      const { expiresAt = 0 } = await minting.mint(order(), undefined, github.io)
      github.skewMs = 0
      const life = expiresAt - Date.now()
      assert.ok(life > 3_590_000 && life < 3_610_000, String(life))
    })

  test('is refused where GitHub refuses it, which only the operator hears in GitHub’s words', async () => {
    const { grant } = order()
    const wide = { ...grant, terms: { ...grant.terms, permissions: ['administration:write'] } }
    await assert.rejects(minting.mint(order({ grant: wide }), undefined, github.io), (thrown) => {
      assert.ok(thrown instanceof StintError && thrown.code === 'mint_refused')
      assert.match(thrown.operatorDetail ?? '', /not granted to this installation/)
      assert.doesNotMatch(thrown.message, /installation/)
      return true
    })
  })

  test('takes the app’s key, in PEM, and says nothing of what was given instead', async () => {
    for (const standing of [
      undefined,
      new Secret('not a key at all'),
      new Secret('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----'),
    ])
      await assert.rejects(minting.mint(order({ standing }), undefined, github.io), (thrown) => {
        assert.ok(thrown instanceof StintError && thrown.code === 'credential_missing')
        assert.doesNotMatch(JSON.stringify(thrown), /not a key|AAAA/)
        return thrown.cause === undefined
      })
  })

  for (const [what, body] of [
    ['no token', { expires_at: '2030-01-01T00:00:00Z' }],
    ['a token of another kind', { token: `ghp_${'a'.repeat(36)}`, expires_at: new Date().toISOString() }],
    ['a token with a line break', { token: `ghs_${'a'.repeat(36)}\r\nx: y`, expires_at: new Date().toISOString() }],
    ['a token for ever', { token: `ghs_${'a'.repeat(36)}`, expires_at: '2999-01-01T00:00:00Z' }],
    ['a token without an end', { token: `ghs_${'a'.repeat(36)}` }],
  ] as const)
    test(`is not taken from an answer with ${what}, after which something may be there`, async () => {
      await assert.rejects(minting.mint(order(), undefined, answering(201, body)), fails('upstream_failed'))
    })

  test('is not said to be refused where GitHub only has too much to do', async () => {
    for (const headers of [{ 'retry-after': '60' }, { 'x-ratelimit-remaining': '0' }]) {
      const io = answering(403, { message: 'secondary rate limit' }, headers as Record<string, string>)
      await assert.rejects(minting.mint(order(), undefined, io), fails('upstream_failed'))
    }
  })

  test('that was lost is said to be irrevocable for the hour it can live and the minute it may have been on its way, however often one asks', async () => {
    const lost: Issued = { ...order(), material: undefined, handle: {} }
    const { irrevocableUntil = 0 } = await minting.revoke(lost, github.io)
    assert.ok(Math.abs(irrevocableUntil - Date.now() - 3_660_000) < 5000)
    const late = await minting.revoke({ ...lost, expiresAt: 1000 }, github.io)
    assert.equal(late.irrevocableUntil, 3_661_000)
    await assert.rejects(minting.probe(lost, github.io), fails('upstream_failed'))
  })

  const discover = (io = github.io) => minting.discover?.({ target: github.target, standing: github.standing }, io)

  test('is not listed, but where else the app’s key can act is: an admin’s installation is told from others, and a suspended one', async () => {
    const [whole] = github.installations
    github.installations = [
      installationOf(),
      installationOf({ id: 53, permissions: { administration: 'write' } }),
      installationOf({ id: 54, permissions: { members: 'read' }, suspended_at: '2026-02-01T00:00:00Z' }),
    ]
    const rest = { kind: 'account', createdAt: Date.parse('2026-01-20T22:11:48Z') }
    assert.deepEqual(await discover(), [
      { ...rest, id: '52', access: 'limited', isUsable: true },
      { ...rest, id: '53', access: 'admin', isUsable: true },
      { ...rest, id: '54', access: 'limited', isUsable: false },
    ])
    assert.ok(whole)
    github.installations = [whole]
  })

  for (const name of ['administration', 'organization_administration', 'members'])
    test(`can be of an admin’s installation by ${name}`, async () => {
      const permitted = async (level: string) =>
        discover(answering(200, [{ ...installationOf(), permissions: { [name]: level } }]))
      assert.deepEqual([(await permitted('write'))?.[0]?.access, (await permitted('read'))?.[0]?.access], ['admin', 'limited'])
    })

  test('is of an installation that is listed by its owner, whom GitHub names in two ways', async () => {
    const idsOf = async (account: object) =>
      (await discover(answering(200, [installationOf({ account: account as never })])))?.map(({ id }) => id)
    assert.deepEqual(await idsOf({ login: 'acme' }), ['52 acme'])
    assert.deepEqual(await idsOf({ slug: 'acme-inc' }), ['52 acme-inc'])
  })

  test('is not listed with some left out, nor for ever, where the app has more than a thousand installations', async () => {
    const many = (length: number) => Array.from({ length }, (_, id) => installationOf({ id }))
    github.installations = many(1000)
    assert.equal((await discover())?.length, 1000)
    github.installations = many(1001)
    await assert.rejects(async () => discover(), /more than 1000/)
    github.installations = [installationOf()]
  })

  for (const change of [
    { id: '52' },
    { account: { login: 1 } },
    { permissions: null },
    { permissions: 'administration' },
    { created_at: 'now' },
  ])
    test(`is not listed from an answer with ${JSON.stringify(change)}`, () =>
      assert.rejects(async () => discover(answering(200, [{ ...installationOf(), ...change }])), fails('upstream_failed')))
})
