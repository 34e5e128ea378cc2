/** The object that is held as JSON in base 64 of either alphabet, or undefined where there is none. */
export function readJson(encoded: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined // attacker-controlled: what is no JSON is no such secret
  }
}

/** The claims of a JWT (RFC 7519, section 7.2), nothing of it verified; none if it is not one. */
export function readClaims(jwt: string): Readonly<Record<string, unknown>> {
  return readJson(jwt.split('.')[1] ?? '') ?? {}
}

/** Those of the fields that are short texts or numbers, as facts under other names: `factsOf(claims, { issuer: 'iss' })`. */
export function factsOf(
  object: Readonly<Record<string, unknown>> = {},
  fields: Readonly<Record<string, string>>,
): Record<string, string> {
  const facts = Object.entries(fields).map(([fact, field]) => [fact, object[field]] as const)
  return Object.fromEntries(
    facts.flatMap(([fact, value]) => {
      const isShort = typeof value === 'number' || (typeof value === 'string' && value !== '' && value.length <= 200)
      return isShort ? [[fact, String(value)]] : []
    }),
  )
}

/** JSON in base 64, for samples. */
export function toJson64(value: unknown, encoding: 'base64' | 'base64url' = 'base64'): string {
  return Buffer.from(JSON.stringify(value)).toString(encoding)
}
