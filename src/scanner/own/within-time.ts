import { createContext, Script } from 'node:vm'

/** What one job may take. */
const MOST_MS = 1000

const room: { run(): void } = { run: () => undefined }
const script = new Script('run()')
const context = createContext(room)

/**
 * Does the jobs `0 … count` in order, each within a second: one that takes longer, or that the machine refuses, is ended wherever it is,
 * named to `onFailure`, and passed over. It may be begun twice, so that it keeps what it has until its end. V8 looks for the end of the
 * time while a RegExp backtracks. Each call has a price of about a tenth of a millisecond, whatever it does.
 */
export function runWithinTime(
  count: number,
  run: (job: number) => void,
  onFailure: (job: number, why: string) => void,
  mostMs = MOST_MS,
): void {
  let at = 0
  room.run = () => {
    for (; at < count; at += 1) run(at)
  }
  while (at < count) {
    const first = at
    const why = tryRun(mostMs)
    if (why === undefined) continue
    if (why === TOO_LONG && at > first) continue // it began late: now it has all the time
    onFailure(at, why)
    at += 1
  }
}

/** What all jobs of one pattern may take together. */
export interface Allowance {
  /** Does a job, and counts what it took. */
  use<T>(job: () => T): T
  readonly isUsedUp: boolean
}

/** Milliseconds of processor time: beforehand, and more with each job. */
const BEFOREHAND_MS = 5000
const EACH_MS = 0.1

/** A full one. */
export function createAllowance(): Allowance {
  let left = BEFOREHAND_MS
  return {
    use(job) {
      const before = process.threadCpuUsage()
      try {
        return job()
      } finally {
        const { user, system } = process.threadCpuUsage(before)
        left += EACH_MS - (user + system) / 1000
      }
    },
    get isUsedUp() {
      return left < 0
    },
  }
}

export const TOO_SLOW = 'it is slower than it may be'
const TOO_LONG = 'it took longer than it may'

/** Why it ended before its end; undefined where it did not. */
function tryRun(timeout: number): string | undefined {
  try {
    script.runInContext(context, { timeout })
    return undefined
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return TOO_LONG
    if (thrown instanceof RangeError || thrown instanceof SyntaxError) return 'it is too large to be tried'
    throw thrown
  }
}
