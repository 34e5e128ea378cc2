import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Finding } from '../../src/scanner/finding.ts'
import { REPORTS } from '../../src/scanner/reports/index.ts'

const HOSTILE = [
  "=cmd|' /C calc'!A0",
  '"},{"ruleId":"none"}\n\r\n',
  ']]></failure><testcase name="x"/><![CDATA[',
  '../a b?c#d%00:é\u202e\x1b[31m\x00\x07\ufffe',
  'half \ud800 a character, "quoted", \\n and &amp;',
  ' ＝HYPERLINK("http://evil")',
  '[link](http://evil)',
]

// biome-ignore lint/suspicious/noExplicitAny: what a report holds is what is looked at
type Json = any

const findings: readonly Finding[] = HOSTILE.map((hostile, i) => ({
  fingerprint: `${i}`.repeat(32),
  rule: i % 2 === 0 ? 'github-pat' : 'own-rule',
  provider: 'GitHub',
  title: 'token',
  confidence: (['high', 'medium', 'low'] as const)[i % 3] ?? 'low',
  preview: `${hostile.replace(/[^ -~]/g, '·').slice(0, 4)}******** (40 characters)`,
  facts: { account: hostile },
  places: [
    {
      path: hostile,
      line: 1,
      column: 2,
      object: 'b10b',
      commit: 'c0',
      author: hostile,
      email: hostile,
      date: '2026-01-01T00:00:00Z',
    },
    { path: hostile, line: 3, column: 4, where: `#${hostile}` },
    { object: hostile, line: 5, column: 6 },
  ],
}))
const skipped = HOSTILE.map((hostile) => ({ what: hostile, why: hostile }))
const at = { version: '1.2.3', startedAt: new Date(0), endedAt: new Date(1500) }
const made = (format: string, found = findings, run = {}): string =>
  REPORTS[format]?.({ findings: found, skipped, items: 9, bytes: 99 }, { ...at, ...run }) ?? assert.fail(`no ${format}`)
const read = (text: string): Json => JSON.parse(text)

describe('a report of hostile paths, authors and facts', () => {
  test('holds no control character, direction override or half character in any format', () => {
    for (const format of Object.keys(REPORTS)) assert.doesNotMatch(made(format), /[^\P{C}\n]/u, format)
  })

  test('as json and jsonl holds all there is, as it was', () => {
    assert.deepEqual(read(made('json')), { findings, skipped, items: 9, bytes: 99 })
    const lines = made('jsonl').split('\n').map(read)
    assert.deepEqual(lines.map(({ kind }) => kind).join(' '), `${'finding '.repeat(7)}${'skipped '.repeat(7)}summary`)
    assert.deepEqual(lines[0], { kind: 'finding', ...findings[0] })
    assert.deepEqual(lines.at(-1), { kind: 'summary', items: 9, bytes: 99 })
  })

  test('as csv has a row for each place and no formula', () => {
    const rows = made('csv').split('\n')
    assert.equal(rows.length, 1 + 3 * HOSTILE.length)
    for (const row of rows) {
      const cells = [...row.matchAll(/"((?:[^"]|"")*)"(,|$)/gy)]
      assert.equal(cells.length, 17, row)
      assert.equal(cells.map(([cell]) => cell).join(''), row)
      for (const [, cell = ''] of cells) assert.doesNotMatch(cell, /^\s*[=+\-@＝＋－＠]/, row)
    }
  })

  test('as text keeps each secret to its lines', () => {
    assert.equal(made('text').split('\n').length, HOSTILE.length * 6 + 1 + HOSTILE.length)
  })
})

test('a report says for people where a message of an export is', () => {
  const place = { path: 'a.json', line: 1, column: 2, where: 'PROJ-12, comment 3, Grace' }
  const found = findings.slice(0, 1).map((finding) => ({ ...finding, places: [place] }))
  for (const format of Object.keys(REPORTS).filter((name) => name !== 'gitlab'))
    assert.ok(made(format, found).includes('PROJ-12, comment 3, Grace'), format)
})

test('a report says what was found out of a secret, in every format', () => {
  const verdict = { is: 'live', why: 'it opens <api.github.com>' } as const
  const verified = findings.slice(0, 1).map((finding) => ({ ...finding, verdict }))
  for (const format of Object.keys(REPORTS)) {
    assert.match(made(format, verified), /\blive\b/, format)
    assert.doesNotMatch(made(format, findings.slice(0, 1)), /\blive\b/, format)
  }
})

describe('a report as SARIF 2.1.0', () => {
  const [run] = read(made('sarif', findings, { repository: { uri: 'https://git.example/x', revision: 'c0' } })).runs

  test('has a result for each place, of a rule that is described', () => {
    assert.equal(read(made('sarif')).version, '2.1.0')
    assert.deepEqual(
      run.tool.driver.rules.map(({ id }: { id: string }) => id),
      ['github-pat', 'own-rule'],
    )
    assert.equal(run.results.length, 3 * HOSTILE.length)
    for (const { ruleId, ruleIndex, level, message } of run.results) {
      assert.equal(run.tool.driver.rules[ruleIndex].id, ruleId)
      assert.match(level, /^(error|warning|note)$/)
      assert.doesNotMatch(message.text, /(?<!\\)\[/) // section 3.11.6: an embedded link
    }
  })

  test('names files by relative references that say the path and no more', () => {
    HOSTILE.forEach((hostile, i) => {
      const { artifactLocation, region } = run.results[3 * i].locations[0].physicalLocation
      assert.match(artifactLocation.uri, /^(?:[\w.!~*'()-]|%[0-9A-F]{2}|\/)+$/)
      assert.equal(decodeURIComponent(artifactLocation.uri), hostile.toWellFormed())
      assert.deepEqual(region, { startLine: 1, startColumn: 2 })
    })
    assert.equal(run.results[2].locations, undefined)
  })

  test('tells results apart by secret, path and count, not by line', () => {
    const hashes = run.results.map(({ partialFingerprints }: Json) => partialFingerprints.primaryLocationLineHash)
    assert.equal(new Set(hashes).size, hashes.length)
    const moved = findings.map((finding) => ({
      ...finding,
      places: finding.places.map((place) => ({ ...place, line: place.line + 7 })),
    }))
    const after = read(made('sarif', moved)).runs[0].results
    assert.deepEqual(
      after.map(({ partialFingerprints }: Json) => partialFingerprints.primaryLocationLineHash),
      hashes,
    )
  })

  test('says which repository it was', () => {
    assert.deepEqual(run.versionControlProvenance, [
      { repositoryUri: 'https://git.example/x', mappedTo: { uriBaseId: '%SRCROOT%' }, revisionId: 'c0' },
    ])
    assert.ok(run.originalUriBaseIds['%SRCROOT%'])
    assert.equal(read(made('sarif')).runs[0].versionControlProvenance, undefined)
  })
})

test('a report for GitLab has what its schema requires', () => {
  const { version, scan, vulnerabilities } = read(made('gitlab'))
  assert.match(version, /^15\.\d+\.\d+$/)
  for (const time of [scan.start_time, scan.end_time]) assert.match(time, /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$/)
  assert.deepEqual([scan.type, scan.status], ['secret_detection', 'success'])
  for (const tool of [scan.analyzer, scan.scanner]) assert.ok(tool.id && tool.name && tool.version && tool.vendor.name)
  for (const { level, value } of scan.messages) assert.ok(level === 'warn' && value.length > 0)
  assert.equal(vulnerabilities.length, 3 * HOSTILE.length)
  assert.equal(new Set(vulnerabilities.map(({ id }: Json) => id)).size, vulnerabilities.length)
  for (const { id, name, severity, identifiers, location } of vulnerabilities) {
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.ok(name.length <= 255 && /^(Critical|High|Low)$/.test(severity))
    for (const one of identifiers) assert.ok(one.type && one.name && one.value)
    assert.ok(location.commit.sha.length > 0)
  }
})

describe('a report as JUnit', () => {
  /** The names of elements in order; fails where the text is no element after element. */
  const elementsOf = (xml: string): string[] => {
    const open: string[] = []
    const names: string[] = []
    const piece =
      /<(\/?)([a-z]+)((?: [a-z]+="(?:[^<>"&]|&(?:amp|lt|gt|quot|apos);)*")*)(\/?)>|(?:[^<>&]|&(?:amp|lt|gt|quot|apos);)+/gy
    const body = xml.replace('<?xml version="1.0" encoding="UTF-8"?>', '')
    let read = 0
    for (const [all, closes, name, , isEmpty] of body.matchAll(piece)) {
      read += all.length
      if (name === undefined) continue
      if (closes === '/') assert.equal(open.pop(), name)
      else names.push(name)
      if (closes === '' && isEmpty === '') open.push(name)
    }
    assert.deepEqual([read, open], [body.length, []])
    return names
  }

  test('has a failed test for each finding', () => {
    const cases = HOSTILE.flatMap(() => ['testcase', 'failure'])
    assert.deepEqual(elementsOf(made('junit')), ['testsuites', 'testsuite', ...cases])
    assert.match(made('junit'), /<testsuites tests="7" failures="7" errors="0" skipped="0" time="1.500">/)
  })

  test('has a test that passed where nothing was found', () => {
    assert.deepEqual(elementsOf(made('junit', [])), ['testsuites', 'testsuite', 'testcase'])
  })
})
