/** Counts failed proofs by address, so that guessing and flooding stop being answered. */
export interface Failures {
  /** Seconds to wait before this address is heard again; 0 when it is heard now. */
  waitSeconds(address: string): number
  note(address: string): void
}

/** `burst` failures at once, then one more each `1 / perSecond`. At most `addresses` are remembered; the longest silent goes first. */
export function createFailures(
  now: () => number,
  { burst, perSecond, addresses }: { burst: number; perSecond: number; addresses: number } = {
    burst: 40,
    perSecond: 2,
    addresses: 10_000,
  },
): Failures {
  const buckets = new Map<string, { spent: number; at: number }>()
  const spentNow = (address: string): number => {
    const bucket = buckets.get(address)
    return bucket === undefined ? 0 : Math.max(0, bucket.spent - ((now() - bucket.at) / 1000) * perSecond)
  }
  return {
    waitSeconds: (address) => Math.max(0, Math.ceil((spentNow(address) + 1 - burst) / perSecond)),
    note(address) {
      const spent = Math.min(burst, spentNow(address) + 1)
      buckets.delete(address)
      buckets.set(address, { spent, at: now() })
      const oldest = buckets.keys().next()
      if (buckets.size > addresses && !oldest.done) buckets.delete(oldest.value)
    },
  }
}
