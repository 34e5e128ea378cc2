import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createDetector } from '../../../src/scanner/detector.ts'
import { detectBoth } from '../../../src/scanner/own/beside-known.ts'
import { createOwnDetector } from '../../../src/scanner/own/own-detector.ts'
import type { OwnRule } from '../../../src/scanner/own/own-rules.ts'
import { runWithinTime } from '../../../src/scanner/own/within-time.ts'
import { digestRules } from '../../../src/scanner/past/digest-rules.ts'
import { RULES } from '../../../src/scanner/rules/index.ts'
import { alnum } from '../../../src/scanner/sample.ts'

const rule = (id: string, pattern: string, changes: Partial<OwnRule> = {}): OwnRule => ({
  ...{ id, provider: 'rules.yaml', title: id, pattern, secretGroup: 0, keywords: [], confidence: 'medium' },
  ...changes,
})
const fail = (): never => assert.fail('no rule is given up')

function find(rules: readonly OwnRule[], text: string, giveUp: (one: OwnRule, why: string) => void = fail): string[] {
  const bytes = Buffer.from(text)
  const found = createOwnDetector(rules, giveUp)(bytes, 0, bytes.length)
  for (const { start, end, secret } of found) assert.equal(bytes.toString('latin1', start, end), secret)
  return found.map((match) => `${match.rule.id} ${match.secret}`)
}

describe('users’ rules', () => {
  test('are tried where one of their keywords stands, or everywhere', () => {
    const word = rule('word', '[a-z]+[0-9]', { keywords: ['key', 'pass'] })
    assert.deepEqual(find([word], 'abc1 PASS d2'), ['word abc1', 'word d2'])
    assert.deepEqual(find([word], 'abc1 d2'), [])
    assert.deepEqual(find([rule('any', '[a-z]+[0-9]')], 'é abc1'), ['any abc1'])
  })

  test('give the group that is the secret, of enough entropy', () => {
    const text = 'a=bb-ccdd '
    assert.deepEqual(find([rule('first', '(x)?a=(b+)-(\\w+)')], text), ['first bb'])
    assert.deepEqual(find([rule('third', 'a=(b+)-(\\w+)', { secretGroup: 2 })], text), ['third ccdd'])
    assert.deepEqual(find([rule('none', 'a=(x)?', { secretGroup: 1 })], text), [])
    assert.deepEqual(find([rule('whole', '\\n\\w+\\n')], '\nabc\n'), ['whole abc'])
    assert.deepEqual(find([rule('even', 'a=(b+)', { entropy: 0 })], text), [])
  })

  test('find each match once, wherever parts of the content are divided', () => {
    const long = 'x'.repeat(20_000)
    const text = `${long} k1 ${long} ${'k'.repeat(5000)}2 ${long}k3`
    const found = find([rule('k', 'k+[0-9]')], text)
    assert.deepEqual(
      found.map(({ length }) => length),
      [4, 5003, 4],
    )
    assert.deepEqual(find([rule('runs', 'z{100,8000}')], `${'-'.repeat(32_000)}${'z'.repeat(8000)}-`).length, 1)
  })

  test('that take too long are given up, and the others are not', () => {
    const givenUp: string[] = []
    const rules = [rule('slow', '(?:a+)+$'), rule('quick', 'a+b')]
    const found = find(rules, `${'a'.repeat(60)}b`, ({ id }, why) => givenUp.push(`${id}: ${why}`))
    assert.deepEqual(found, [`quick ${'a'.repeat(60)}b`])
    assert.deepEqual(givenUp, ['slow: it took longer than it may'])
  })

  test('beside Stint’s take nothing from them', () => {
    const secret = `github_pat_${alnum(22)}_${alnum(59)}`
    const own = [rule('same', 'github_\\w+', { confidence: 'high' }), rule('more', 'X=\\w+'), rule('other', 'Y=\\w+')]
    const bytes = Buffer.from(`X=${secret} Y=1`)
    const detect = detectBoth(createDetector(Object.values(RULES).flat()), createOwnDetector(own, fail))
    assert.deepEqual(
      detect(bytes, 0, bytes.length).map((match) => match.rule.id),
      ['more', 'github-pat-fine-grained', 'other'],
    )
  })
})

test('jobs are done in order, each with its time, and what is ended is named', () => {
  const [done, ended]: [number[], string[]] = [[], []]
  const run = (job: number): void => {
    if (job === 2) /^(?:a+)+$/.test(`${'a'.repeat(60)}b`)
    if (job === 3) 'x'.repeat(2 ** 31)
    done.push(job)
  }
  runWithinTime(5, run, (job, why) => ended.push(`${job}: ${why}`), 50)
  assert.deepEqual(
    [done, ended],
    [
      [0, 1, 4],
      ['2: it took longer than it may', '3: it is too large to be tried'],
    ],
  )
  assert.throws(() => runWithinTime(1, () => assert.fail('mine'), fail), /mine/)
})

test('what an earlier scan kept is of no use when users’ rules are others', () => {
  const digests = [[], [rule('a', 'x')], [rule('a', 'y')], [rule('a', 'x', { entropy: 1 })]].map((rules) =>
    digestRules({ rules, words: [] }),
  )
  assert.equal(new Set(digests).size, 4)
  assert.equal(digestRules({ rules: [rule('a', 'x')], words: [] }), digests[1])
})
