import { type Frontier, type HashTile, leafHashInto, openFrontier } from './merkle.ts'
import { HASH_BYTES, TILE_WIDTH, type Tile } from './tiles.ts'

/** A resource of the published tree with its content. */
export interface Resource extends Tile {
  readonly chunks: readonly Buffer[]
}

/** The tree at one size: its root, and every resource that is not published for good yet. Full ones first. */
export interface Snapshot {
  readonly size: number
  readonly root: Buffer
  readonly full: readonly Resource[]
  readonly partial: readonly Resource[]
}

/** The right edge of the log in memory: the unfinished tree and the entries that no full, durable bundle holds yet. */
export interface Edge {
  size(): number
  /** The first entry that is held here; a multiple of 256. */
  first(): number
  /** Bytes of entries held. */
  bytes(): number
  /**
   * Adds durable entries, copying them: `spans` as `splitBundle` gives them, `leaves` their hashes. They count at once, and are hashed
   * into the tree when that is looked at, when more come, or by `settle`.
   */
  add(body: Buffer, spans: Uint32Array, leaves: Buffer): void
  /** Works off what was added last, for when there is time: while the disk writes. */
  settle(): void
  snapshot(): Snapshot
  /** The snapshot's full resources are durable: they are let go of. */
  release(snapshot: Snapshot): void
  /** Everything held, laid out as one body. */
  carry(): readonly Buffer[]
  /** The bundle's bytes when it is held here. */
  bundle(index: number): Buffer | undefined
}

interface Added {
  readonly body: Buffer
  readonly spans: Uint32Array
  readonly leaves: Buffer
}

/** Leaf hashes of the entries that `spans` marks in `body`, end to end. */
export function hashLeaves(body: Buffer, spans: Uint32Array): Buffer {
  const leaves = Buffer.allocUnsafe((spans.length / 2) * HASH_BYTES)
  for (let i = 0; i < spans.length; i += 2) {
    leafHashInto(leaves, (i / 2) * HASH_BYTES, body, spans[i] ?? 0, spans[i + 1] ?? 0)
  }
  return leaves
}

/** An edge that begins at entry `first`, a multiple of 256. `readFull` gives full hash tiles below it. */
export function openEdge(first: number, readFull: (level: number, index: number) => Buffer): Edge {
  let tiles: HashTile[] = []
  const frontier: Frontier = openFrontier(first, readFull, (tile) => tiles.push(tile))
  const bundles = new Map<number, Buffer[]>()
  let bytes = 0
  let start = first
  let added: Added | undefined
  const keep = (chunk: Buffer, index: number): void => {
    const chunks = bundles.get(index)
    if (chunks === undefined) bundles.set(index, [chunk])
    else chunks.push(chunk)
    bytes += chunk.length
  }
  const settle = (): void => {
    if (added === undefined) return
    const { body, spans, leaves } = added
    added = undefined
    const count = spans.length / 2
    for (let from = 0; from < count; ) {
      const size = frontier.size()
      const to = Math.min(count, from + TILE_WIDTH - (size % TILE_WIDTH))
      keep(body.subarray((spans[from * 2] ?? 0) - 2, spans[to * 2 - 1]), Math.floor(size / TILE_WIDTH))
      for (; from < to; from++) frontier.push(leaves.subarray(from * HASH_BYTES, (from + 1) * HASH_BYTES))
    }
  }
  return {
    size: () => frontier.size() + (added === undefined ? 0 : added.spans.length / 2),
    first: () => start,
    bytes: () => bytes + (added?.body.length ?? 0),
    settle,
    add(body, spans, leaves) {
      settle()
      added = { body: Buffer.from(body), spans, leaves }
    },
    snapshot() {
      settle()
      const size = frontier.size()
      const bundle = (index: number, width: number): Resource => ({
        level: 'entries',
        index,
        width,
        chunks: [...(bundles.get(index) ?? [])],
      })
      const hashes = ({ level, index, width, bytes: chunk }: HashTile): Resource => ({ level, index, width, chunks: [chunk] })
      const whole = Math.floor(size / TILE_WIDTH)
      const full = [...bundles.keys()].filter((index) => index < whole).map((index) => bundle(index, TILE_WIDTH))
      const rest = size % TILE_WIDTH === 0 ? [] : [bundle(whole, size % TILE_WIDTH)]
      return {
        size,
        root: frontier.root(),
        full: [...full, ...tiles.map(hashes)],
        partial: [...rest, ...frontier.partials().map(hashes)],
      }
    },
    release(snapshot) {
      start = snapshot.size - (snapshot.size % TILE_WIDTH)
      const done = new Set(snapshot.full.map(({ level, index }) => `${level}/${index}`))
      tiles = tiles.filter(({ level, index }) => !done.has(`${level}/${index}`))
      for (const { level, index, chunks } of snapshot.full) {
        if (level === 'entries' && bundles.delete(index)) bytes -= chunks.reduce((sum, chunk) => sum + chunk.length, 0)
      }
    },
    carry() {
      settle()
      return [...bundles.keys()].sort((a, b) => a - b).flatMap((index) => bundles.get(index) ?? [])
    },
    bundle(index) {
      settle()
      const chunks = bundles.get(index)
      return chunks === undefined ? undefined : Buffer.concat(chunks)
    },
  }
}
