import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Finding } from '../../../src/scanner/finding.ts'
import type { State } from '../../../src/scanner/past/state.ts'
import { traceOrigins } from '../../../src/scanner/past/trace-origins.ts'
import { listTips, type Origin, type Origins } from '../../../src/scanner/sources/origins.ts'
import { repository } from '../repository.ts'

test('no commit is walked twice: of those that an earlier scan reached, what it said of them holds as long as they are reached', async (t) => {
  const { path, git, commit } = repository(t)
  const first = commit({ a: 'a' })
  const object = git(['rev-parse', 'HEAD:a'])
  const found: Finding[] = [
    {
      ...{ fingerprint: 'f', rule: 'x', provider: 'Acme', title: 'key', confidence: 'high', preview: '****', facts: {} },
      places: [{ object, line: 1, column: 1 }],
    },
  ]
  const trace = async (earlier?: Pick<State, 'origins' | 'tips'>): Promise<(readonly [string, string])[]> => {
    const rest = { rules: 'r', ids: { bytes: Buffer.alloc(0), width: 20 }, findings: [], skipped: [], isWhole: true }
    const tips = await listTips(path)
    const origins = await traceOrigins(path, found, { tips, ...(earlier && { earlier: { ...rest, ...earlier } }) })
    return [...(origins.get(object) ?? [])].map((one) => [one.commit, one.path] as const)
  }
  const said = (id: string): Origins =>
    new Map([[object, [{ commit: id, author: '', email: '', date: '', path: 'said' } satisfies Origin]]])

  const tips = await listTips(path)
  assert.deepEqual(await trace(), [[first, 'a']])
  assert.deepEqual(await trace({ origins: new Map(), tips }), [], 'it was reached, and nothing was said of it')
  git(['mv', 'a', 'b'])
  const second = commit({})
  assert.deepEqual(await trace({ origins: said(first), tips }), [
    [first, 'said'],
    [second, 'b'],
  ])
  git(['reset', '-q', '--hard', first])
  const both = await listTips(path)
  git(['reflog', 'expire', '--expire=now', '--all'])
  assert.deepEqual(await trace({ origins: said(second), tips: both }), [], 'it is not reached any more')
  assert.deepEqual(await trace({ origins: said(first), tips: both }), [[first, 'said']])
  git(['prune', '--expire=now'])
  assert.deepEqual(await trace({ origins: said(second), tips: new Set([second]) }), [[first, 'a']], 'it is not there any more')
})
