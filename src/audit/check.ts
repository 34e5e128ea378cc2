import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { hashLeaves } from './edge.ts'
import { type EntryKind, parseEntry } from './entry.ts'
import { tampered } from './error.ts'
import { foldHashes } from './merkle.ts'
import { fastPattern } from './pattern.ts'
import { HASH_BYTES, splitBundle, TILE_WIDTH, tilePath } from './tiles.ts'

/** What a run of full bundles turned out to hold, laid end to end. */
export interface CheckedBundles {
  /** The root over each bundle's 256 entries. */
  readonly roots: Buffer
  /** One bit for each entry: it is a decision that allows. */
  readonly allows: Buffer
  /** Pairs: the index of an outcome, the index of the decision it names. */
  readonly outcomes: Float64Array
}

/**
 * Checks full bundles from `first` on against their level 0 tiles, entry by entry. Throws `audit_tampered` at the first that does not
 * hold. Synchronous.
 */
export function checkBundles(directory: string, first: number, count: number): CheckedBundles {
  const roots = Buffer.alloc(count * HASH_BYTES)
  const allows = Buffer.alloc((count * TILE_WIDTH) / 8)
  const outcomes: number[] = []
  for (let i = 0; i < count; i++) {
    const index = first + i
    const [bundle, tile] = [readTree(directory, 'entries', index), readTree(directory, 0, index)]
    const leaves = checkBundle(bundle, tile, index, TILE_WIDTH, allows.subarray((i * TILE_WIDTH) / 8), outcomes)
    foldHashes(leaves, TILE_WIDTH).copy(roots, i * HASH_BYTES)
  }
  return { roots, allows, outcomes: Float64Array.from(outcomes) }
}

/** Checks one bundle of `width` entries against its level 0 tile; marks its allows, adds its outcomes and returns its leaf hashes. */
export function checkBundle(
  bundle: Buffer,
  tile: Buffer,
  index: number,
  width: number,
  allows: Buffer,
  outcomes: number[],
): Buffer {
  const place = tilePath({ level: 'entries', index, width })
  const spans = splitBundle(bundle, width, place)
  const leaves = hashLeaves(bundle, spans)
  if (!leaves.equals(tile)) throw differs(leaves, tile, index, width)
  for (let i = 0; i < width; i++) {
    const entry = index * TILE_WIDTH + i
    const start = spans[i * 2] ?? 0
    const end = spans[i * 2 + 1] ?? 0
    const bytes = bundle.subarray(start, end)
    const { isAllow, decision } = quickLinks(bytes) ?? slowLinks(bytes, entry)
    if (isAllow) allows[i >> 3] = (allows[i >> 3] ?? 0) | (1 << (i & 7))
    if (decision !== undefined) outcomes.push(entry, decision)
  }
  return leaves
}

function differs(leaves: Buffer, tile: Buffer, index: number, width: number): Error {
  const path = tilePath({ level: 0, index, width })
  if (tile.length !== leaves.length) return tampered(path, `the tile has ${tile.length} bytes, not ${leaves.length}`)
  let at = 0
  while (leaves.compare(tile, at, at + HASH_BYTES, at, at + HASH_BYTES) === 0) at += HASH_BYTES
  return tampered(`entry ${index * TILE_WIDTH + at / HASH_BYTES}`, `the entry and its hash in ${path} do not belong together`)
}

interface Links {
  readonly isAllow: boolean
  readonly decision: number | undefined
}
const NO_LINKS: Links = { isAllow: false, decision: undefined }
const ALLOW: Links = { isAllow: true, decision: undefined }
const PATTERNS = {
  decision: fastPattern('decision', 'effect'),
  outcome: fastPattern('outcome', 'decision'),
  attempt: fastPattern('attempt'),
  act: fastPattern('act'),
  system: fastPattern('system'),
} as const satisfies Record<EntryKind, RegExp>
const KIND_OF: Readonly<Record<string, EntryKind>> = {
  dec: 'decision',
  out: 'outcome',
  att: 'attempt',
  act: 'act',
  sys: 'system',
}
const KIND_AT = '{"v":1,"kind":"'.length

/** What an entry says about others, when it holds no escapes. */
function quickLinks(bytes: Buffer): Links | undefined {
  const text = bytes.toString('latin1')
  const kind = KIND_OF[text.slice(KIND_AT, KIND_AT + 3)]
  const found = kind === undefined ? null : PATTERNS[kind].exec(text)
  return kind === undefined || found === null || !isUtf8(bytes) ? undefined : linksOf(kind, found[1])
}

/** The same for any entry. Throws `audit_tampered` for one that Stint does not write. */
function slowLinks(bytes: Buffer, index: number): Links {
  const entry = parseEntry(bytes, `entry ${index}`)
  switch (entry.kind) {
    case 'decision':
      return entry.effect === 'allow' ? ALLOW : NO_LINKS
    case 'outcome':
      return { isAllow: false, decision: entry.decision }
    default:
      return NO_LINKS
  }
}

function linksOf(kind: EntryKind, value: string | undefined): Links {
  if (kind === 'decision') return value === '"allow"' ? ALLOW : NO_LINKS
  if (kind === 'outcome') return { isAllow: false, decision: Number(value) }
  return NO_LINKS
}

/** A full resource of the tree. Throws `audit_tampered` when it cannot be read. */
export function readTree(directory: string, level: number | 'entries', index: number): Buffer {
  const path = tilePath({ level, index, width: TILE_WIDTH })
  try {
    return readFileSync(join(directory, path))
  } catch {
    throw tampered(path, 'it cannot be read')
  }
}
