import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Undo } from '../../../src/credentials/connector.ts'
import { undoOfMade } from '../../../src/credentials/protocols/gitlab-inverses.ts'

const ACTION = { id: 'http:POST', access: 'write', resource: '', parameters: {} } as const

function noted(path: string, answer: string, status = 201): Undo[] {
  const undos: Undo[] = []
  const place = { scheme: 'https', host: 'gitlab.example', port: 443, method: 'POST', query: '', headers: {} } as const
  const reader = undoOfMade({ asked: { ...place, path }, status, headers: {} }, ACTION, (undo) => undos.push(undo))
  reader?.push(Buffer.from(answer))
  reader?.end()
  return undos
}

describe('the way back from what GitLab made', () => {
  test('closes what people would miss, and deletes the rest', () => {
    const project = '/api/v4/projects/acme%2Fapp'
    const body = '{"state_event":"close"}'
    const answer = '{"id":900,"iid":7}'
    assert.deepEqual(noted(`${project}/merge_requests`, answer), [
      { is: 'call', method: 'PUT', path: `${project}/merge_requests/7`, body },
    ])
    assert.deepEqual(noted(`${project}/issues/3/notes`, answer), [
      { is: 'call', method: 'DELETE', path: `${project}/issues/3/notes/900` },
    ])
  })

  for (const [what, path, answer, status] of [
    ['a number that is a path', '/api/v4/projects/7/issues', '{"iid":"../../8"}', 201],
    ['no number', '/api/v4/projects/7/issues', '{"iid":1.5}', 201],
    ['no JSON', '/api/v4/projects/7/issues', '<html>', 201],
    ['a list', '/api/v4/projects/7/issues', '[{"iid":1}]', 201],
    ['an error', '/api/v4/projects/7/issues', '{"iid":1}', 200],
    ['another path', '/api/v4/projects/7/issues/1/move', '{"iid":1}', 201],
    ['a project itself', '/api/v4/projects', '{"id":1}', 201],
  ] as const)
    test(`is not known from ${what}`, () => {
      assert.deepEqual(noted(path, answer, status), [])
    })
})
