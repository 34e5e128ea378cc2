import type { Detect, Match } from '../detector.ts'
import type { OwnWords } from './own-rules.ts'
import { type Allowance, createAllowance, runWithinTime, TOO_SLOW } from './within-time.ts'

/** Of a line, this much on either side of a secret is looked at. */
const LINE_BYTES = 4096

/** What one entry wants of a match, ready to be looked for. */
interface Test {
  readonly words: OwnWords
  readonly patterns: readonly RegExp[]
  readonly allowance: Allowance
  isGivenUp: boolean
}

/** Hears of an entry that is not looked at any more: it allows nothing. */
export type GiveUpWords = (words: OwnWords, why: string) => void

/** Finds what `detect` does, each match with the marks of the entries whose words it holds. */
export function markMatches(detect: Detect, all: readonly OwnWords[], giveUp: GiveUpWords): Detect {
  const tests = all.map((words): Test => {
    const patterns = words.patterns.map((pattern) => new RegExp(pattern))
    return { words, patterns, allowance: createAllowance(), isGivenUp: false }
  })
  return (bytes, from, to) => {
    const found = detect(bytes, from, to)
    const marks = found.map(({ marks = [] }) => new Set(marks))
    const end = (test: Test | undefined, why: string): void => {
      if (test === undefined || test.isGivenUp) return
      test.isGivenUp = true
      giveUp(test.words, why)
    }
    const run = (job: number): void => {
      const test = tests[job % tests.length]
      const at = Math.floor(job / tests.length)
      const match = found[at]
      if (test === undefined || test.isGivenUp || match === undefined) return
      if (test.allowance.use(() => holds(test, match, bytes))) marks[at]?.add(test.words.mark)
      if (test.allowance.isUsedUp) end(test, TOO_SLOW)
    }
    runWithinTime(found.length * tests.length, run, (job, why) => end(tests[job % tests.length], why))
    return found.map((match, at) => (marks[at]?.size === 0 ? match : { ...match, marks: [...(marks[at] ?? [])] }))
  }
}

function holds({ words, patterns }: Test, match: Match, bytes: Buffer): boolean {
  if (words.rules !== undefined && !words.rules.includes(match.rule.id)) return false
  const text = textOf(words, match, bytes)
  const small = match.secret.toLowerCase()
  const isPattern = patterns.some((pattern) => pattern.test(text))
  const isWord = words.stopwords.some((word) => small.includes(word))
  if (!words.wantsAll || patterns.length === 0 || words.stopwords.length === 0) return isPattern || isWord
  return isPattern && isWord
}

/** What patterns are looked for in: of a match of Stint's rules no more than the secret is known. */
function textOf({ target }: OwnWords, { secret, whole, start, end }: Match, bytes: Buffer): string {
  if (target === 'secret') return secret
  if (target === 'match') return whole ?? secret
  const before = bytes.subarray(Math.max(0, start - LINE_BYTES), start)
  const after = bytes.subarray(end, end + LINE_BYTES)
  const newline = after.indexOf(10)
  const from = start - before.length + before.lastIndexOf(10) + 1
  return bytes.toString('latin1', from, end + (newline < 0 ? after.length : newline))
}
