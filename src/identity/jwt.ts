import { StintError } from '../errors.ts'
import type { ParsedJwt } from './issuer.ts'

/** No issuer's token is longer. */
export const MAX_TOKEN_BYTES = 16 * 1024

const SHAPE = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+$/
const JSON_TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g

/**
 * Parses a compact JWS (RFC 7515, section 3.1) without trusting it. Refuses what two parsers could read differently: duplicate
 * member names, malformed UTF-8, any `crit` or `b64` header. Throws `invalid_token`, never with the token's text in it.
 */
export function parseJwt(text: string, maxBytes: number): ParsedJwt {
  if (text.length > maxBytes) throw malformed(`it is longer than ${maxBytes} bytes`)
  const parts = SHAPE.exec(text)
  if (parts === null) throw malformed('it is not three base64url parts')
  const header = parseObject(parts[1], 'header')
  const payload = parseObject(parts[2], 'payload')
  const { alg } = header
  if (typeof alg !== 'string') throw malformed('its header has no alg')
  if ('crit' in header || 'b64' in header) throw malformed('its header asks for an extension')
  return { text, header: { ...header, alg }, payload }
}

function parseObject(part: string | undefined, what: string): Record<string, unknown> {
  try {
    const json = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(part ?? '', 'base64url'))
    const value: unknown = JSON.parse(json)
    if (isRecord(value) && !repeatsName(json)) return value
  } catch {
    // Refused below, without the parser's excerpt of the token.
  }
  throw malformed(`its ${what} is not one JSON object with distinct names`)
}

/** True when any object in this valid JSON text names a member twice (RFC 8259, section 4, leaves its meaning open). */
function repeatsName(json: string): boolean {
  const open: (Set<unknown> | undefined)[] = []
  let text = '""'
  for (const [token] of json.matchAll(JSON_TOKEN)) {
    if (token === '{') open.push(new Set())
    else if (token === '[') open.push(undefined)
    else if (token === '}' || token === ']') open.pop()
    else if (token !== ':') text = token
    else if (!addOnce(open.at(-1), JSON.parse(text))) return true
  }
  return false
}

function addOnce(names: Set<unknown> | undefined, name: unknown): boolean {
  if (names?.has(name)) return false
  names?.add(name)
  return true
}

/** True for a JSON object: neither null nor an array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function malformed(why: string): StintError {
  return new StintError('invalid_token', `the token is malformed: ${why}`)
}
