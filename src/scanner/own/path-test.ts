import { type Allowance, createAllowance, runWithinTime, TOO_SLOW } from './within-time.ts'

interface PathPattern {
  readonly pattern: RegExp
  readonly allowance: Allowance
}

/**
 * Whether one of the patterns (sources of RegExp, over bytes) is found in a path, each path looked at once. One that takes too long is passed
 * over from then on, `onFailure` hears of it, and what it would have said is `otherwise`.
 */
export function createPathTest(
  patterns: readonly string[],
  otherwise: boolean,
  onFailure: (why: string) => void,
): (path: string) => boolean {
  let tests: (PathPattern | undefined)[] = patterns.map((pattern) => ({
    pattern: new RegExp(pattern),
    allowance: createAllowance(),
  }))
  let hasFailed = false
  const known = new Map<string, boolean>()

  function look(path: string): boolean {
    const text = Buffer.from(path).toString('latin1')
    const before = tests.length
    let isFound = false
    const fail = (job: number, why: string): void => {
      tests = tests.with(job, undefined)
      onFailure(why)
    }
    const run = (job: number): void => {
      const one = tests[job]
      if (one?.allowance.use(() => one.pattern.test(text))) isFound = true
      if (one?.allowance.isUsedUp) fail(job, TOO_SLOW)
    }
    runWithinTime(before, run, fail)
    tests = tests.filter((one) => one !== undefined)
    hasFailed ||= tests.length < before
    return isFound || (hasFailed && otherwise)
  }

  return (path) => {
    const said = known.get(path) ?? look(path)
    known.set(path, said)
    return said
  }
}
