/**
 * V8 collects when its own heap has grown; the memory of the chunks that sockets deliver lies outside, and of a large download up to
 * 64 MiB of it would wait. So the young generation is collected, in about a millisecond, each time that so much has passed.
 */
const EVERY_BYTES = 16 << 20

const collect = (globalThis as { gc?: (how: { type: 'minor' }) => void }).gc

let passed = 0

/** Counts a chunk that passed. Does nothing more where the process was started without `--expose-gc`. */
export function countGarbage(bytes: number): void {
  passed += bytes
  if (passed < EVERY_BYTES) return
  passed = 0
  collect?.({ type: 'minor' })
}
