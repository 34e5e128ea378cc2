import { fstatSync, readSync } from 'node:fs'
import type { PackIndex } from './index-file.ts'
import { PackError } from './pack-error.ts'

/** What is in a pack, entry by entry in the order of the file. All of it is shared between threads. */
export interface Layout {
  readonly count: number
  /** Where each entry begins, and where the last one ends. */
  readonly offsets: Float64Array<SharedArrayBuffer>
  /** The entries that are whole, and hold what is looked into: blobs, commits and tags. */
  readonly roots: Uint32Array<SharedArrayBuffer>
  /** Of each entry the first that is a delta to it, and the next one to the same base; -1 for none. */
  readonly firstChild: Int32Array<SharedArrayBuffer>
  readonly nextChild: Int32Array<SharedArrayBuffer>
  /** What each entry turned out to be. */
  readonly verdicts: Uint8Array<SharedArrayBuffer>
}

/** git has to say; there is nothing to be found; it is a tree. */
export const VERDICT = { open: 0, nothing: 1, tree: 2 } as const

const TYPE = { commit: 1, tree: 2, blob: 3, tag: 4, offsetDelta: 6, idDelta: 7 } as const
const HASH_BYTES = 20
const WINDOW_BYTES = 1 << 16
const HEAD_BYTES = 32

/** Reads the heads of all entries (git's gitformat-pack, "pack-*.pack files have the following format"). Throws PackError for a pack that is none. Attacker-controlled. */
export function readLayout(pack: number, index: PackIndex): Layout {
  const { count } = index
  const size = fstatSync(pack).size
  const offsets = new Float64Array(new SharedArrayBuffer((count + 1) * 8))
  for (let at = 0; at < count; at += 1) offsets[at] = index.offsetOf(at)
  offsets[count] = size - HASH_BYTES
  offsets.sort()
  const layout = {
    ...{ count, offsets, verdicts: new Uint8Array(new SharedArrayBuffer(count)) },
    firstChild: new Int32Array(new SharedArrayBuffer(count * 4)).fill(-1),
    nextChild: new Int32Array(new SharedArrayBuffer(count * 4)).fill(-1),
  }
  const roots: number[] = []
  const isTree = new Uint8Array(count)
  const headAt = createWindow(pack)
  for (let entry = 0; entry < count; entry += 1) {
    const start = offsets[entry] as number
    if (start < 12 || start >= (offsets[entry + 1] as number)) throw new PackError('a pack has entries in one another')
    const { type, distance } = readHead(headAt(start), 0)
    const base = type === TYPE.offsetDelta ? findEntry(offsets, entry, start - distance) : -1
    if (base >= 0) {
      layout.nextChild[entry] = layout.firstChild[base] as number
      layout.firstChild[base] = entry
      isTree[entry] = isTree[base] as number
    } else if (type === TYPE.tree) isTree[entry] = 1
    else if (type === TYPE.commit || type === TYPE.blob || type === TYPE.tag) roots.push(entry)
    if (isTree[entry] === 1) layout.verdicts[entry] = VERDICT.tree
  }
  const shared = new Uint32Array(new SharedArrayBuffer(roots.length * 4))
  shared.set(roots)
  return { ...layout, roots: shared }
}

/** An entry's head: its type, the size of what is inflated, how far before it its base begins, and how many bytes the head takes. Throws PackError for one that is none. */
export function readHead(
  bytes: Buffer,
  from: number,
): { readonly type: number; readonly size: number; readonly distance: number; readonly length: number } {
  let at = from
  const next = (): number => {
    const byte = bytes[at++]
    if (byte === undefined || at - from > HEAD_BYTES) throw new PackError('an entry of a pack begins wrongly')
    return byte
  }
  let byte = next()
  const type = (byte >> 4) & 7
  let size = byte & 15
  for (let factor = 16; byte >= 0x80; factor *= 128) {
    byte = next()
    size += (byte & 0x7f) * factor
  }
  let distance = 0
  if (type === TYPE.offsetDelta) {
    byte = next()
    distance = byte & 0x7f
    while (byte >= 0x80) {
      byte = next()
      distance = (distance + 1) * 128 + (byte & 0x7f)
    }
  }
  return { type, size, distance, length: at - from }
}

/** Reads forward, a window at a time. */
function createWindow(pack: number): (offset: number) => Buffer {
  const window = Buffer.alloc(WINDOW_BYTES)
  let [start, end] = [0, 0]
  return (offset) => {
    if (offset < start || offset + HEAD_BYTES > end) {
      start = offset
      end = offset + readSync(pack, window, 0, WINDOW_BYTES, offset)
    }
    return window.subarray(offset - start, end - start)
  }
}

/** The entry before `before` that begins at `offset`; -1 for none. */
export function findEntry(offsets: Float64Array, before: number, offset: number): number {
  let [low, high] = [0, before]
  while (low < high) {
    const middle = (low + high) >> 1
    const start = offsets[middle] as number
    if (start === offset) return middle
    if (start < offset) low = middle + 1
    else high = middle
  }
  return -1
}
