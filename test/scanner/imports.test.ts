import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createFingerprint, type Finding } from '../../src/scanner/finding.ts'
import { mergeTold } from '../../src/scanner/imports/merge.ts'
import { readReport } from '../../src/scanner/imports/read-report.ts'
import { alnum } from '../../src/scanner/sample.ts'

const key = Buffer.alloc(32, 7)
const name = createFingerprint(key)
const [mine, other] = [alnum(30), alnum(30, 2)]
const found: Finding = {
  ...{ fingerprint: name(mine), rule: 'acme', provider: 'Acme', title: 'key', confidence: 'high', preview: 'abcd', facts: {} },
  places: [{ path: 'a.env', line: 3, column: 5 }],
}

const gitleaks = (secret: string, more: object = {}): object => ({
  ...{
    RuleID: 'acme-key',
    Description: 'Acme',
    StartLine: 9,
    StartColumn: 2,
    Match: `k=${secret}`,
    Secret: secret,
    File: 'b.env',
  },
  ...{ Commit: 'c0ffee', Author: 'Ada', Email: 'ada@example.org', Date: '2026-01-01T00:00:00Z', Tags: [], ...more },
})
const trufflehog = (secret: string, more: object = {}): object => ({
  SourceMetadata: {
    Data: { Git: { commit: 'c0ffee', file: 'b.env', email: 'Ada <ada@example.org>', line: 9, timestamp: '2026-01-01' } },
  },
  ...{
    SourceName: 'trufflehog - git',
    DetectorType: 1,
    DetectorName: 'Acme',
    Verified: true,
    Raw: secret,
    Redacted: '',
    ...more,
  },
})
const kingfisher = (secret: string): object => ({
  rule: { name: 'Acme key', id: 'kingfisher.acme.1' },
  finding: { snippet: secret, path: './b.env', line: 9, column_start: 2, validation: { status: 'Not Attempted' } },
})
const sarif = (tool: string, text: string): object => ({
  version: '2.1.0',
  runs: [
    {
      tool: { driver: { name: tool } },
      results: [
        {
          ruleId: 'acme-key',
          message: { text: 'found' },
          locations: [
            { physicalLocation: { artifactLocation: { uri: 'a%2Eenv' }, region: { startLine: 3, snippet: { text } } } },
          ],
        },
      ],
    },
  ],
})

const REPORTS: Readonly<Record<string, (secret: string) => string>> = {
  gitleaks: (secret) => JSON.stringify([gitleaks(secret)], null, 1),
  trufflehog: (secret) => `${JSON.stringify(trufflehog(secret))}\n`,
  kingfisher: (secret) => JSON.stringify({ findings: [kingfisher(secret)], metadata: {} }),
}

describe('a report of another scanner', () => {
  test('is told by what it holds, and joined with what was found by its secret, which it never keeps', () => {
    for (const [tool, write] of Object.entries(REPORTS)) {
      const [one, ...more] = mergeTold([found], readReport(write(mine), 'r'), key)
      assert.deepEqual(more, [], tool)
      assert.equal(one?.facts['seen by'], `stint, ${tool}`)
      assert.deepEqual([one?.rule, one?.places.length], ['acme', 2])
      const all = mergeTold([found], readReport(write(other), 'r'), key)
      assert.equal(all[1]?.fingerprint, name(other))
      assert.deepEqual([all[0]?.facts['seen by'], all[1]?.facts['seen by']], ['stint', tool])
      assert.deepEqual([all[1]?.places[0]?.line, all[1]?.confidence], [9, tool === 'trufflehog' ? 'high' : 'medium'])
      assert.ok(!JSON.stringify(all).includes(other.slice(0, 10)))
    }
  })

  test('in lines, or by two tools, is one finding for each secret', () => {
    const lines = [trufflehog(mine), trufflehog(other), trufflehog(mine)].map((one) => JSON.stringify(one)).join('\n')
    const told = [...readReport(lines, 't'), ...readReport(JSON.stringify([gitleaks(other)]), 'g')]
    const all = mergeTold([], told, key)
    assert.deepEqual(
      all.map((one) => one.facts['seen by']),
      ['trufflehog', 'trufflehog, gitleaks'],
    )
    assert.deepEqual(
      all.map(({ places }) => places.length),
      [1, 1],
    )
    for (const empty of ['[]', 'null', '', '\n']) assert.deepEqual(readReport(empty, 'e'), [], empty)
  })

  test('in SARIF tells places, and of gitleaks the secret', () => {
    const [one, ...more] = mergeTold([found], readReport(JSON.stringify(sarif('gitleaks', mine)), 's'), key)
    assert.deepEqual([one?.facts['seen by'], one?.places, more], ['stint, gitleaks', found.places, []])
    const line = mergeTold([found], readReport(JSON.stringify(sarif('Another', `k=${mine}`)), 's'), key)
    assert.deepEqual([line.length, line[0]?.facts['seen by']], [1, 'stint, another'])
    assert.deepEqual(mergeTold([], readReport(JSON.stringify(sarif('Another', mine)), 's'), key)[0]?.preview, 'not in the report')
  })

  test('in SARIF without a place is found all the same', () => {
    const report = {
      version: '2.1.0',
      runs: [{ tool: { driver: { name: 'X' } }, results: [{ ruleId: 'r' }, { locations: [{}] }] }],
    }
    const all = mergeTold([], readReport(JSON.stringify(report), 's'), key)
    assert.deepEqual(
      all.map(({ rule, places }) => [rule, places[0]?.path]),
      [
        ['x-r', 'no path'],
        ['x-no-rule', 'no path'],
      ],
    )
  })

  test('without its secrets is joined by place, where one secret alone stands there', () => {
    for (const hidden of ['REDACTED', '[REDACTED:0123]', 'abcd...', '***', '']) {
      const report = JSON.stringify([gitleaks(hidden, { File: 'a.env', StartLine: 3, Commit: '' })])
      const all = mergeTold([found], readReport(report, 'r'), key)
      assert.deepEqual([all.length, all[0]?.facts['seen by']], [1, 'stint, gitleaks'], hidden)
      const two = mergeTold([found, { ...found, fingerprint: 'f2' }], readReport(report, 'r'), key)
      assert.deepEqual([two.length, two[2]?.preview], [3, 'not in the report'])
    }
  })

  test('that is broken or of no format is refused with its line, and nothing of it quoted', () => {
    for (const [text, why] of [
      ['[{\n"RuleID": SECRETWORD', /r is not JSON, nor JSON Lines: line 2/],
      [`${JSON.stringify(trufflehog(mine))}\n\nSECRETWORD`, /line 3/],
      ['{"SECRETWORD": 1}', /r is no report of/],
      [JSON.stringify([gitleaks(mine), { SECRETWORD: 1 }]), /r is no report of/],
      ['[{"__proto__": {}}]', /r is no report of/],
    ] as const)
      assert.throws(
        () => readReport(text, 'r'),
        (thrown: Error) => why.test(thrown.message) && !thrown.message.includes('SECRETWORD'),
        text,
      )
  })
})
