import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { oci } from '../../../src/credentials/connectors/oci.ts'
import { StintError } from '../../../src/errors.ts'
import type { Action, Operation } from '../../../src/model.ts'
import { Secret } from '../../../src/secret.ts'
import { code } from '../../targets/fixture.ts'
import { TASK } from '../permit.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`

function ask(method: string, path: string, query = ''): Action {
  const place = { scheme: 'https', host: 'registry.example.com', port: 443, headers: {} } as const
  return oci.describe({ ...place, method, path, query } satisfies Operation, oci.example.target)
}

function token(query: string): Action {
  return ask('GET', '/token', query)
}

describe('a container registry', () => {
  for (const [method, path, id, access, resource] of [
    ['GET', '/v2', 'Registry::ping', 'read', '/v2'],
    ['GET', '/v2/_catalog', 'Repository::list', 'read', '/v2/_catalog'],
    ['GET', '/v2/alpine/manifests/latest', 'Manifest::get', 'read', 'alpine:latest'],
    ['PUT', `/v2/a/b/c/manifests/${DIGEST}`, 'Manifest::put', 'write', `a/b/c@${DIGEST}`],
    ['DELETE', '/v2/a/b/manifests/v1', 'Manifest::delete', 'destructive', 'a/b:v1'],
    ['HEAD', `/v2/a/b/blobs/${DIGEST}`, 'Blob::get', 'read', `a/b@${DIGEST}`],
    ['DELETE', `/v2/a/b/blobs/${DIGEST}`, 'Blob::delete', 'destructive', `a/b@${DIGEST}`],
    ['PATCH', '/v2/a/b/blobs/uploads/1-2_3=', 'Blob::upload', 'write', 'a/b'],
    ['GET', '/v2/a/b/blobs/uploads/1', 'Blob::upload-status', 'read', 'a/b'],
    ['DELETE', '/v2/a/b/blobs/uploads/1', 'Blob::cancel-upload', 'write', 'a/b'],
    ['GET', `/v2/a/b/referrers/${DIGEST}`, 'Referrer::list', 'read', `a/b@${DIGEST}`],
    ['GET', '/v2/manifests/manifests/manifests/1', 'Manifest::get', 'read', 'manifests/manifests:1'],
    ['PUT', '/v2/a/blobs/uploads/manifests/1', 'Manifest::put', 'write', 'a/blobs/uploads:1'],
  ] as const)
    test(`calls ${method} ${path} ${id}`, () => {
      const action = ask(method, path)
      assert.deepEqual([action.id, action.access, action.resource], [`oci:${id}`, access, resource])
    })

  for (const [method, path] of [
    ['POST', '/v2/'],
    ['PUT', '/v2/a/manifests/v1/'],
    ['POST', '/v2/a/manifests/v1'],
    ['PUT', '/v2/A/manifests/v1'],
    ['PUT', '/v2/a__/manifests/v1'],
    ['PUT', '/v2/a%20b/manifests/v1'],
    ['PUT', `/v2/${'a'.repeat(256)}/manifests/v1`],
    ['PUT', `/v2/a/manifests/${'v'.repeat(129)}`],
    ['PUT', '/v2/a/manifests/-v'],
    ['GET', '/v2/a/blobs/latest'],
    ['DELETE', '/v2/a'],
    ['DELETE', '/v2/_catalog'],
    ['PUT', '/anything'],
    ['POST', '/v2/token'],
  ] as const)
    test(`refuses ${method} ${path}`, () => assert.throws(() => ask(method, path), code('unknown_action')))

  test('says which repository a layer is taken from', () => {
    const { parameters } = ask('POST', '/v2/a/b/blobs/uploads/', `mount=${DIGEST}&from=c%2Fd`)
    assert.deepEqual(parameters, { repository: 'a/b', session: '', from: 'c/d' })
    for (const query of ['from=c&from=d', 'from=', 'from=C', 'from=..%2Fd'])
      assert.throws(() => ask('POST', '/v2/a/b/blobs/uploads/', query), code('unknown_action'), query)
  })
})

describe('a registry’s token', () => {
  for (const [query, access, repositories] of [
    ['service=registry.docker.io', 'read', []],
    ['', 'read', []],
    ['account=ann&client_id=docker&service=s&scope=repository:library/alpine:pull', 'read', ['library/alpine']],
    ['scope=repository:a/b:pull,push', 'write', ['a/b']],
    ['scope=repository%3aa%2fb%3apush', 'write', ['a/b']],
    ['scope=repository:a:pull&scope=repository:b:push', 'write', ['a', 'b']],
    ['scope=repository:b:pull+repository:a:delete', 'destructive', ['a', 'b']],
    ['scope=repository:b:pull%20repository:a:pull%20repository:a:pull', 'read', ['a', 'b']],
  ] as const)
    test(`for ${JSON.stringify(query)} is a ${access}`, () => {
      const action = token(query)
      assert.deepEqual([action.id, action.access], ['oci:Token::obtain', access])
      assert.deepEqual(action.parameters.repositories, repositories)
    })

  for (const query of [
    'scope=repository:a:pull&offline_token=true',
    'offline_token=false',
    'Offline_Token=true',
    'offline%5ftoken=true',
    'access_type=offline',
    'grant_type=password',
    'Scope=repository:a:push',
    'scope%00=repository:a:push',
    'service=a&service=b',
    'scope=repository:a:*',
    'scope=repository:a:pull,admin',
    'scope=repository:a:',
    'scope=repository::pull',
    'scope=repository:a:pull:push',
    'scope=registry:catalog:*',
    'scope=repository(plugin):a:pull',
    'scope=repository:a:pull;repository:b:push',
    'scope=repository:a:pull;scope=repository:b:push',
    'scope=repository:A:pull',
    'scope=%zz',
    'scope=%ff',
    `${'scope=repository:a:pull&'.repeat(21)}service=s`,
  ])
    test(`is not given for ${query.slice(0, 60)}`, () => assert.throws(() => token(query), code('unknown_action')))

  test('is never asked for with less than any of its scopes', () => {
    const action = fc.constantFrom('pull', 'push', 'delete')
    const scope = fc.tuple(fc.constantFrom('a', 'b/c', 'd-e'), fc.array(action, { minLength: 1, maxLength: 3 }))
    fc.assert(
      fc.property(
        fc.array(scope, { minLength: 1, maxLength: 4 }),
        fc.constantFrom('&scope=', ' ', '+', '%20'),
        (scopes, between) => {
          const all = scopes.flatMap(([, actions]) => actions)
          const { access } = token(`scope=${scopes.map(([name, actions]) => `repository:${name}:${actions}`).join(between)}`)
          assert.equal(access, all.includes('delete') ? 'destructive' : all.includes('push') ? 'write' : 'read')
        },
      ),
    )
  })

  test('for any query is a known access or refused', () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom('scope=', 'repository:a:pull', '&', '+', '%20', 'service=s', ',push', '%3A'),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        try {
          token(pieces.join(''))
        } catch (thrown) {
          assert.ok(thrown instanceof StintError && thrown.code === 'unknown_action', String(thrown))
        }
      }),
      { numRuns: 2000 },
    )
  })

  test('alone is asked for with the credential: the registry, and where it redirects to, never see it', async () => {
    const { obtain } = oci
    assert.ok(obtain)
    const standing = new Secret('s3cret')
    for (const [method, path] of [
      ['GET', '/token'],
      ['GET', '/v2/'],
      ['PUT', '/v2/a/manifests/1'],
      ['GET', '/elsewhere'],
    ] as const) {
      const action = ask(method, path)
      const { injections } = await obtain({ task: TASK, target: oci.example.target, action, standing })
      assert.equal(injections.length, path === '/token' ? 1 : 0, path)
    }
  })
})
