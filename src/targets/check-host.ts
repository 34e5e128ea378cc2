import { isIPv4, isIPv6 } from 'node:net'
import { StintError } from '../errors.ts'

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/
/** What WHATWG URL reads as the last part of an IPv4 address. */
const NUMERIC = /^(?:[0-9]+|0x[0-9a-f]*)$/

/** One spelling of a host: lower case, IPv6 in brackets; `*.suffix` where `wild`. Throws `invalid_argument`. */
export function checkHost(text: string, wild: boolean): string {
  const host = text.toLowerCase()
  if (host.startsWith('[')) return checkIpv6(host)
  if (!host.startsWith('*.')) return checkName(host)
  if (!wild) throw refused(text, 'a wildcard is not taken here')
  const suffix = checkName(host.slice(2))
  if (isIPv4(suffix) || !suffix.includes('.')) throw refused(text, 'a wildcard needs a suffix of two labels or more')
  return `*.${suffix}`
}

/** A port number from 1 to 65535. Throws `invalid_argument`. */
export function checkPort(port: number): number {
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port
  throw new StintError('invalid_argument', 'a port is a whole number from 1 to 65535')
}

function checkName(host: string): string {
  const labels = host.split('.')
  if (host.length > 253 || !labels.every((label) => LABEL.test(label)))
    throw refused(host, 'write a host name in ASCII, without a trailing dot')
  if (NUMERIC.test(labels.at(-1) ?? '') && !isIPv4(host)) throw refused(host, 'write an IPv4 address as four decimal numbers')
  return host
}

function checkIpv6(host: string): string {
  const inner = host.slice(1, -1)
  if (!host.endsWith(']') || !isIPv6(inner) || inner.includes('%')) throw refused(host, 'write IPv6 in brackets, without a zone')
  const canonical = new URL(`http://${host}/`).hostname
  if (canonical.startsWith('[::ffff:')) throw refused(host, 'write an IPv4 address as one')
  return canonical
}

function refused(host: string, why: string): StintError {
  return new StintError('invalid_argument', `host ${JSON.stringify(host.slice(0, 100))}: ${why}`)
}
