import { isIPv4, isIPv6 } from 'node:net'
import { domainToASCII, domainToUnicode } from 'node:url'

const VISIBLE = /^[\x21-\x7e]*$/
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/
/** What WHATWG URL reads as the last part of an IPv4 address. */
const NUMERIC = /^(?:[0-9]+|0x[0-9a-f]*)$/

/**
 * One spelling of a host name or address, as in a URL: lower case, valid punycode, dotted-decimal IPv4, RFC 5952 IPv6 in brackets. Calls
 * `refuse` with the reason for all else, a trailing dot and letters that are not ASCII included: lower case of a Kelvin sign is a `k`.
 */
export function spellHost(text: string, refuse: (why: string) => never): string {
  if (text.startsWith('[')) return spellIpv6(text, refuse)
  if (!VISIBLE.test(text)) refuse('is not in ASCII; other letters are written in punycode')
  const host = text.toLowerCase()
  if (host.length > 253) refuse('is too long for a name')
  const labels = host.split('.')
  if (!labels.every((label) => LABEL.test(label))) refuse('is neither a name nor an address')
  if (NUMERIC.test(labels.at(-1) ?? '') && !isIPv4(host)) refuse('is an IPv4 address that is not written as four decimal numbers')
  if (!labels.every(isPlainOrPunycode)) refuse('holds a label that is not valid punycode')
  return host
}

/**
 * A label that claims to be punycode decodes to a name of IDNA (RFC 5891, section 5.4), and is what that name encodes to: `xn---bba`
 * would be another spelling of `xn--bba` (RFC 3492, section 6.2, writes no delimiter without basic code points before it).
 */
function isPlainOrPunycode(label: string): boolean {
  if (!label.startsWith('xn--')) return true
  const name = domainToUnicode(label)
  return name !== label && domainToASCII(name) === label
}

function spellIpv6(text: string, refuse: (why: string) => never): string {
  const inner = text.slice(1, -1)
  if (!text.endsWith(']') || !isIPv6(inner) || inner.includes('%')) refuse('is not an IPv6 address in brackets without a zone')
  const host = new URL(`http://${text}/`).hostname
  if (host.startsWith('[::ffff:')) refuse('is an IPv4 address mapped into IPv6; it is written as four decimal numbers')
  return host
}
