import { hash } from 'node:crypto'
import { HASH_BYTES, levelsOf, MAX_ENTRY_BYTES, nodesAt, TILE_WIDTH } from './tiles.ts'

/** SHA-256 of nothing: the root of the empty tree (RFC 6962, section 2.1). */
export const EMPTY_ROOT: Buffer = Buffer.from(hash('sha256', '', 'hex'), 'hex')

// One-shot hashing with a text result is the fastest that node:crypto has: half the time of a Buffer result; binary is a byte in each
// character.
// Views come from a plain Uint8Array, whose subarray is faster than Buffer's.
const leaf = new Uint8Array(1 + MAX_ENTRY_BYTES)
const leafCopy = Buffer.from(leaf.buffer)
const node = Buffer.alloc(1 + 2 * HASH_BYTES)
node[0] = 1
const fold = Buffer.alloc((TILE_WIDTH + 1) * HASH_BYTES)

/** Writes the leaf hash of `bytes[start, end)`, SHA-256(0x00 ‖ entry), into `out`. Entries are at most 65535 bytes. */
export function leafHashInto(out: Buffer, at: number, bytes: Buffer, start: number, end: number): void {
  bytes.copy(leafCopy, 1, start, end)
  out.write(hash('sha256', leaf.subarray(0, 1 + end - start), 'binary'), at, HASH_BYTES, 'binary')
}

/** SHA-256(0x00 ‖ entry). Throws RangeError for more than 65535 bytes. */
export function leafHash(entry: Buffer): Buffer {
  if (entry.length > MAX_ENTRY_BYTES) throw new RangeError('an entry has more than 65,535 bytes')
  const out = Buffer.alloc(HASH_BYTES)
  leafHashInto(out, 0, entry, 0, entry.length)
  return out
}

/** SHA-256(0x01 ‖ left ‖ right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  node.set(left, 1)
  node.set(right, 1 + HASH_BYTES)
  return Buffer.from(hash('sha256', node, 'hex'), 'hex')
}

/** The root over `count` ≥ 1 hashes laid end to end; all stand for complete subtrees but perhaps the last. */
export function foldHashes(hashes: Uint8Array, count: number): Buffer {
  fold.set(hashes.subarray(0, count * HASH_BYTES))
  for (let width = count; width > 1; width = Math.ceil(width / 2)) {
    const pairs = width >> 1
    for (let i = 0; i < pairs; i++) {
      fold.copy(node, 1, i * 2 * HASH_BYTES, (i + 1) * 2 * HASH_BYTES)
      fold.write(hash('sha256', node, 'binary'), i * HASH_BYTES, HASH_BYTES, 'binary')
    }
    // An odd one out moves up unhashed, which is what splitting at the largest power of two comes to.
    if (width % 2 === 1) fold.copyWithin(pairs * HASH_BYTES, (width - 1) * HASH_BYTES, width * HASH_BYTES)
  }
  return Buffer.from(fold.subarray(0, HASH_BYTES))
}

/** A full or partial hash tile with its bytes. */
export interface HashTile {
  readonly level: number
  readonly index: number
  readonly width: number
  readonly bytes: Buffer
}

/** The right edge of a growing tree: the unfinished tile of every level. */
export interface Frontier {
  size(): number
  /** Adds a leaf hash; tiles that it completed are handed to `onFull`. */
  push(leafHash: Uint8Array): void
  /** The tree's root (RFC 6962 MTH). */
  root(): Buffer
  /** Copies of the unfinished tiles, lowest level first. */
  partials(): HashTile[]
}

/**
 * A frontier at `size`, which must be a multiple of 256. `readFull` gives full tiles of the level below, from which the
 * unfinished tiles are computed again.
 */
export function openFrontier(
  size: number,
  readFull: (level: number, index: number) => Buffer,
  onFull: (tile: HashTile) => void,
): Frontier {
  const levels: { nodes: number; bytes: Buffer }[] = []
  for (let level = 0; level < levelsOf(size); level++) levels.push(openLevel(level, nodesAt(level, size), readFull))
  const pushAt = (level: number, hashed: Uint8Array): void => {
    let edge = levels[level]
    if (edge === undefined) {
      edge = { nodes: 0, bytes: Buffer.alloc(TILE_WIDTH * HASH_BYTES) }
      levels[level] = edge
    }
    edge.bytes.set(hashed, (edge.nodes % TILE_WIDTH) * HASH_BYTES)
    edge.nodes++
    if (edge.nodes % TILE_WIDTH !== 0) return
    const full = edge.bytes
    edge.bytes = Buffer.alloc(TILE_WIDTH * HASH_BYTES)
    onFull({ level, index: edge.nodes / TILE_WIDTH - 1, width: TILE_WIDTH, bytes: full })
    pushAt(level + 1, foldHashes(full, TILE_WIDTH))
  }
  const partials = (): HashTile[] =>
    levels.flatMap(({ nodes, bytes }, level) => {
      const width = nodes % TILE_WIDTH
      if (width === 0) return []
      return [{ level, index: Math.floor(nodes / TILE_WIDTH), width, bytes: Buffer.from(bytes.subarray(0, width * HASH_BYTES)) }]
    })
  return {
    size: () => levels[0]?.nodes ?? 0,
    push: (hashed) => pushAt(0, hashed),
    root: () => rootOf(partials()),
    partials,
  }
}

function openLevel(level: number, nodes: number, readFull: (level: number, index: number) => Buffer) {
  const bytes = Buffer.alloc(TILE_WIDTH * HASH_BYTES)
  const first = nodes - (nodes % TILE_WIDTH)
  for (let i = first; i < nodes; i++) {
    foldHashes(readFull(level - 1, i), TILE_WIDTH).copy(bytes, (i - first) * HASH_BYTES)
  }
  return { nodes, bytes }
}

/** The root of the tree whose unfinished tiles these are, lowest level first. */
export function rootOf(partials: readonly { width: number; bytes: Uint8Array }[]): Buffer {
  let ragged: Buffer | undefined
  for (const { width, bytes } of partials) {
    if (ragged === undefined) ragged = foldHashes(bytes, width)
    else ragged = foldHashes(Buffer.concat([bytes.subarray(0, width * HASH_BYTES), ragged]), width + 1)
  }
  return ragged ?? EMPTY_ROOT
}
