import { createHash } from 'node:crypto'
import type { AuthzRequest, CedarValue } from '../model.ts'

/** What the clock changes: the same act a minute later is the same act, and is decided anew when it is done. */
const OF_THE_CLOCK = ['time', 'risk']

/**
 * SHA-256, hex, of who does what to what under which circumstances: what an Approval is bound to (G6). Everything Cedar is
 * asked is in it but the time and the risk score that depends on it.
 */
export function digestOf(request: AuthzRequest): string {
  const { principal, action, resource } = request
  const context = Object.fromEntries(Object.entries(request.context).filter(([name]) => !OF_THE_CLOCK.includes(name)))
  return createHash('sha256').update(canonicalJson({ principal, action, resource, context })).digest('hex')
}

/** JSON with object keys in code unit order and no spaces (RFC 8785, for strings, booleans and safe integers). */
export function canonicalJson(value: CedarValue): string {
  if (typeof value !== 'object') return JSON.stringify(value)
  if (isList(value)) return `[${value.map(canonicalJson).join(',')}]`
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(',')}}`
}

function isList(value: CedarValue): value is readonly CedarValue[] {
  return Array.isArray(value)
}
