import { createHash } from 'node:crypto'

/** Remembers identifiers that may be used once. Full means refuse: it never forgets early to make room. */
export interface Once {
  /** Uses `id` up. `owner` is whose share of the memory it takes. */
  use(owner: string, id: string): 'first' | 'again' | 'full'
}

interface Generation {
  readonly since: number
  readonly seen: Set<string>
  readonly shares: Map<string, number>
}

/**
 * A bounded memory of used identifiers: each is kept for `keepMs` at least and three times that at most, in two generations of
 * `capacity`, of which one owner gets `share` at most so that it cannot lock the others out.
 */
export function createOnce(options: { keepMs: number; capacity: number; share: number; now(): number }): Once {
  const { keepMs, capacity, share, now } = options
  let previous = begin(Number.NEGATIVE_INFINITY)
  let current = begin(now())
  return { use }

  function use(owner: string, id: string): 'first' | 'again' | 'full' {
    turn(now())
    const digest = createHash('sha256').update(id).digest('base64url').slice(0, 27)
    if (current.seen.has(digest) || previous.seen.has(digest)) return 'again'
    const taken = current.shares.get(owner) ?? 0
    if (current.seen.size >= capacity || taken >= share) return 'full'
    current.seen.add(digest)
    current.shares.set(owner, taken + 1)
    return 'first'
  }

  function turn(at: number): void {
    if (at - current.since < keepMs) return
    previous = at - current.since < 2 * keepMs ? current : begin(Number.NEGATIVE_INFINITY)
    current = begin(at)
  }
}

function begin(since: number): Generation {
  return { since, seen: new Set(), shares: new Map() }
}
