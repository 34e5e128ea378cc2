import { EMPTY_ROOT, foldHashes, nodeHash } from './merkle.ts'
import { HASH_BYTES, TILE_WIDTH, type Tile, tileWidth } from './tiles.ts'

/** Gives the bytes of a hash tile: `width` × 32, of the tree the prover was made for. */
export type ReadTile = (tile: Tile & { readonly level: number }) => Promise<Buffer>

/** Makes proofs about a tree of `size` entries from its tiles. */
export interface Prover {
  /** RFC 6962 PATH: from the leaf's sibling up. Throws RangeError when there is no such entry. */
  inclusion(index: number): Promise<Buffer[]>
  /** RFC 6962 PROOF: that the tree of `from` entries is a prefix. Throws RangeError outside 0 < from ≤ size. */
  consistency(from: number): Promise<Buffer[]>
  /** The root the tree had at `size` entries. */
  rootAt(size: number): Promise<Buffer>
}

/** A prover over tiles that `read` gives. */
export function createProver(size: number, read: ReadTile): Prover {
  const range = (low: number, high: number) => rangeHash(low, high, size, read)
  return {
    async inclusion(index) {
      if (!Number.isSafeInteger(index) || index < 0 || index >= size) throw new RangeError(`no entry ${index} among ${size}`)
      return path(index, 0, size, range)
    },
    async consistency(from) {
      if (!Number.isSafeInteger(from) || from < 1 || from > size) throw new RangeError(`no tree of ${from} within ${size}`)
      return subproof(from, 0, size, true, range)
    },
    rootAt: async (at) => (at === 0 ? EMPTY_ROOT : range(0, at)),
  }
}

type Range = (low: number, high: number) => Promise<Buffer>

/** MTH(D[low:high]) from as few tiles as hold it. */
async function rangeHash(low: number, high: number, size: number, read: ReadTile): Promise<Buffer> {
  const count = high - low
  const below = splitPoint(count)
  if (count > 1 && below * 2 !== count) {
    return nodeHash(await rangeHash(low, low + below, size, read), await rangeHash(low + below, high, size, read))
  }
  const level = Math.floor(Math.log2(count) / 8)
  const nodes = count / TILE_WIDTH ** level
  const first = low / TILE_WIDTH ** level
  const index = Math.floor(first / TILE_WIDTH)
  const bytes = await read({ level, index, width: tileWidth(level, index, size) })
  return foldHashes(bytes.subarray((first % TILE_WIDTH) * HASH_BYTES), nodes)
}

async function path(index: number, low: number, high: number, range: Range): Promise<Buffer[]> {
  if (high - low === 1) return []
  const split = low + splitPoint(high - low)
  if (index < split) return [...(await path(index, low, split, range)), await range(split, high)]
  return [...(await path(index, split, high, range)), await range(low, split)]
}

async function subproof(from: number, low: number, high: number, whole: boolean, range: Range): Promise<Buffer[]> {
  if (from === high) return whole ? [] : [await range(low, high)]
  const split = low + splitPoint(high - low)
  if (from <= split) return [...(await subproof(from, low, split, whole, range)), await range(split, high)]
  return [...(await subproof(from, split, high, false, range)), await range(low, split)]
}

/** The largest power of two below `count`; 1 for 1. */
function splitPoint(count: number): number {
  let power = 1
  while (power * 2 < count) power *= 2
  return power
}

/** The root an inclusion proof leads to (RFC 9162, 2.1.3.2), or undefined when it cannot be a proof of this shape. */
export function rootFromInclusion(index: number, size: number, leafHash: Buffer, proof: readonly Buffer[]): Buffer | undefined {
  if (!whole(index) || !whole(size) || index >= size) return undefined
  let [at, last, root] = [index, size - 1, leafHash]
  for (const sibling of proof) {
    if (last === 0 || sibling.length !== HASH_BYTES) return undefined
    if (at % 2 === 1 || at === last) {
      root = nodeHash(sibling, root)
      while (at % 2 === 0 && at !== 0) [at, last] = [half(at), half(last)]
    } else {
      root = nodeHash(root, sibling)
    }
    ;[at, last] = [half(at), half(last)]
  }
  return last === 0 ? root : undefined
}

/** True when `proof` shows that the tree (`to`, `toRoot`) extends the non-empty tree (`from`, `fromRoot`) (RFC 9162, 2.1.4.2). */
export function extendsTree(from: number, fromRoot: Buffer, to: number, toRoot: Buffer, proof: readonly Buffer[]): boolean {
  if (!whole(from) || !whole(to) || from < 1 || from > to) return false
  if (from === to) return proof.length === 0 && fromRoot.equals(toRoot)
  if (proof.length === 0) return false
  const steps = isPowerOfTwo(from) ? [fromRoot, ...proof] : [...proof]
  let [at, last] = [from - 1, to - 1]
  while (at % 2 === 1) [at, last] = [half(at), half(last)]
  const seed = steps.shift()
  if (seed === undefined || seed.length !== HASH_BYTES) return false
  let [old, now] = [seed, seed]
  for (const step of steps) {
    if (last === 0 || step.length !== HASH_BYTES) return false
    if (at % 2 === 1 || at === last) {
      old = nodeHash(step, old)
      now = nodeHash(step, now)
      while (at % 2 === 0 && at !== 0) [at, last] = [half(at), half(last)]
    } else {
      now = nodeHash(now, step)
    }
    ;[at, last] = [half(at), half(last)]
  }
  return last === 0 && old.equals(fromRoot) && now.equals(toRoot)
}

function whole(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function half(value: number): number {
  return Math.floor(value / 2)
}

function isPowerOfTwo(value: number): boolean {
  return splitPoint(value) * 2 === value || value === 1
}
