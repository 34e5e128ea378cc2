import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createPathTable } from '../../../src/credentials/protocols/path-table.ts'

const find = createPathTable([
  ['GET /repos/{owner}/{repo}', 'repo'],
  ['DELETE /repos/{owner}/{repo}', 'delete'],
  ['GET /repos/{owner}/{repo}/issues/{number}', 'issue'],
  ['GET /repos/{owner}/{repo}/issues/comments/{id}', 'comment'],
  ['GET /repos/{owner}/{repo}/issues/comments', 'comments'],
  ['GET /repos/{owner}/{repo}/contents/{path*}', 'contents'],
  ['GET /user', 'user'],
])

describe('the path table', () => {
  for (const [request, value, parameters] of [
    ['GET /repos/a/b', 'repo', { owner: 'a', repo: 'b' }],
    ['DELETE /repos/a/b', 'delete', { owner: 'a', repo: 'b' }],
    ['GET /repos/a/b/issues/7', 'issue', { owner: 'a', repo: 'b', number: '7' }],
    ['GET /repos/a/b/issues/comments', 'comments', { owner: 'a', repo: 'b' }],
    ['GET /repos/a/b/issues/comments/7', 'comment', { owner: 'a', repo: 'b', id: '7' }],
    ['GET /repos/a/b/contents/c/d/e', 'contents', { owner: 'a', repo: 'b', path: 'c/d/e' }],
    ['GET /repos/issues/comments', 'repo', { owner: 'issues', repo: 'comments' }],
    ['GET /user', 'user', {}],
  ] as const)
    test(`finds ${request}`, () => {
      const [method = '', path = ''] = request.split(' ')
      assert.deepEqual(find(method, path), { value, parameters })
    })

  for (const request of [
    'GET /',
    'GET ',
    'GET /repos',
    'GET /repos/a',
    'GET /repos/a/b/',
    'GET /repos//b',
    'GET //repos/a/b',
    'GET /repos/a/b/contents',
    'GET /repos/a/b/contents/',
    'POST /repos/a/b',
    'get /repos/a/b',
    'GET /Repos/a/b',
    'GET /user/',
    'GET /__proto__',
    'GET /constructor/x',
  ])
    test(`does not find ${request}`, () => {
      const [method = '', path = ''] = request.split(' ')
      assert.equal(find(method, path), undefined)
    })

  test('refuses rows that contradict one another', () => {
    assert.throws(
      () =>
        createPathTable([
          ['GET /a', 1],
          ['GET /a', 2],
        ]),
      /two rows/,
    )
    assert.throws(
      () =>
        createPathTable([
          ['GET /{a}/x', 1],
          ['GET /{b}/y', 2],
        ]),
      /two names/,
    )
  })
})
