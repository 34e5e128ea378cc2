/** The members of a JSON object that somebody else wrote. Attacker-controlled. */
export type Members = Readonly<Record<string, unknown>>

/** True for a JSON object: neither null nor a list. */
export function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An id or a token as JSON-RPC has them (JSON-RPC 2.0, section 4): a text or a number, else undefined. */
export function idOf(value: unknown): string | number | undefined {
  return typeof value === 'string' || typeof value === 'number' ? value : undefined
}
