import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PatternError, translateRe2 } from '../../../src/scanner/own/re2.ts'

/** What the pattern matches first and its groups, over bytes. */
function match(pattern: string, text: string): readonly (string | undefined)[] | undefined {
  return translateRe2(pattern).exec(Buffer.from(text).toString('latin1'))?.slice(0)
}

describe('a pattern of RE2', () => {
  const CASES: readonly (readonly [pattern: string, text: string, matched: string | undefined])[] = [
    ['a(?i)b|C', 'xc', 'c'],
    ['a(?i)b|C', 'AB', undefined],
    ['(?i:k)ey', 'KEY', undefined],
    ['(?i)[^a-c]', 'ABCd', 'd'],
    ['(?i)[[:upper:]]+', 'abC', 'abC'],
    ['(?i)[[:^upper:]]', 'aB1', '1'],
    ['((?i)a)b', 'AB', undefined],
    ['(?P<name>a+)(?<other>b)', 'aab', 'aab'],
    ['\\Aab', 'cab', undefined],
    ['ab\\z', 'ab\n', undefined],
    ['ab$', 'ab\n', undefined],
    ['(?m)^ab$', 'x\nab\ny', 'ab'],
    ['^b', 'a\nb', undefined],
    ['a.b', 'a\rb', 'a\rb'],
    ['a.b', 'a\nb', undefined],
    ['(?s)a.b', 'a\nb', 'a\nb'],
    ['(?s-s:a.b)', 'a\nb', undefined],
    ['(?U)a+', 'aaa', 'a'],
    ['(?U)a+?', 'aaa', 'aaa'],
    ['[[:alpha:]_]+', '1ab_2', 'ab_'],
    ['[^[:space:]]+', '\v x', 'x'],
    ['\\s', '\v', undefined],
    ['[\\s\\d-]+', 'a 1-', ' 1-'],
    ['[]a]+', ']a', ']a'],
    ['[^]a]', ']ab', 'b'],
    ['\\x41\\x{42}\\103\\t', 'ABC\t', 'ABC\t'],
    ['\\Qa.b\\E+', 'a.bba.b', 'a.bb'],
    ['a{,2}', 'a{,2}', 'a{,2}'],
    ['a{2}?', 'aaa', 'aa'],
    ['^*a', 'a', 'a'],
    ['\\/\\-\\"', '/-"', '/-"'],
    ['(?i)\\w+\\b', 'é K9_', 'K9_'],
  ]
  test('means what it means in Go', () => {
    for (const [pattern, text, matched] of CASES)
      assert.equal(match(pattern, text)?.[0], matched, `${pattern} on ${JSON.stringify(text)}`)
  })

  test('has the same groups, and matches the bytes of what is not ASCII', () => {
    assert.deepEqual(match('(?P<a>x)(?:y)(z)?', 'xy'), ['xy', 'x', undefined])
    assert.deepEqual(match('é+', 'éé'), [Buffer.from('éé').toString('latin1')])
  })

  test('that RE2 has not, or that cannot be meant here, is refused with the reason', () => {
    for (const [pattern, why] of [
      ['(?=a)', /a group begins/],
      ['(?<!a)b', /a group begins/],
      ['(a)\\1', /\\1 means nothing/],
      ['\\pL', /Unicode/],
      ['[é]', /not ASCII/],
      ['(?i)é', /ignores the case/],
      ['a**', /a repeat is repeated/],
      ['*a', /nothing before it/],
      ['(a', /not closed/],
      ['a)', /closed that was not opened/],
      ['[a', /a class is not closed/],
      ['[z-a]', /wrong way round/],
      ['a{3,2}', /wrong way round/],
      ['((a{50}){50}){50}', /more than 1000/],
      ['[[:letter:]]', /brackets and colons/],
      ['a\\', /backslash/],
      ['('.repeat(300), /nested/],
      ['a'.repeat(20_000), /longer/],
    ] as const)
      assert.throws(
        () => translateRe2(pattern),
        (thrown) => thrown instanceof PatternError && why.test(thrown.message),
        pattern,
      )
  })
})
