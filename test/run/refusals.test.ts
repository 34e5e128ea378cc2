import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { refusalsOf } from '../../src/run/refusals.ts'
import type { Call } from '../../src/run/task-session.ts'

const task = { id: 'task_1', startedAt: 5 }

/** The log as the API answers it, by the last of the query. */
function answering(log: Readonly<Record<string, readonly object[]>>): Call {
  return async <T>(_method: string, path: string): Promise<T> => {
    assert.match(path, /^\/v1\/audit\/entries\?task=task_1&since=5&/)
    return { items: log[path.split('&').at(-1) ?? ''] ?? [] } as T
  }
}

describe('what a run was refused', () => {
  test('is nothing when nothing was', async () => {
    assert.deepEqual(await refusalsOf(answering({}), task), [])
  })

  test('is told once for each kind, in the order they came, with how often', async () => {
    const deny = { action: 'http:POST', resource: '/v1/orders', target: 'shop', reasons: ['No policy permits this.', 'more'] }
    const lines = await refusalsOf(
      answering({
        'effect=deny': [
          { index: 9, ...deny },
          { index: 4, ...deny },
        ],
        'kind=attempt': [{ index: 2, detail: 'no target declares https://example.com' }],
      }),
      task,
    )
    assert.deepEqual(lines, [
      'refused: no target declares https://example.com',
      'refused 2 times: http:POST /v1/orders on shop: No policy permits this.',
    ])
  })

  test('stays short', async () => {
    const many = Array.from({ length: 50 }, (_, index) => ({ index, detail: `no target declares https://h${index}.example` }))
    const lines = await refusalsOf(answering({ 'kind=attempt': many }), task)
    assert.equal(lines.length, 6)
    assert.equal(lines.at(-1), 'and 45 more; see: stint audit search --task task_1')
  })
})
