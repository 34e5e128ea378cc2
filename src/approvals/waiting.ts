/** How long to wait at most, and who says that nobody waits any more. */
export interface Hold {
  readonly seconds: number
  onGone(gone: () => void): void
}

/** So many requests are held at once: each keeps its body. */
const MOST_HELD = 256

/** Requests that are held until a question is answered. */
export interface Waiting {
  /** True when it was told of; false when it took too long, the client went away, or too many wait. */
  wait(id: string, hold: Hold): Promise<boolean>
  /** A question has its answer. */
  tell(id: string): void
}

/** Nobody waits yet. */
export function createWaiting(): Waiting {
  const held = new Map<string, Set<(isTold: boolean) => void>>()
  let size = 0
  return {
    wait(id, { seconds, onGone }) {
      if (size >= MOST_HELD) return Promise.resolve(false)
      size += 1
      return new Promise((done) => {
        const waiters = held.get(id) ?? new Set()
        const end = (isTold: boolean): void => {
          if (!waiters.delete(end)) return
          size -= 1
          clearTimeout(timer)
          if (waiters.size === 0) held.delete(id)
          done(isTold)
        }
        const timer = setTimeout(() => end(false), seconds * 1000)
        held.set(id, waiters.add(end))
        onGone(() => end(false))
      })
    },
    tell(id) {
      for (const end of [...(held.get(id) ?? [])]) end(true)
    },
  }
}
