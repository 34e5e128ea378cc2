import { StintError } from '../errors.ts'
import type { IssuerRule } from '../model.ts'
import { isRecord } from './jwt.ts'

type Claims = Readonly<Record<string, string>>

const MAX_DEPTH = 8
const MAX_CLAIMS = 256

/**
 * A token's claims as flat strings, each under the one name a rule may use for it: the claim's own name at the top, a JSON Pointer
 * (RFC 6901) below, and for a name that itself starts with `/`. Booleans and whole numbers become their JSON text. Arrays, null,
 * fractions and numbers too large to be exact are left out, so nothing ever matches them. Throws `invalid_token` past 256 claims.
 */
export function flattenClaims(payload: Readonly<Record<string, unknown>>): Claims {
  const found: [string, string][] = []
  collect(payload, [], found)
  return Object.fromEntries(found)
}

function collect(value: unknown, path: readonly string[], found: [string, string][]): void {
  const text = asText(value)
  if (text !== undefined) found.push([nameOf(path), text])
  if (found.length > MAX_CLAIMS) throw new StintError('invalid_token', `the token has more than ${MAX_CLAIMS} claims`)
  if (!isRecord(value) || path.length >= MAX_DEPTH) return
  for (const [name, inner] of Object.entries(value)) collect(inner, [...path, name], found)
}

function asText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean' || Number.isSafeInteger(value)) return JSON.stringify(value)
  return undefined
}

function nameOf(path: readonly string[]): string {
  const [first] = path
  if (path.length === 1 && first !== undefined && !first.startsWith('/')) return first
  return path.map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/** The one name of a claim as `flattenClaims` writes it, or undefined where the text is no claim name. */
export function canonicalClaimName(text: string): string | undefined {
  if (!text.startsWith('/')) return text === '' ? undefined : text
  if (/~(?![01])/.test(text)) return undefined
  const steps = text.slice(1).split('/')
  if (steps.length > MAX_DEPTH) return undefined
  return nameOf(steps.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~')))
}

/** The first rule all of whose claims are equal, character by character. A rule without claims matches nothing. */
export function matchRule(rules: readonly IssuerRule[], claims: Claims): IssuerRule | undefined {
  return rules.find((rule) => {
    const wanted = Object.entries(rule.claims)
    return wanted.length > 0 && wanted.every(([name, value]) => claims[name] === value)
  })
}
