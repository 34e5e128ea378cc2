const [FIRST_MS, LONGEST_MS] = [500, 300_000]

/** How long to wait after so many attempts that failed: doubles, and is spread by half so that who comes back is not asked by all at once. */
export function backoff(attempts: number): number {
  return Math.min(FIRST_MS * 2 ** Math.min(attempts, 16), LONGEST_MS) * (0.75 + Math.random() / 2)
}
