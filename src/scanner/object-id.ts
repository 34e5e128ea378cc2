/** Orders the object ids at two places, as Buffer.compare, which takes ten times as long for so few bytes. */
export function compareIds(some: Uint8Array, at: number, others: Uint8Array, otherAt: number, width: number): number {
  for (let i = 0; i < width; i += 1) {
    const difference = (some[at + i] as number) - (others[otherAt + i] as number)
    if (difference !== 0) return difference
  }
  return 0
}
