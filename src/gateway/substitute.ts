import type { Rewrite } from './rewrite.ts'

/** Replaces a text in a stream of bytes, also across chunks. Holds back at most what could be the start of `find`. */
export function createSubstitution(find: Buffer, replacement: Buffer): Rewrite {
  let held: Buffer = Buffer.alloc(0)
  return {
    push(chunk) {
      const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk])
      const parts: Buffer[] = []
      let from = 0
      for (let at = bytes.indexOf(find); at !== -1; at = bytes.indexOf(find, from)) {
        parts.push(bytes.subarray(from, at), replacement)
        from = at + find.length
      }
      const keep = startedAtEnd(bytes.subarray(from), find)
      held = bytes.subarray(bytes.length - keep)
      parts.push(bytes.subarray(from, bytes.length - keep))
      return parts.length === 1 ? (parts[0] ?? held) : Buffer.concat(parts)
    },
    end() {
      const rest = held
      held = Buffer.alloc(0)
      return rest
    },
  }
}

/** One rewrite after the other. */
export function chainRewrites(rewrites: readonly Rewrite[]): Rewrite | undefined {
  const [first, ...others] = rewrites
  if (first === undefined) return undefined
  const rest = chainRewrites(others)
  if (rest === undefined) return first
  return {
    push: (chunk) => rest.push(first.push(chunk)),
    end: () => Buffer.concat([rest.push(first.end()), rest.end()]),
  }
}

/** How many of the last bytes are a proper start of `find`. */
function startedAtEnd(bytes: Buffer, find: Buffer): number {
  for (let length = Math.min(find.length - 1, bytes.length); length > 0; length -= 1) {
    if (bytes.compare(find, 0, length, bytes.length - length) === 0) return length
  }
  return 0
}
