import { createCache } from '../cache.ts'
import { StintError } from '../errors.ts'
import { spellHost } from '../spell-host.ts'
import { isPlainHost, isPlainPath } from './plain.ts'

/** A request target as it arrived. Attacker-controlled. `target` is origin-form: path, then an optional `?query`. */
export interface TargetForm {
  readonly scheme: 'http' | 'https'
  readonly authority: string
  readonly target: string
}

/** Whether the target at a place takes this path, in which one segment holds `%2F`. */
export type TakesSlash = (place: Pick<CanonicalTarget, 'scheme' | 'host' | 'port'>, path: string) => boolean

/** Where a request goes, spelled one way. `host` is as in a URL: lower case, IPv6 in brackets. */
export interface CanonicalTarget {
  readonly scheme: 'http' | 'https'
  readonly host: string
  readonly port: number
  readonly path: string
  readonly query: string
}

const DEFAULT_PORT = { http: 80, https: 443 } as const

const VISIBLE = /^[\x21-\x7e]*$/
const VISIBLE_QUERY = /^[\x21\x22\x24-\x7e]*$/
const UNRESERVED = /^[A-Za-z0-9._~-]$/
/** Delimiters and controls in escaped form, escaped any number of times, for servers that decode once too often. */
const DISGUISED = /%(?:25)*(?:2[Ff]|5[Cc]|3[Bb]|[01][0-9A-Fa-f]|7[Ff]|[Cc]2(?:%|%25)[89][0-9A-Fa-f])|%(?:25)+2[Ee]/
/** A segment of nothing but dots and blanks; some servers trim those to a dot segment. */
const DOT_SEGMENT = /\/(?:\.|%20)+(?:\/|$)/

/**
 * Spells a request target one way, before the decision: what is decided is what is sent (RFC 3986, section 6.2.2). Throws
 * `malformed_request` for whatever two servers could read differently; an escaped slash is one of these, where `takesSlash` does
 * not say that this target reads it as data (RFC 3986, section 2.2).
 */
export function canonicalTarget(form: TargetForm, takesSlash: TakesSlash = () => false): CanonicalTarget {
  const { scheme, target } = form
  const { host, port } = canonicalAuthority(form.authority, DEFAULT_PORT[scheme])
  const mark = target.indexOf('?')
  const given = mark === -1 ? target : target.slice(0, mark)
  const path = isPlainPath(given) ? given : canonicalPath(given, (wanted) => takesSlash({ scheme, host, port }, wanted))
  const query = mark === -1 ? '' : target.slice(mark + 1)
  if (!VISIBLE_QUERY.test(query)) refuse('the query holds a blank, a control, a non-ASCII character or a fragment')
  return { scheme, host, port, path, query }
}

/** Splits an absolute-form request target (RFC 9112, section 3.2.2) for `canonicalTarget`. Throws `malformed_request`. */
export function splitAbsoluteForm(url: string): TargetForm {
  const match = /^(https?):\/\/([^/?#]+)([^#]*)$/i.exec(url)
  if (match === null) refuse('the request target is not an absolute http or https URL without a fragment')
  const [, scheme = '', authority = '', rest = ''] = match
  return {
    scheme: scheme.toLowerCase() === 'https' ? 'https' : 'http',
    authority,
    target: rest.startsWith('/') ? rest : `/${rest}`,
  }
}

/**
 * Host and port of an authority, spelled one way: lower case, no trailing dot, punycode, dotted-decimal IPv4, RFC 5952 IPv6.
 * Without `defaultPort` the port must be given (CONNECT). Throws `malformed_request`.
 */
export function canonicalAuthority(authority: string, defaultPort?: number): { host: string; port: number } {
  const { host, port = defaultPort } = spelled.get(authority) ?? spellAuthority(authority)
  if (port === undefined) refuse('the authority has no port')
  return { host, port }
}

/** Authorities as they were written before: nearly every request is for one of a few. */
const spelled = createCache<Authority>(512)

interface Authority {
  readonly host: string
  readonly port: number | undefined
}

function spellAuthority(text: string): Authority {
  const colon = text.lastIndexOf(':')
  const hasPort = colon > text.lastIndexOf(']')
  const host = canonicalHost(hasPort ? text.slice(0, colon) : text)
  const authority = { host, port: hasPort ? readPort(text.slice(colon + 1)) : undefined }
  spelled.set(text, authority)
  return authority
}

function readPort(text: string): number {
  const port = /^[1-9][0-9]{0,4}$/.test(text) ? Number(text) : 0
  if (port < 1 || port > 65_535) refuse('the port is not a number from 1 to 65535')
  return port
}

/** One spelling of a host name or address; see `canonicalAuthority`. Throws `malformed_request`. */
export function canonicalHost(text: string): string {
  if (isPlainHost(text)) return text
  const isDotted = text.endsWith('.') && !text.startsWith('[')
  return spellHost(isDotted ? text.slice(0, -1) : text, (why) => refuse(`the host ${why}`))
}

function canonicalPath(path: string, takesSlash: (path: string) => boolean): string {
  if (!path.startsWith('/')) refuse('the path does not start with a slash')
  if (!VISIBLE.test(path)) refuse('the path holds a blank, a control or a non-ASCII character')
  if (/[\\;#]/.test(path)) refuse('the path holds a backslash, a semicolon or a fragment')
  if (path.includes('//')) refuse('the path holds an empty segment')
  if (path.includes('%')) refuseBadEscapes(path)
  const normal = path.replace(/%[0-9A-Fa-f]{2}/g, normalEscape).replace(/["<>[\]^`{|}]/g, escapeCharacter)
  const opened = isSlashInOneSegment(normal) && takesSlash(normal) ? normal.replaceAll('%2F', '/') : normal
  if (DISGUISED.test(opened)) refuse('the path holds an escaped slash, backslash, semicolon or control character')
  if (DOT_SEGMENT.test(opened)) refuse('the path holds a dot segment')
  return normal
}

/** An escaped slash stands between two pieces of one segment: were it read as a separator after all, no piece would be empty. */
function isSlashInOneSegment(path: string): boolean {
  const [segment, ...more] = path.split('/').filter((part) => part.includes('%2F'))
  return segment !== undefined && more.length === 0 && !segment.split('%2F').includes('')
}

/** Also refuses octets that are not UTF-8: overlong forms are an old disguise of dots and slashes. */
function refuseBadEscapes(path: string): void {
  try {
    decodeURIComponent(path)
  } catch {
    refuse('the path holds a percent escape that is incomplete or not UTF-8')
  }
}

function normalEscape(octet: string): string {
  const character = String.fromCharCode(Number.parseInt(octet.slice(1), 16))
  return UNRESERVED.test(character) ? character : octet.toUpperCase()
}

function escapeCharacter(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`
}

function refuse(detail: string): never {
  throw new StintError('malformed_request', detail)
}

export { checkHeaders } from './headers.ts'
