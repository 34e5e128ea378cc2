import { runWithinTime } from './within-time.ts'

/**
 * Whether one of the patterns (sources of RegExp, over bytes) is found in a path, each path looked at once. One that takes too long is passed
 * over from then on, `onFailure` hears of it, and what it would have said is `otherwise`.
 */
export function createPathTest(
  patterns: readonly string[],
  otherwise: boolean,
  onFailure: (why: string) => void,
): (path: string) => boolean {
  let tests = patterns.map((pattern) => new RegExp(pattern))
  let hasFailed = false
  const known = new Map<string, boolean>()

  function look(path: string): boolean {
    const text = Buffer.from(path).toString('latin1')
    const failed = new Set<RegExp>()
    let isFound = false
    const run = (job: number): void => {
      if (tests[job]?.test(text)) isFound = true
    }
    runWithinTime(tests.length, run, (job, why) => {
      failed.add(tests[job] as RegExp)
      onFailure(why)
    })
    tests = tests.filter((one) => !failed.has(one))
    hasFailed ||= failed.size > 0
    return isFound || (hasFailed && otherwise)
  }

  return (path) => {
    const said = known.get(path) ?? look(path)
    known.set(path, said)
    return said
  }
}
