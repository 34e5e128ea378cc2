import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { github } from '../../../src/credentials/connectors/github.ts'
import { MUTATIONS, REST } from '../../../src/credentials/protocols/github-endpoints.ts'
import type { Action, Operation } from '../../../src/model.ts'
import { code } from '../../targets/fixture.ts'

const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' }

function describeIt(change: Partial<Operation>): Action {
  const operation: Operation = {
    scheme: 'https',
    host: 'api.github.com',
    port: 443,
    method: 'GET',
    path: '/',
    query: '',
    headers: {},
    ...change,
  }
  return github.describe(operation, github.example.target)
}

function mutate(query: string, change: Partial<Operation> = {}): Action {
  const body = new TextEncoder().encode(JSON.stringify({ query }))
  return describeIt({ method: 'POST', path: '/graphql', headers: JSON_TYPE, body, ...change })
}

describe('GitHub’s endpoints', () => {
  for (const [template, id, access] of REST)
    test(`${template} is ${id}`, () => {
      const [method = '', path = ''] = template
        .replace(/\{[a-z]+\*\}/g, 'a/b')
        .replace(/\{[a-z]+\}/g, 'a')
        .split(' ')
      const isUpload = path.startsWith('/uploads/')
      const action = describeIt({
        method,
        host: isUpload ? 'uploads.github.com' : 'api.github.com',
        path: isUpload ? path.slice('/uploads'.length) : path,
      })
      assert.deepEqual([action.id, action.access], [`github:${id}`, access])
      const enterprise = describeIt({ method, host: 'ghe.example.com', path: isUpload ? `/api${path}` : `/api/v3${path}` })
      assert.deepEqual(enterprise, action)
    })

  test('that only read are reads, and no read of ours changes anything', () => {
    for (const [template, id, access] of REST)
      assert.equal(access === 'read', template.startsWith('GET ') || id === 'Release::generate-notes', template)
  })

  test('are the same in any spelling of owner and repository', () => {
    for (const path of ['/repos/Acme/App/issues', '/repos/ACME/app/issues']) {
      const { resource, parameters } = describeIt({ path })
      assert.deepEqual([resource, parameters.repository], ['repos/acme/app/issues', 'acme/app'])
    }
    const fetch = describeIt({ host: 'github.com', path: '/Acme/APP.Git/info/refs', query: 'service=git-upload-pack' })
    assert.deepEqual([fetch.resource, fetch.parameters.repository], ['acme/app', 'acme/app'])
    assert.equal(describeIt({ path: '/repos/Acme/App/traffic/views' }).resource, 'repos/acme/app/traffic/views')
    assert.equal(describeIt({ path: '/repos/acme/app/contents/README.md' }).resource, 'repos/acme/app/contents/README.md')
  })

  test('that hand out credentials are refused', () => {
    for (const path of [
      '/app/installations/1/access_tokens',
      '/applications/1/token',
      '/repos/a/b/actions/runners/registration-token',
      '/orgs/a/actions/runners/generate-jitconfig',
      '/user/keys',
      '/user/codespaces',
    ])
      assert.throws(() => describeIt({ method: 'POST', path }), code('unknown_action'))
    for (const path of ['/login/device/code', '/login/oauth/access_token', '/login', '/settings/tokens', '/a/b', '/'])
      for (const method of ['GET', 'POST'])
        assert.throws(() => describeIt({ host: 'github.com', method, path }), code('unknown_action'))
  })

  test('that nobody knows are refused, but for reads of the API', () => {
    assert.equal(describeIt({ path: '/octocat' }).id, 'github:rest::get')
    assert.equal(describeIt({ method: 'HEAD', path: '/octocat' }).id, 'github:rest::get')
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'get'])
      assert.throws(() => describeIt({ method, path: '/octocat' }), code('unknown_action'))
  })
})

describe('GitHub’s GraphQL', () => {
  for (const [field, [id, access]] of MUTATIONS)
    test(`${field} is ${id}, as in REST`, () => {
      const action = mutate(`mutation { alias: ${field}(input: {}) { id } }`)
      assert.deepEqual([action.id, action.access, action.parameters.mutation], [`github:${id}`, access, field])
    })

  test('names that REST and GraphQL share mean the same access', () => {
    const rest = new Map(REST.map(([, id, access]) => [id, access]))
    for (const [field, [id, access]] of MUTATIONS) if (rest.has(id)) assert.equal(access, rest.get(id), field)
  })

  test('a mutation that is not in the table is named by its field and needs the most', () => {
    const { id, access } = mutate('mutation { addEnterpriseAdmin(input: {}) { id } }')
    assert.deepEqual([id, access], ['github:graphql::addEnterpriseAdmin', 'admin'])
    assert.equal(mutate('mutation { constructor }').id, 'github:graphql::constructor')
  })

  test('is a POST of plain JSON without a query string, or refused', () => {
    const query = '{ viewer { login } }'
    assert.equal(mutate(query).id, 'github:graphql::query')
    assert.equal(mutate(query, { host: 'ghe.example.com', path: '/api/graphql' }).id, 'github:graphql::query')
    const refused: readonly Partial<Operation>[] = [
      { method: 'GET' },
      { method: 'PUT' },
      { query: 'query=mutation{a}' },
      { headers: {} },
      { headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      { headers: { 'content-type': 'application/json; charset=utf-16' } },
      { headers: { 'content-type': 'application/json, text/plain' } },
      { headers: { ...JSON_TYPE, 'content-encoding': 'gzip' } },
      { body: new Uint8Array() },
    ]
    for (const change of refused) assert.throws(() => mutate(query, change), code('unknown_action'))
    assert.throws(() => mutate(query, { body: new Uint8Array(65_536) }), code('body_too_large'))
  })

  test('is asked for a body only where it is needed', () => {
    const base = { scheme: 'https', port: 443, query: '', headers: {} } as const
    assert.equal(github.bodyPrefix({ ...base, host: 'api.github.com', method: 'POST', path: '/graphql' }), 65_536)
    assert.equal(github.bodyPrefix({ ...base, host: 'github.com', method: 'POST', path: '/a/b.git/git-receive-pack' }), 65_536)
    assert.equal(github.bodyPrefix({ ...base, host: 'github.com', method: 'POST', path: '/a/b.git/git-upload-pack' }), 0)
    assert.equal(github.bodyPrefix({ ...base, host: 'api.github.com', method: 'PUT', path: '/repos/a/b/contents/c' }), 0)
  })
})
