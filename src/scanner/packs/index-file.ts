import { IDS_AT, readIndexHead } from '../index-head.ts'
import { compareIds } from '../object-id.ts'
import { PackError } from './pack-error.ts'

/** Where the objects of a pack are: by `at`, the order of their ids. */
export interface PackIndex {
  readonly count: number
  /** In the pack file. */
  offsetOf(at: number): number
  /** Which object has this id of 20 bytes, at `from` of `ids`; -1 for none. */
  find(ids: Uint8Array, from: number): number
}

const ID_BYTES = 20
const LARGE = 0x80000000

/** Reads a pack index of version 2 (git's gitformat-pack, "Version 2 pack-*.idx files"). Throws PackError for what is none. Attacker-controlled. */
export function readPackIndex(file: Buffer): PackIndex {
  const head = readIndexHead(file.subarray(0, IDS_AT), file.length, ID_BYTES)
  if (head === undefined) throw new PackError('not a pack index of version 2')
  const upTo = head
  const count = upTo[255] as number
  const offsets = IDS_AT + count * (ID_BYTES + 4)
  const large = offsets + count * 4

  function offsetOf(at: number): number {
    const small = file.readUInt32BE(offsets + at * 4)
    if (small < LARGE) return small
    const place = large + (small - LARGE) * 8
    if (place + 8 > file.length - 2 * ID_BYTES) throw new PackError('its pack index is broken')
    return Number(file.readBigUInt64BE(place))
  }

  function find(wanted: Uint8Array, from: number): number {
    const first = wanted[from] as number
    let low = first === 0 ? 0 : (upTo[first - 1] as number)
    let high = upTo[first] as number
    while (low < high) {
      const middle = (low + high) >> 1
      const start = IDS_AT + middle * ID_BYTES
      const order = compareIds(file, start, wanted, from, ID_BYTES)
      if (order === 0) return middle
      if (order < 0) low = middle + 1
      else high = middle
    }
    return -1
  }

  return { count, offsetOf, find }
}
