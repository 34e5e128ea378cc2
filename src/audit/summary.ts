/** What a full bundle holds, as far as searching needs it: when, and a Bloom filter of its terms. 256 bytes and two times. */
export interface Summary {
  readonly earliest: string
  readonly latest: string
  /** False when no entry of the bundle has the term; true when one may. */
  mayHold(term: string): boolean
}

/** The fields that can be searched exactly. */
export const TERM_FIELDS = ['kind', 'caller', 'owner', 'task', 'target', 'action', 'effect', 'code', 'correlationId'] as const
export type TermField = (typeof TERM_FIELDS)[number]

const TERM = new RegExp(`"(?:${TERM_FIELDS.join('|')})":"(?:[^"\\\\]|\\\\.)*"`, 'g')
const TIME = /"at":"([^"]*)"/g
const BITS = 2048
/** Each term sets four bits; with about 300 terms in a bundle one in twenty-five tests is wrong, and costs reading the bundle. */
const PROBES = 4

/** A field and its value as the canonical JSON of an entry has them. */
export function termOf(field: TermField, value: string): string {
  return `"${field}":${JSON.stringify(value)}`
}

/** The summary of a bundle's text. */
export function summarise(bundle: string): Summary {
  const bits = new Uint8Array(BITS / 8)
  for (const term of new Set(bundle.match(TERM))) {
    for (const bit of probes(term)) bits[bit >> 3] = (bits[bit >> 3] ?? 0) | (1 << (bit & 7))
  }
  const times = Array.from(bundle.matchAll(TIME), ([, at]) => at ?? '').sort()
  return {
    earliest: times[0] ?? '',
    latest: times.at(-1) ?? '',
    mayHold: (term) => probes(term).every((bit) => ((bits[bit >> 3] ?? 0) >> (bit & 7)) & 1),
  }
}

/** FNV-1a, then double hashing. */
function probes(term: string): number[] {
  let hash = 0x811c9dc5
  for (let i = 0; i < term.length; i++) hash = Math.imul(hash ^ term.charCodeAt(i), 0x01000193)
  const step = (Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) | 1) >>> 0
  return Array.from({ length: PROBES }, (_, i) => ((hash >>> 0) + i * step) % BITS)
}
