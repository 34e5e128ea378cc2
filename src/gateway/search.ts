/** Where one of the needles is: `at` inclusive, `end` exclusive. */
export interface Hit {
  readonly at: number
  readonly end: number
}

/** Looks for many byte sequences at once. */
export interface Search {
  /** The first occurrence at or after `from`, the longest needle there. */
  find(bytes: Buffer, from: number): Hit | undefined
  /** How many of the last bytes could be the start of a needle that goes on in what comes next. */
  openEnd(bytes: Buffer, from: number): number
}

const TABLE_SIZE = 4096

/**
 * One pass for all needles (Wu and Manber, 1994, blocks of two bytes): most positions are skipped unseen, so that scrubbing a
 * download costs little. Every needle has two bytes or more.
 */
export function createSearch(needles: readonly Buffer[]): Search {
  const ordered = [...needles].sort((a, b) => b.length - a.length)
  const window = Math.min(255, ...needles.map((needle) => needle.length))
  const shifts = new Uint8Array(TABLE_SIZE).fill(window - 1)
  for (const needle of needles) {
    for (let i = 1; i < window; i += 1) {
      const block = blockOf(needle[i - 1] ?? 0, needle[i] ?? 0)
      shifts[block] = Math.min(shifts[block] ?? 0, window - 1 - i)
    }
  }
  const firstBytes = new Set(needles.map((needle) => needle[0] ?? 0))
  return { find, openEnd }

  function find(bytes: Buffer, from: number): Hit | undefined {
    let last = from + window - 1
    while (last < bytes.length) {
      const shift = shifts[blockOf(bytes[last - 1] ?? 0, bytes[last] ?? 0)] ?? 0
      if (shift > 0) {
        last += shift
        continue
      }
      const at = last - window + 1
      const found = ordered.find((needle) => at + needle.length <= bytes.length && startsAt(bytes, at, needle))
      if (found !== undefined) return { at, end: at + found.length }
      last += 1
    }
    return undefined
  }

  function openEnd(bytes: Buffer, from: number): number {
    const longest = ordered[0]?.length ?? 0
    for (let at = Math.max(from, bytes.length - longest + 1); at < bytes.length; at += 1) {
      if (!firstBytes.has(bytes[at] ?? -1)) continue
      if (ordered.some((needle) => at + needle.length > bytes.length && startsAt(bytes, at, needle))) return bytes.length - at
    }
    return 0
  }
}

function blockOf(first: number, second: number): number {
  return (first * 31 + second) & (TABLE_SIZE - 1)
}

/** Equal as far as `bytes` go. */
function startsAt(bytes: Buffer, at: number, needle: Buffer): boolean {
  const length = Math.min(needle.length, bytes.length - at)
  for (let i = 0; i < length; i += 1) if (bytes[at + i] !== needle[i]) return false
  return true
}
