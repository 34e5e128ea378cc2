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

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))

function mutate(query: string, change: Partial<Operation> = {}): Action {
  return describeIt({ method: 'POST', path: '/graphql', headers: JSON_TYPE, body: json({ query }), ...change })
}

describe('GitHub’s endpoints', () => {
  for (const [template, id, access, said] of REST)
    test(`${template} is ${id}`, () => {
      const [method = '', path = ''] = template
        .replace(/\{[a-z]+\*\}/g, 'a/b')
        .replace(/\{[a-z]+\}/g, 'a')
        .split(' ')
      const isUpload = path.startsWith('/uploads/')
      const body = said && { headers: JSON_TYPE, body: json({ [said.member]: said.as === 'ref' ? 'refs/heads/a' : 'a' }) }
      const action = describeIt({
        ...body,
        method,
        host: isUpload ? 'uploads.github.com' : 'api.github.com',
        path: isUpload ? path.slice('/uploads'.length) : path,
      })
      assert.deepEqual([action.id, action.access], [`github:${id}`, access])
      const enterprise = describeIt({
        ...body,
        method,
        host: 'ghe.example.com',
        path: isUpload ? `/api${path}` : `/api/v3${path}`,
      })
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

describe('what a body says of its target', () => {
  const put = { method: 'PUT', path: '/repos/Acme/App/contents/a.md', headers: JSON_TYPE } as const

  for (const [method, path, body, refs] of [
    ['PUT', '/repos/a/b/contents/x', { message: 'm', content: 'eA==', branch: 'main' }, ['refs/heads/main']],
    ['PUT', '/repos/a/b/contents/x', { branch: 'refs/heads/main' }, ['refs/heads/main']],
    ['DELETE', '/repos/a/b/contents/x', { branch: 'agent/ü' }, ['refs/heads/agent/ü']],
    ['POST', '/repos/a/b/merges', { base: 'main', head: 'agent' }, ['refs/heads/main']],
    ['POST', '/repos/a/b/merge-upstream', { branch: 'main' }, ['refs/heads/main']],
    ['POST', '/repos/a/b/git/refs', { ref: 'refs/tags/v1', sha: '1' }, ['refs/tags/v1']],
    ['POST', '/repos/a/b/branches/old/rename', { new_name: 'main' }, ['refs/heads/old', 'refs/heads/main']],
    ['POST', '/repos/a/b/releases', { tag_name: 'v1' }, ['refs/tags/v1']],
    ['PATCH', '/repos/a/b/releases/1', { tag_name: 'v1' }, ['refs/tags/v1']],
    ['PATCH', '/repos/a/b/releases/1', { name: 'n' }, undefined],
    ['PATCH', '/repos/a/b/git/refs/heads/main', { sha: '1', force: true }, ['refs/heads/main']],
    ['DELETE', '/repos/a/b/git/refs/tags/%C3%BC', {}, ['refs/tags/ü']],
    ['PUT', '/repos/a/b/branches/main/protection', {}, ['refs/heads/main']],
  ] as const)
    test(`${method} ${path} ${JSON.stringify(body)} touches ${refs}`, () => {
      const { parameters } = describeIt({ method, path, headers: JSON_TYPE, body: json(body) })
      assert.deepEqual([parameters.refs, parameters.repository], [refs, 'a/b'])
    })

  test('is the revision a workflow runs on, and the owner of what is made', () => {
    const ask = (path: string, body: object) =>
      describeIt({ method: 'POST', path, headers: JSON_TYPE, body: json(body) }).parameters
    assert.equal(ask('/repos/a/b/actions/workflows/1/dispatches', { ref: 'main' }).ref, 'main')
    assert.equal(ask('/repos/a/b/forks', { organization: 'Acme' }).org, 'acme')
    assert.equal(ask('/repos/a/b/generate', { owner: 'Acme', name: 'x' }).org, 'acme')
    assert.equal(ask('/repos/a/b/forks', {}).org, undefined)
    assert.equal(describeIt({ method: 'POST', path: '/repos/a/b/forks' }).parameters.org, undefined)
  })

  const refused: readonly (readonly [about: string, change: Partial<Operation>])[] = [
    ['no body', {}],
    ['no branch, so the default one, whatever that is', { body: json({ message: 'm', content: '' }) }],
    ['an empty branch', { body: json({ branch: '' }) }],
    ['a branch that is no text', { body: json({ branch: ['main'] }) }],
    ['a branch that every object inherits', { body: new TextEncoder().encode('{"__proto__":{"branch":"main"}}') }],
    ['two branches', { body: new TextEncoder().encode('{"branch":"agent","branch":"main"}') }],
    ['two branches, one escaped', { body: new TextEncoder().encode('{"branch":"agent","br\\u0061nch":"main"}') }],
    ['two branches in other letters', { body: new TextEncoder().encode('{"branch":"agent","Branch":"main"}') }],
    ['a branch with half a prefix', { body: json({ branch: 'heads/main' }) }],
    ['a branch with two prefixes', { body: json({ branch: 'refs/heads/refs/heads/main' }) }],
    ['a tag for a branch', { body: json({ branch: 'refs/tags/v1' }) }],
    ['a branch that git would not take', { body: json({ branch: 'a..b' }) }],
    ['a branch with a control', { body: json({ branch: 'a\u001b[31m' }) }],
    ['a branch that is too long', { body: json({ branch: 'a'.repeat(1100) }) }],
    ['no object', { body: json(['branch', 'main']) }],
    ['no JSON', { body: new TextEncoder().encode('branch=main') }],
    ['a query besides', { body: json({ branch: 'agent' }), query: 'branch=main' }],
    ['another type', { body: json({ branch: 'agent' }), headers: { 'content-type': 'text/plain' } }],
    ['another charset', { body: json({ branch: 'agent' }), headers: { 'content-type': 'application/json; charset=utf-7' } }],
    [
      'a type within a type',
      { body: json({ branch: 'agent' }), headers: { 'content-type': 'application/json, multipart/form-data' } },
    ],
    ['a coding', { body: json({ branch: 'agent' }), headers: { ...JSON_TYPE, 'content-encoding': 'gzip' } }],
    [
      'two readings',
      { body: json({ a: '&branch=main&', branch: 'agent' }), headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    ],
    ['two readings, by semicolons', { body: json({ a: ';branch=main;', branch: 'agent' }), headers: {} }],
  ]
  for (const [about, change] of refused)
    test(`with ${about} is refused`, () => assert.throws(() => describeIt({ ...put, ...change }), code('unknown_action')))

  test('is read whatever GitHub’s own types for JSON are, also as its examples send it', () => {
    for (const type of ['application/json', 'application/vnd.github+json', 'application/x-www-form-urlencoded', ''])
      assert.deepEqual(describeIt({ ...put, headers: { 'content-type': type }, body: json({ branch: 'x' }) }).parameters.refs, [
        'refs/heads/x',
      ])
  })

  test('is read up to 256 KiB, wherever it stands, and refused beyond', () => {
    const large = (length: number) => json({ content: 'a'.repeat(length), branch: 'main' })
    assert.deepEqual(describeIt({ ...put, body: large(262_000) }).parameters.refs, ['refs/heads/main'])
    const body = large(262_200).subarray(0, github.bodyPrefix(bare(put), github.example.target))
    assert.throws(() => describeIt({ ...put, body }), code('body_too_large'))
  })
})

function bare(change: Partial<Operation>): Operation {
  const place = { scheme: 'https', host: 'api.github.com', port: 443, path: '/', query: '', headers: {} } as const
  return { ...place, method: 'GET', ...change }
}

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
    const asked = (change: Partial<Operation>): number =>
      github.bodyPrefix(bare({ method: 'POST', ...change }), github.example.target)
    assert.equal(asked({ path: '/graphql' }), 65_536)
    assert.equal(asked({ host: 'github.com', path: '/a/b.git/git-receive-pack' }), 65_536)
    assert.equal(asked({ host: 'github.com', path: '/a/b.git/git-upload-pack' }), 0)
    assert.equal(asked({ method: 'PUT', path: '/repos/a/b/contents/c' }), 262_144)
    assert.equal(asked({ path: '/repos/a/b/issues', headers: JSON_TYPE }), 0)
  })

  test('is never a read by its method or by a path that comes close', () => {
    for (const path of ['/graphql', '/graphql/', '/graphql/x', '/GraphQL', '/GRAPHQL/'])
      for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'])
        for (const query of ['', 'query=mutation{deleteRef(input:{}){clientMutationId}}'])
          assert.throws(() => describeIt({ method, path, query }), code('unknown_action'), `${method} ${path}`)
    for (const path of ['/graphql/', '/GraphQL'])
      assert.throws(() => mutate('{ viewer { login } }', { path }), code('unknown_action'))
    for (const path of ['/api/graphql', '/api/v3/graphql', '/api/graphql/', '/api/v3/graphql/'])
      assert.throws(() => describeIt({ host: 'ghe.example.com', path }), code('unknown_action'), path)
  })

  test('is never a read by a stored query, or by anything beside its text', () => {
    for (const beside of ['id', 'queryId', 'doc_id', 'extensions', 'documentId', 'mutation'])
      assert.throws(() => mutate('', { body: json({ query: '{ viewer { login } }', [beside]: 'x' }) }), code('unknown_action'))
    const body = json({ query: 'query Q { viewer { login } }', operationName: 'Q', variables: { a: 1 } })
    assert.equal(mutate('', { body }).id, 'github:graphql::query')
  })

  test('that writes to a branch or tag needs the most, since it names them by an id', () => {
    for (const field of ['createRef', 'updateRef', 'updateRefs', 'deleteRef', 'mergeBranch', 'createCommitOnBranch'])
      assert.equal(mutate(`mutation { ${field}(input: {}) { clientMutationId } }`).access, 'admin', field)
  })
})
