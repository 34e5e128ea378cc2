import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createDetector } from '../../src/scanner/detector.ts'
import type { Rule } from '../../src/scanner/rule.ts'
import { RULES } from '../../src/scanner/rules/index.ts'
import { alnum, base64, hex, lower } from '../../src/scanner/sample.ts'

const rules: readonly Rule[] = Object.values(RULES).flat()

const find = (one: Rule, text: string): string[] => {
  const bytes = Buffer.from(text, 'latin1')
  return createDetector([one])(bytes, 0, bytes.length).map(({ secret }) => secret)
}

/** How a secret stands in files. */
const AROUND: readonly (readonly [before: string, after: string])[] = [
  ['', ''],
  ['"', '",\n'],
  ['x\n', '\n'],
  ["'", "'"],
  [' ', ' # note'],
  ['\\n', '\\n'],
]

/** Of two rules that know one secret, the one that says more of it. */
const BETTER: Readonly<Record<string, string>> = { 'private-key-base64': 'kubernetes-client-key' }

/** What makes a backtracking matcher go back and forth. */
const PATHS: readonly string[] = [
  ...['a', '0', 'A', '_', '-', '=', ' ', '.', '/', '"', '\t', '\\n'].map((letter) => letter.repeat(4000)),
  ...['a ', 'a=', 'a.', '0-', '="', 'a_', ': ', '::', 'eyJ.'].map((pair) => pair.repeat(2000)),
  ...[alnum(4000), hex(4000), lower(4000), base64(4000)],
]

describe('the rules', () => {
  test('have names of their own, and keywords that their own samples hold', () => {
    assert.equal(new Set(rules.map(({ id }) => id)).size, rules.length)
    for (const { id, keywords, samples, source } of rules) {
      assert.match(id, /^[a-z0-9]+(-[a-z0-9]+)*$/)
      assert.ok(URL.canParse(source), id)
      assert.ok(keywords.length > 0 && keywords.every((one) => /^[!-@[-~ ]{3,}$/.test(one)), `${id}: ${keywords}`)
      const { hits, misses } = samples()
      assert.ok(hits.length > 0 && misses.length > 0, `${id} has no samples of both kinds`)
    }
  })

  test('take no secret that another rule knows better', () => {
    const detect = createDetector(rules)
    for (const { id, samples } of rules) {
      for (const hit of samples().hits) {
        const [text, secret] = typeof hit === 'string' ? [hit, hit] : hit
        const bytes = Buffer.from(text, 'latin1')
        const finders = detect(bytes, 0, bytes.length).flatMap((match) => (match.secret === secret ? [match.rule.id] : []))
        assert.deepEqual(finders, [finders[0] === BETTER[id] ? finders[0] : id], text)
      }
    }
  })

  for (const [family, ones] of Object.entries(RULES)) {
    test(`of ${family} hit their samples wherever they stand, and miss the near misses`, () => {
      for (const one of ones) {
        const { hits, misses } = one.samples()
        for (const hit of hits) {
          const [text, secret] = typeof hit === 'string' ? [hit, hit] : hit
          for (const [before, after] of AROUND)
            assert.deepEqual(find(one, before + text + after), [secret], `${one.id}: ${before}${text}${after}`)
        }
        for (const miss of misses) assert.deepEqual(find(one, miss), [], `${one.id} hits ${miss}`)
      }
    })

    test(`of ${family} come to an end whatever the text`, () => {
      for (const one of ones) {
        for (const keyword of one.keywords) for (const path of PATHS) find(one, `${keyword}${path}${keyword}`)
      }
    })
  }
})
