import { availableParallelism } from 'node:os'
import { type CheckedBundles, checkBundle } from './check.ts'
import { checkRuns } from './check-runs.ts'
import { openCheckpoint, type Verifier } from './checkpoint.ts'
import { AuditError, tampered } from './error.ts'
import { EMPTY_ROOT, foldHashes, rootOf } from './merkle.ts'
import { createProver } from './proofs.ts'
import { HASH_BYTES, levelsOf, nodesAt, TILE_WIDTH, tilePath, tileWidth } from './tiles.ts'
import { openTree, type StaticTree } from './tree.ts'

export interface VerifyOptions {
  /** Whom to believe; the directory's own `public-key` unless given, which proves that it is whole but not who wrote it. */
  readonly verifier?: Verifier | undefined
  /** A checkpoint of the same log seen before: the log must extend it. Without one, a log rewritten as a whole by the key's holder passes. */
  readonly earlier?: string | undefined
  /** Threads that check, this one among them; as many as the machine has cores unless given. */
  readonly threads?: number | undefined
}

/** `ok` and what was covered, or the first problem and its place. */
export type Verified =
  | {
      readonly ok: true
      readonly origin: string
      readonly size: number
      readonly root: string
      readonly extendsSize: number | undefined
    }
  | { readonly ok: false; readonly place: string; readonly problem: string }

/**
 * Checks a log directory or an export completely, offline: the signature, every entry, every tile, the root, that outcomes name earlier
 * allows, and that it extends `earlier`. Entries that no checkpoint covers yet are not looked at.
 */
export async function verifyDirectory(directory: string, options: VerifyOptions = {}): Promise<Verified> {
  try {
    const tree = openTree(directory, options.verifier)
    const { origin, size, root } = tree.checkpoint
    const roots = await checkEntries(tree, options.threads ?? availableParallelism())
    checkTree(tree, roots)
    const extendsSize = options.earlier === undefined ? undefined : await checkExtends(tree, options.earlier)
    return { ok: true, origin, size, root: root.toString('base64'), extendsSize }
  } catch (error) {
    if (error instanceof AuditError) return { ok: false, place: error.place ?? directory, problem: error.reason }
    throw error
  }
}

/** Checks all entries; returns the roots of the full bundles, end to end. */
async function checkEntries(tree: StaticTree, threads: number): Promise<Buffer> {
  const { size } = tree.checkpoint
  const bundles = Math.floor(size / TILE_WIDTH)
  const roots = Buffer.alloc(bundles * HASH_BYTES)
  const allows = Buffer.alloc(Math.ceil(size / 8))
  const take = (first: number, checked: CheckedBundles): void => {
    roots.set(checked.roots, first * HASH_BYTES)
    allows.set(checked.allows, (first * TILE_WIDTH) / 8)
    checkOutcomes(checked.outcomes, allows)
  }
  await checkRuns(tree.directory, bundles, threads, take)
  const width = size % TILE_WIDTH
  if (width > 0) {
    const outcomes: number[] = []
    const [bundle, tile] = [
      tree.read({ level: 'entries', index: bundles, width }),
      tree.read({ level: 0, index: bundles, width }),
    ]
    checkBundle(bundle, tile, bundles, width, allows.subarray(bundles * (TILE_WIDTH / 8)), outcomes)
    checkOutcomes(Float64Array.from(outcomes), allows)
  }
  return roots
}

function checkOutcomes(outcomes: Float64Array, allows: Buffer): void {
  for (let i = 0; i < outcomes.length; i += 2) {
    const [index, decision] = [outcomes[i] ?? 0, outcomes[i + 1] ?? 0]
    const isAllow = ((allows[Math.floor(decision / 8)] ?? 0) >> (decision % 8)) & 1
    if (decision >= index || isAllow === 0)
      throw tampered(`entry ${index}`, `it is the outcome of entry ${decision}, which is no earlier allow`)
  }
}

/** Checks the hash tiles above level 0 and the root, from the roots of the full bundles. */
function checkTree(tree: StaticTree, bundleRoots: Buffer): void {
  const { size, root } = tree.checkpoint
  const edge: { width: number; bytes: Buffer }[] = []
  const width = size % TILE_WIDTH
  if (width > 0) edge.push({ width, bytes: tree.read({ level: 0, index: Math.floor(size / TILE_WIDTH), width }) })
  let nodes = bundleRoots
  for (let level = 1; level < levelsOf(size); level++) {
    const above = Buffer.alloc(nodesAt(level + 1, size) * HASH_BYTES)
    for (let index = 0; index * TILE_WIDTH < nodesAt(level, size); index++) {
      const tile = { level, index, width: tileWidth(level, index, size) }
      const bytes = nodes.subarray(index * TILE_WIDTH * HASH_BYTES, (index * TILE_WIDTH + tile.width) * HASH_BYTES)
      if (!tree.read(tile).equals(bytes)) throw tampered(tilePath(tile), 'it does not belong to the entries')
      if (tile.width < TILE_WIDTH) edge.push({ width: tile.width, bytes })
      else foldHashes(bytes, TILE_WIDTH).copy(above, index * HASH_BYTES)
    }
    nodes = above
  }
  if (!rootOf(edge).equals(root)) throw tampered('checkpoint', 'the entries have another root')
}

async function checkExtends(tree: StaticTree, earlier: string): Promise<number> {
  const place = 'earlier checkpoint'
  const before = openCheckpoint(earlier, tree.verifier, place)
  const { size } = tree.checkpoint
  if (before.size > size) throw tampered(place, `it covers ${before.size} entries; the log now ends at ${size}`)
  const then = before.size === 0 ? EMPTY_ROOT : await createProver(size, tree.readTile).rootAt(before.size)
  if (!then.equals(before.root)) throw tampered(place, `the first ${before.size} entries are not the ones it covered`)
  return before.size
}
