import type { Outcome } from '../model.ts'

/** What is counted while an exchange goes on. `bytesOut` is body to the target, `bytesIn` body from it. */
export interface Tally {
  readonly startedAt: number
  status?: number
  bytesIn: number
  bytesOut: number
  /** Why it was cut, where it was. */
  code?: string
}

/** A tally from now on. */
export function startTally(): Tally {
  return { startedAt: performance.now(), bytesIn: 0, bytesOut: 0 }
}

/** The outcome of an exchange that ended now. A target that answers 401 or 403 refused. */
export function outcomeOf(tally: Tally, result: 'completed' | 'failed' | 'cut', code = tally.code): Outcome {
  const { status, bytesIn, bytesOut, startedAt } = tally
  const isRefused = result === 'completed' && (status === 401 || status === 403)
  return {
    result: isRefused ? 'refused-upstream' : result,
    ...(status !== undefined && { status }),
    bytesIn,
    bytesOut,
    durationMs: performance.now() - startedAt,
    ...(code !== undefined && { code }),
  }
}
