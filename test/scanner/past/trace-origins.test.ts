import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Finding } from '../../../src/scanner/finding.ts'
import type { State } from '../../../src/scanner/past/state.ts'
import { traceOrigins } from '../../../src/scanner/past/trace-origins.ts'
import { findOrigins, listTips, type Origin, type Origins } from '../../../src/scanner/sources/origins.ts'
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

test('a path or a name that holds the mark of a record makes no other commit and takes nothing from one', async (t) => {
  const { path, git, commit } = repository(t)
  const mark = '\x01'
  git(['config', 'user.name', `Eve ${mark}x`])
  const first = commit({ [`a${mark}deadbeef`]: '1', b: '2', c: '3', [`${mark}d`]: '4' })
  const second = commit({ c: '5' })
  const ids = ['b', `a${mark}deadbeef`, 'c', `${mark}d`].map((name) => [name, git(['rev-parse', `${first}:${name}`])] as const)
  const later = git(['rev-parse', `${second}:c`])
  const wanted = new Set([...ids.map(([, id]) => id), later])
  const origins = await findOrigins(path, wanted, { tips: await listTips(path) })
  for (const [name, id] of ids)
    assert.deepEqual(
      origins.get(id)?.map((one) => [one.commit, one.path]),
      [[first, name]],
      name,
    )
  assert.deepEqual(
    origins.get(later)?.map((one) => [one.commit, one.path]),
    [[second, 'c']],
  )
})
