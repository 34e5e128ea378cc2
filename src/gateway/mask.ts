import type { Rewrite } from './rewrite.ts'
import type { Search } from './search.ts'

const MARKER = '[scrubbed]'
const NOTHING: Buffer = Buffer.alloc(0)

/**
 * Covers what the search finds, also across chunks, byte for byte: lengths stay true, so that Content-Length, ranges and
 * WebSocket frames stay valid. Holds back only bytes that could be the start of something to cover, so that an event stream
 * is never delayed by a tail.
 */
export function createMask(search: Search): Rewrite {
  let held: Buffer = NOTHING
  let lead: Buffer = NOTHING // what the first held bytes come out as: the end of a cover that began before them
  return {
    push(chunk) {
      const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk])
      const cut = bytes.length - search.openEnd(bytes, 0)
      const { masked, end } = cover(bytes, search, lead, cut)
      held = bytes.subarray(cut)
      lead = end > cut ? masked.subarray(cut, end) : NOTHING
      return masked.subarray(0, cut)
    },
    end() {
      const { masked } = cover(held, search, lead)
      held = NOTHING
      return masked
    },
  }
}

/**
 * A copy with everything found before `limit` covered, or the same bytes when there was nothing; `end` is where the last cover
 * ends. `lead` replaces the first bytes.
 */
export function cover(bytes: Buffer, search: Search, lead = NOTHING, limit = bytes.length): { masked: Buffer; end: number } {
  let masked = bytes
  let end = lead.length
  if (end > 0) {
    masked = Buffer.from(bytes)
    lead.copy(masked)
  }
  for (let hit = search.find(bytes, 0); hit !== undefined && hit.at < limit; hit = search.find(bytes, hit.at + 1)) {
    if (masked === bytes) masked = Buffer.from(bytes)
    masked.fill('*', Math.max(hit.at, end), Math.max(hit.end, end))
    if (hit.at >= end && hit.end - hit.at >= MARKER.length) masked.write(MARKER, hit.at, 'latin1')
    end = Math.max(end, hit.end)
  }
  return { masked, end }
}
