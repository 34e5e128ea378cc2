import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { withoutAllowed } from '../../src/scanner/allow/allow.ts'
import { readGitleaksIgnore } from '../../src/scanner/allow/gitleaks-ignore.ts'
import { createGlob } from '../../src/scanner/allow/glob.ts'
import { readStintSettings } from '../../src/scanner/allow/project.ts'
import { markKnown, readBaseline, writeBaseline } from '../../src/scanner/baseline.ts'
import type { Finding, Place } from '../../src/scanner/finding.ts'

const commit = 'c'.repeat(40)
const place = (path: string, line = 1, more: Partial<Place> = {}): Place => ({ path, line, column: 1, ...more })
const finding = (fingerprint: string, ...places: readonly Place[]): Finding => ({
  ...{ fingerprint, rule: 'github-pat', provider: 'GitHub', title: 'token', confidence: 'high', preview: '***', facts: {} },
  places,
})
const left = (findings: readonly Finding[], yaml: string): readonly (string | undefined)[] =>
  withoutAllowed(findings, readStintSettings(yaml, '.stint-scan.yaml').allows).findings.flatMap((one) =>
    one.places.map(({ path }) => path),
  )

describe('a glob', () => {
  const CASES = [
    ['a/*.env', ['a/.env', 'a/x.env'], ['a/b/x.env', 'a/x.en', 'a/x.env2']],
    ['**/a', ['a', 'x/a', 'x/y/a'], ['xa', 'x/ya', 'a/b']],
    ['test/', ['test/a', 'test/a/b'], ['test', 'x/test/a']],
    ['test/**/x?', ['test/xé', 'test/a/b/x1'], ['test/x', 'test/ax1', 'test/x/']],
    ['a.b[c]', ['a.b[c]'], ['axb[c]', 'a.bc']],
    ['**', ['', 'a/b'], []],
  ] as const
  test('means what it says', () => {
    for (const [glob, hits, misses] of CASES) {
      for (const path of hits) assert.equal(createGlob(glob)(path), true, `${glob} ${path}`)
      for (const path of misses) assert.equal(createGlob(glob)(path), false, `${glob} ${path}`)
    }
  })

  test('that could be read in very many ways is read in one', () => {
    assert.equal(createGlob(`${'*a'.repeat(200)}b`)('a'.repeat(4000)), false)
  })
})

describe('an allow-list', () => {
  const findings = [finding('f1', place('src/a'), place('test/a', 1, { commit })), finding('f2', place('test/b'))]

  test('passes over a place when all that an entry names holds', () => {
    assert.deepEqual(left(findings, 'allow: [{ paths: [test/] }]'), ['src/a'])
    assert.deepEqual(left(findings, 'allow: [{ paths: [test/], fingerprints: [f2], reason: a fake }]'), ['src/a', 'test/a'])
    assert.deepEqual(left(findings, 'allow: [{ rules: [github-pat] }]'), [])
    assert.deepEqual(left(findings, `allow: [{ commits: [${commit}] }]`), ['src/a', 'test/b'])
    assert.deepEqual(left(findings, 'allow: [{ rules: [other] }, { fingerprints: [f1] }]'), ['test/b'])
    assert.deepEqual(left(findings, ''), ['src/a', 'test/a', 'test/b'])
  })

  test('is refused where it is not understood, and quotes nothing of itself', () => {
    for (const [yaml, detail] of [
      ['allow: [{ path: [test/] }]', /\.stint-scan\.yaml: allow\.0: /],
      ['allow: [{ reason: because }]', /allow\.0: name at least one/],
      ['allow: [{ paths: [] }]', /allow\.0\.paths: /],
      ['a: &a [1]\nb: *a', /is not YAML/],
      ['rules: [{ id: a, pattern: SECRETWORD( }]', /: rules\.0: pattern: a parenthesis is not closed$/],
      ['rules: [{ id: a, pattern: a, secretGroup: 1 }]', /: rules\.0: pattern: it has no group 1$/],
      ['rules: [{ id: github-pat-fine-grained, pattern: a }]', /: rules\.0\.id: Stint has a rule of this name/],
      ['rules: [{ id: a, pattern: a, samples: { hits: [a, SECRETWORD] } }]', /samples\.hits\.1: the rule does not find it$/],
      ['SECRETWORD: [', /is not YAML: line \d$/],
    ] as const)
      assert.throws(() => readStintSettings(yaml, '.stint-scan.yaml'), { code: 'invalid_argument', message: detail })
  })

  test('of gitleaks names a line, and with it the same secret in the rest of that file', () => {
    const text = `# known\n${commit}:a:b.env:generic-api-key:3\r\n\nsrc/c:x:7\n`
    const { allows } = readGitleaksIgnore(text, '.gitleaksignore')
    const moved = [
      finding('f1', place('a:b.env', 3, { commit }), place('a:b.env', 9, { commit: 'd'.repeat(40) }), place('other')),
    ]
    assert.deepEqual(withoutAllowed(moved, allows), { findings: [finding('f1', place('other'))], allowed: 2 })
    const others = [finding('f2', place('a:b.env', 3, { commit: 'd'.repeat(40) })), finding('f3', place('src/c', 8))]
    assert.deepEqual(withoutAllowed(others, allows), { findings: others, allowed: 0 })
    assert.equal(withoutAllowed([finding('f3', place('src/c', 7))], allows).allowed, 1)
    assert.throws(() => readGitleaksIgnore('src/c', '.gitleaksignore'), { code: 'invalid_argument', message: /line 1/ })
  })
})

describe('a baseline', () => {
  const key = Buffer.alloc(32, 1)
  const findings = [finding('f2', place('a')), finding('f1', place('b'))]

  test('knows what it was written with, whatever its place', () => {
    const known = readBaseline(writeBaseline(findings, key), 'known.json', key)
    const now = markKnown([finding('f1', place('elsewhere')), finding('f3', place('a'))], known)
    assert.deepEqual(
      now.map((one) => one.known),
      [true, undefined],
    )
  })

  test('of another installation is refused, and so is what is none', () => {
    const text = writeBaseline(findings, Buffer.alloc(32, 2))
    assert.throws(() => readBaseline(text, 'known.json', key), { code: 'invalid_argument', message: /another key/ })
    for (const other of ['', '[]', '{"version":2}'])
      assert.throws(() => readBaseline(other, 'known.json', key), { code: 'invalid_argument', message: /not a baseline/ })
  })
})
