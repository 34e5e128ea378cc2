import { PackError } from './pack-error.ts'

/** What differs from the base: `count` ranges of the result, `from … to` by turns, in order and apart. */
export interface Changes {
  ranges: Int32Array
  count: number
}

/** The size of what a delta makes. Throws PackError where it is not made for a base of this size. */
export function resultSize(delta: Buffer, baseBytes: number): number {
  const reader = { at: 0 }
  if (readSize(delta, reader) !== baseBytes) throw new PackError('a delta has another base')
  return readSize(delta, reader)
}

/**
 * Makes `result` of `base` (git's gitformat-pack, "Deltified representation"), and says where it is not the same text as there: what is
 * inserted and where two copies meet, with `around` bytes on either side. Throws PackError for a delta that is broken. Attacker-controlled.
 */
export function applyDelta(base: Buffer, delta: Buffer, result: Buffer, around: number, changes: Changes): void {
  const reader = { at: 0 }
  readSize(delta, reader)
  readSize(delta, reader)
  changes.count = 0
  let made = 0
  /** Where the base goes on, if what is made last was a copy; nothing before the first. */
  let goesOn = 0
  while (reader.at < delta.length) {
    const op = delta[reader.at++] as number
    if (op === 0) throw new PackError('a delta has an operation that is none')
    const isCopy = op >= 0x80
    const from = isCopy ? readNumber(delta, reader, op, 4) : reader.at
    const length = isCopy ? readNumber(delta, reader, op >> 4, 3) || 0x10000 : op
    const source = isCopy ? base : delta
    if (from + length > source.length || made + length > result.length) throw new PackError('a delta goes beyond its ends')
    copy(source, from, result, made, length)
    if (!isCopy) {
      note(changes, made - around, made + length + around, result.length)
      reader.at += length
    } else if (from !== goesOn) note(changes, made - around, made + around, result.length)
    made += length
    goesOn = isCopy ? from + length : -1
  }
  if (made !== result.length) throw new PackError('a delta makes less than it says')
  if (goesOn !== base.length) note(changes, made - around, made, result.length)
}

/** Below this a loop is faster than a call. */
const SHORT_BYTES = 24

function copy(source: Buffer, from: number, target: Buffer, at: number, length: number): void {
  if (length > SHORT_BYTES) source.copy(target, at, from, from + length)
  else for (let i = 0; i < length; i += 1) target[at + i] = source[from + i] as number
}

/** Adds a range, within the result, or lengthens the last one. */
function note(changes: Changes, from: number, to: number, end: number): void {
  const { ranges, count } = changes
  const [first, last] = [Math.max(0, from), Math.min(end, to)]
  if (count > 0 && (ranges[count * 2 - 1] as number) >= first) {
    ranges[count * 2 - 1] = Math.max(last, ranges[count * 2 - 1] as number)
    return
  }
  if (count * 2 === ranges.length) {
    changes.ranges = new Int32Array(ranges.length * 2)
    changes.ranges.set(ranges)
  }
  changes.ranges[count * 2] = first
  changes.ranges[count * 2 + 1] = last
  changes.count += 1
}

interface Reader {
  at: number
}

function readSize(delta: Buffer, reader: Reader): number {
  let size = 0
  for (let factor = 1; ; factor *= 128) {
    const byte = delta[reader.at++]
    if (byte === undefined || factor > 2 ** 42) throw new PackError('a delta begins wrongly')
    size += (byte & 0x7f) * factor
    if (byte < 0x80) return size
  }
}

/** The bytes of a number that `flags` says are there, the lowest first. */
function readNumber(delta: Buffer, reader: Reader, flags: number, bytes: number): number {
  let number = 0
  for (let i = 0; i < bytes; i += 1) {
    if ((flags & (1 << i)) === 0) continue
    const byte = delta[reader.at++]
    if (byte === undefined) throw new PackError('a delta breaks off')
    number += byte * 2 ** (8 * i)
  }
  return number
}
