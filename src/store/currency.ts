/** A moment by the wall clock and by one that nobody sets, both in milliseconds. The first goes on while the machine sleeps. */
export interface Moment {
  readonly wall: number
  readonly steady: number
}

/** Now. */
export function moment(): Moment {
  return { wall: Date.now(), steady: performance.now() }
}

/** How recent what this process knows is. */
export interface Currency {
  /** Whether everything that was committed before the bound is known. */
  isCurrent(): boolean
  /** Everything that was committed before `at` is known. */
  known(at: Moment): void
  close(): void
}

/** Not current until it is told so; `onStale` hears when it stops being it, in the tick that the bound passes. */
export function createCurrency(boundMs: number, onStale: () => void, now = moment): Currency {
  let latest: Moment | undefined
  let timer: NodeJS.Timeout | undefined
  return {
    isCurrent: () => ageMs() < boundMs,
    known(at) {
      if (latest !== undefined && at.steady <= latest.steady) return
      latest = at
      watch()
    },
    close: () => clearTimeout(timer),
  }

  /** By the clock that is further on: after a sleep the steady one has not moved. */
  function ageMs(): number {
    if (latest === undefined) return Number.POSITIVE_INFINITY
    const { wall, steady } = now()
    return Math.max(wall - latest.wall, steady - latest.steady)
  }

  function watch(): void {
    clearTimeout(timer)
    timer = setTimeout(look, Math.max(0, boundMs - ageMs())).unref()
  }

  function look(): void {
    if (ageMs() < boundMs) watch()
    else onStale()
  }
}
