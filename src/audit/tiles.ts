import { tampered } from './error.ts'

/** Hashes in a full tile, and entries in a full bundle (C2SP tlog-tiles). */
export const TILE_WIDTH = 256
/** Bytes of a SHA-256 hash. */
export const HASH_BYTES = 32
/** Longest entry a bundle can hold: its length is a uint16. */
export const MAX_ENTRY_BYTES = 0xffff

/** One resource of a tlog-tiles log: a hash tile of a level, or a bundle of entries. `width` below 256 is partial. */
export interface Tile {
  readonly level: number | 'entries'
  readonly index: number
  readonly width: number
}

/** The resource's path under the log's prefix: `tile/0/x001/234`, `tile/entries/000.p/17`. */
export function tilePath(tile: Tile): string {
  let path = String(tile.index % 1000).padStart(3, '0')
  for (let rest = Math.floor(tile.index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    path = `x${String(rest % 1000).padStart(3, '0')}/${path}`
  }
  return `tile/${tile.level}/${path}${tile.width === TILE_WIDTH ? '' : `.p/${tile.width}`}`
}

/** Complete nodes at a tile level in a tree of `size` entries: floor(size / 256^level). */
export function nodesAt(level: number, size: number): number {
  return Math.floor(size / TILE_WIDTH ** level)
}

/** Levels a tree of `size` entries has tiles at. */
export function levelsOf(size: number): number {
  let levels = 0
  while (nodesAt(levels, size) > 0) levels++
  return levels
}

/** The partial tiles and the partial bundle that a tree of exactly `size` entries has. */
export function partialTiles(size: number): Tile[] {
  const tiles: Tile[] = []
  for (let level = 0; level < levelsOf(size); level++) {
    const nodes = nodesAt(level, size)
    const tile = { index: Math.floor(nodes / TILE_WIDTH), width: nodes % TILE_WIDTH }
    if (tile.width === 0) continue
    tiles.push({ level, ...tile })
    if (level === 0) tiles.push({ level: 'entries', ...tile })
  }
  return tiles
}

/** How wide the tile at `index` of `level` is in a tree of `size` entries; 0 when it has none. */
export function tileWidth(level: number | 'entries', index: number, size: number): number {
  const nodes = nodesAt(level === 'entries' ? 0 : level, size) - index * TILE_WIDTH
  return Math.max(0, Math.min(TILE_WIDTH, nodes))
}

/**
 * Where each entry of a bundle starts and ends, as pairs [start0, end0, start1, …]. Throws `audit_tampered` when the bundle does
 * not hold exactly `count` entries. Attacker-controlled.
 */
export function splitBundle(bundle: Buffer, count: number, place: string): Uint32Array {
  const spans = new Uint32Array(count * 2)
  let at = 0
  for (let i = 0; i < count; i++) {
    const start = at + 2
    const end = start <= bundle.length ? start + bundle.readUInt16BE(at) : start
    if (end > bundle.length) throw tampered(place, `the bundle ends in the middle of its entry ${i} of ${count}`)
    spans[i * 2] = start
    spans[i * 2 + 1] = end
    at = end
  }
  if (at !== bundle.length) throw tampered(place, `the bundle has ${bundle.length - at} bytes after its ${count} entries`)
  return spans
}
