import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gitRest } from '../../../src/credentials/connectors/git-rest.ts'
import type { Action, Operation } from '../../../src/model.ts'
import { code } from '../../targets/fixture.ts'

function describeIt(change: Partial<Operation>): Action {
  const operation: Operation = {
    scheme: 'https',
    host: 'gitlab.com',
    port: 443,
    method: 'GET',
    path: '/',
    query: '',
    headers: {},
    ...change,
  }
  return gitRest.describe(operation, gitRest.example.target)
}

describe('a code host with git and REST', () => {
  test('cannot be pushed to as if it were REST', () => {
    for (const path of [
      '/a/b.git/git-receive-pack',
      '/a/b.git/git-receive-pack/',
      '/a/b.git/GIT-RECEIVE-PACK',
      '/a/b.git/git-receive-pack.json',
      '/a/b.git/git-receive-pack/x',
      '/git-receive-pack',
      '//git-receive-pack',
    ])
      for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'GET'])
        assert.throws(
          () => describeIt({ method, path }),
          (thrown) => code('unknown_action')(thrown) || code('malformed_request')(thrown),
          `${method} ${path}`,
        )
    for (const query of [
      'service=git-receive-pack&x',
      'x&service=git-receive-pack',
      'service=git-receive-pack&service=git-upload-pack',
      'SERVICE=git-receive-pack',
      'service=',
      'service=other',
    ])
      assert.throws(() => describeIt({ path: '/a/b.git/info/refs', query }), code('unknown_action'))
  })

  test('names the rest by its method', () => {
    assert.equal(describeIt({ path: '/api/v4/projects' }).id, 'http:GET')
    assert.equal(describeIt({ method: 'POST', path: '/api/v4/projects/1/merge_requests' }).access, 'write')
    assert.equal(describeIt({ method: 'DELETE', path: '/api/v4/projects/1' }).access, 'destructive')
    assert.equal(describeIt({ path: '/api/v4/projects/1/services', query: 'a=service' }).id, 'http:GET')
  })
})
