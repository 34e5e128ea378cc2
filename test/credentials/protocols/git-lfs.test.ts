import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { git } from '../../../src/credentials/connectors/git.ts'
import { gitRest } from '../../../src/credentials/connectors/git-rest.ts'
import { github } from '../../../src/credentials/connectors/github.ts'
import type { Action, Operation } from '../../../src/model.ts'
import { code } from '../../targets/fixture.ts'

const HEADERS = { 'content-type': 'application/vnd.git-lfs+json; charset=utf-8' }
const OID = 'a'.repeat(64)

function asked(change: Partial<Operation>): Operation {
  const place = { scheme: 'https', host: 'github.com', port: 443, query: '' } as const
  return { ...place, method: 'POST', path: '/Acme/App.git/info/lfs/objects/batch', headers: HEADERS, ...change }
}

function batch(body: unknown, change: Partial<Operation> = {}): Operation {
  return asked({ body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), ...change })
}

const brief = ({ id, access, parameters }: Action) => [id, access, parameters.repository, parameters.refs]

describe('Git LFS', () => {
  for (const connector of [gitRest, github])
    test(`on ${connector.kind}: a download is a read, an upload a write, in any spelling of the repository`, () => {
      const about = (body: object) => brief(connector.describe(batch(body), connector.example.target))
      assert.deepEqual(about({ operation: 'download' }), ['git:lfs-download', 'read', 'acme/app', undefined])
      assert.deepEqual(about({ operation: 'upload', ref: { name: 'refs/heads/main' } }), [
        ...['git:lfs-upload', 'write', 'acme/app'],
        ['refs/heads/main'],
      ])
      assert.equal(connector.variant?.(connector.describe(batch({ operation: 'upload' }), connector.example.target)), 'git')
    })

  for (const [method, path, id, access] of [
    ['GET', `/a/b.git/info/lfs/objects/${OID}`, 'git:lfs-download', 'read'],
    ['PUT', `/a/b.git/info/lfs/objects/${OID}/12`, 'git:lfs-upload', 'write'],
    ['GET', `/a/b.git/gitlab-lfs/objects/${OID}`, 'git:lfs-download', 'read'],
    ['PUT', `/a/b.git/gitlab-lfs/objects/${OID}/12`, 'git:lfs-upload', 'write'],
    ['POST', '/a/b.git/info/lfs/verify', 'git:lfs-upload', 'write'],
    ['GET', '/a/b.git/info/lfs/locks', 'git:lfs-list-locks', 'read'],
    ['POST', '/a/b.git/info/lfs/locks/verify', 'git:lfs-list-locks', 'read'],
    ['POST', '/a/b.git/info/lfs/locks', 'git:lfs-lock', 'write'],
    ['POST', '/a/b.git/info/lfs/locks/7/unlock', 'git:lfs-unlock', 'write'],
  ] as const)
    test(`calls ${method} ${path} ${id}`, () => {
      const action = git.describe(asked({ method, path }), git.example.target)
      assert.deepEqual(brief(action), [id, access, 'a/b', undefined])
    })

  for (const [about, operation] of [
    ['no operation', batch({ objects: [] })],
    ['another operation', batch({ operation: 'Upload' })],
    ['an operation that is no text', batch({ operation: ['upload'] })],
    ['two operations', batch('{"operation":"download","operation":"upload"}')],
    ['two operations in other letters', batch('{"operation":"download","Operation":"upload"}')],
    ['no JSON', batch('operation=download')],
    ['a list', batch([{ operation: 'download' }])],
    ['no body', asked({})],
    ['another type', batch({ operation: 'download' }, { headers: { 'content-type': 'application/json' } })],
    ['two types', batch({ operation: 'download' }, { headers: { 'content-type': `${HEADERS['content-type']}, text/plain` } })],
    ['a coding', batch({ operation: 'download' }, { headers: { ...HEADERS, 'content-encoding': 'gzip' } })],
    ['a query', batch({ operation: 'download' }, { query: 'operation=upload' })],
    ['another protocol', batch({ operation: 'download' }, { headers: { ...HEADERS, upgrade: 'websocket' } })],
  ] as const)
    test(`with ${about} is refused`, () => {
      for (const connector of [git, gitRest, github])
        assert.throws(() => connector.describe(operation, connector.example.target), code('unknown_action'), connector.kind)
    })

  test('is read as far as its batch fits, and refused beyond', () => {
    const large = batch({ operation: 'download', objects: ['x'.repeat(70_000)] })
    const { body, ...bare } = large
    const prefix = git.bodyPrefix(bare, git.example.target)
    assert.throws(
      () => git.describe({ ...large, body: body?.subarray(0, prefix) ?? Buffer.alloc(0) }, git.example.target),
      code('body_too_large'),
    )
    assert.equal(git.bodyPrefix({ ...bare, method: 'GET' }, git.example.target), 0)
  })

  test('takes a ref that is none for no ref', () => {
    for (const ref of ['main', { name: 'main' }, { name: 'refs/heads/a b' }, { name: 7 }, null, ['refs/heads/main']])
      assert.equal(git.describe(batch({ operation: 'upload', ref }), git.example.target).parameters.refs, undefined)
  })

  test('has its refusal said in an error that git-lfs shows', () => {
    const refusal = { status: 413, code: 'body_too_large', line: 'Stint: no. Ask.', text: 'stint: no\n' } as const
    for (const connector of [git, gitRest, github]) {
      const said = connector.speakRefusal?.(batch({ operation: 'upload' }), refusal)
      assert.deepEqual([said?.status, said?.contentType], [413, 'application/vnd.git-lfs+json'])
      assert.deepEqual(JSON.parse(String(said?.body)), { message: refusal.line })
    }
  })
})
