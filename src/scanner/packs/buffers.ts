/** Memory that is used again, since taking and freeing gigabytes of it in pieces costs more than what is done with them. */
export interface Buffers {
  /** So many bytes of whatever content. */
  take(bytes: number): Buffer
  /** What was taken and is not looked at any more. */
  give(buffer: Buffer): void
  /** Bytes that are taken and not given back. */
  readonly taken: number
}

/** What is given back beyond this is freed. */
const KEPT_BYTES = 8 << 20

/** Keeps buffers by powers of two. */
export function createBuffers(): Buffers {
  const free = new Map<number, ArrayBuffer[]>()
  let taken = 0
  let kept = 0
  return {
    take(bytes) {
      const room = 2 ** Math.ceil(Math.log2(Math.max(64, bytes)))
      taken += room
      const one = free.get(room)?.pop()
      if (one !== undefined) kept -= room
      return Buffer.from(one ?? new ArrayBuffer(room), 0, bytes)
    },
    give({ buffer }) {
      const room = buffer.byteLength
      taken -= room
      if (kept + room > KEPT_BYTES) return
      kept += room
      const ones = free.get(room)
      if (ones === undefined) free.set(room, [buffer as ArrayBuffer])
      else ones.push(buffer as ArrayBuffer)
    },
    get taken() {
      return taken
    },
  }
}
