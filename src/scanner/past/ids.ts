import { compareIds } from '../object-id.ts'

/** Object ids one after the other, `width` bytes each: 20 (SHA-1) or 32 (SHA-256). Sorted means ascending, each once. */
export interface Ids {
  readonly bytes: Buffer
  readonly width: number
}

export function countIds({ bytes, width }: Ids): number {
  return bytes.length / width
}

/** How many values the first two bytes of an id have: hashes are spread over them evenly. */
const SHELVES = 1 << 16

/** The ids, sorted. Whatever they are, it takes no more than n log n steps. */
export function sortIds({ bytes, width }: Ids): Ids {
  const starts = startsOf(bytes, width)
  const next = starts.slice()
  const order = new Uint32Array(bytes.length / width)
  for (let at = 0; at < bytes.length; at += width) {
    const shelf = shelfAt(bytes, at)
    order[next[shelf] as number] = at
    count(next, shelf, 1)
  }
  const sorted = Buffer.from(new SharedArrayBuffer(bytes.length)) // workers are given it as it is
  let length = 0
  for (let shelf = 0; shelf < SHELVES; shelf += 1) {
    const ones = order.subarray(starts[shelf], starts[shelf + 1])
    if (ones.length > 1) ones.sort((one, other) => compareIds(bytes, one, bytes, other, width))
    for (const at of ones) {
      if (length > 0 && compareIds(sorted, length - width, bytes, at, width) === 0) continue
      length = copyId(bytes, at, sorted, length, width)
    }
  }
  return { bytes: sorted.subarray(0, length), width }
}

/** Looks ids up in sorted ones: the number of the one that stands at `at` of the bytes, or -1. */
export function createLookup({ bytes: sorted, width }: Ids): (bytes: Buffer, at: number) => number {
  const starts = startsOf(sorted, width)
  return (bytes, at) => {
    const shelf = shelfAt(bytes, at)
    let from = starts[shelf] as number
    let to = starts[shelf + 1] as number
    while (from < to) {
      const middle = (from + to) >> 1
      const order = compareIds(sorted, middle * width, bytes, at, width)
      if (order === 0) return middle
      if (order < 0) from = middle + 1
      else to = middle
    }
    return -1
  }
}

/** Sorted ids and others, sorted too: what is in either, but for those of the first that are marked as gone. */
export function mergeIds(one: Ids, isGone: (index: number) => boolean, { bytes: others, width }: Ids): Ids {
  if (one.bytes.length === 0) return { bytes: others, width }
  const merged = Buffer.allocUnsafe(one.bytes.length + others.length)
  let length = 0
  let at = 0
  for (let i = 0; i < one.bytes.length; i += width) {
    if (isGone(i / width)) continue
    for (; at < others.length && compareIds(others, at, one.bytes, i, width) < 0; at += width)
      length = copyId(others, at, merged, length, width)
    length = copyId(one.bytes, i, merged, length, width)
    if (at < others.length && compareIds(others, at, one.bytes, i, width) === 0) at += width
  }
  for (; at < others.length; at += width) length = copyId(others, at, merged, length, width)
  return { bytes: merged.subarray(0, length), width }
}

/** For each shelf the number of the first id on it or behind it; at the end how many ids there are. */
function startsOf(bytes: Buffer, width: number): Uint32Array {
  const starts = new Uint32Array(SHELVES + 1)
  for (let at = 0; at < bytes.length; at += width) count(starts, shelfAt(bytes, at) + 1, 1)
  for (let shelf = 0; shelf < SHELVES; shelf += 1) count(starts, shelf + 1, starts[shelf] as number)
  return starts
}

function count(counts: Uint32Array, at: number, by: number): void {
  counts[at] = (counts[at] as number) + by
}

function shelfAt(bytes: Buffer, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
}

/** Where the copy ends. */
export function copyId(from: Buffer, at: number, to: Buffer, length: number, width: number): number {
  for (let i = 0; i < width; i += 1) to[length + i] = from[at + i] as number
  return length + width
}
