import { StintError } from '../errors.ts'

/** Fields that one request may carry once; a second one is how two servers come to read different requests. */
const SINGLE = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'content-type',
  'content-encoding',
  'authorization',
  'proxy-authorization',
  'dpop',
  'expect',
  'upgrade',
  'origin',
  'range',
  'if-range',
  'max-forwards',
  'sec-websocket-key',
])

/** Fields with which some servers replace the method or path that was decided; to many a `_` in a name is a `-`. */
const REWRITES = new Set([
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-original-method',
  'x-original-url',
  'x-rewrite-url',
])

/** Fields that have no meaning in HTTP/2 (RFC 9113, section 8.2.2). */
const NOT_IN_HTTP2 = new Set(['connection', 'transfer-encoding', 'keep-alive', 'proxy-connection', 'upgrade'])

/** Names that were checked before, as written, by their lower-case form: nearly every name is one of a few. */
const checkedNames = new Map<string, string>()
const MAX_CHECKED = 512

const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/**
 * Checks raw header fields and returns them by lower-case name, repeated ones joined by `, ` (cookies by `; `), in an object
 * without prototype. HTTP/2 pseudo-fields are left out. Throws `malformed_request` for duplicate or conflicting framing,
 * routing and credential fields (RFC 9112, sections 3.2 and 6.3), and for fields that would change what was decided.
 */
export function checkHeaders(rawHeaders: readonly string[], httpVersion: string): Record<string, string> {
  const headers: Record<string, string> = Object.create(null)
  const isHttp2 = httpVersion.startsWith('2')
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const raw = rawHeaders[i] ?? ''
    if (isHttp2 && raw.startsWith(':')) continue
    addField(headers, checkedNames.get(raw) ?? checkName(raw), rawHeaders[i + 1] ?? '')
  }
  if (isHttp2) checkHttp2(headers, authorityOf(rawHeaders))
  else checkFraming(headers, httpVersion)
  if (headers.connection !== undefined) checkConnection(headers.connection)
  return headers
}

function checkName(raw: string): string {
  const name = raw.toLowerCase()
  if (!NAME.test(raw)) refuse('a header field has a name that is not a token')
  if (isRewrite(name)) refuse(`the ${name} header field would change the request after the decision`)
  if (checkedNames.size < MAX_CHECKED) checkedNames.set(raw, name)
  return name
}

/** True for a field that would change the request after the decision, also as a trailer. */
export function isRewrite(name: string): boolean {
  return REWRITES.has(name.replaceAll('_', '-'))
}

function addField(headers: Record<string, string>, name: string, value: string): void {
  if (!VALUE.test(value)) refuse(`the ${name} header field holds a control character`)
  const before = headers[name]
  if (before === undefined) headers[name] = value
  else if (SINGLE.has(name)) refuse(`the ${name} header field is there twice`)
  else headers[name] = before + (name === 'cookie' ? '; ' : ', ') + value
}

function checkFraming(headers: Record<string, string>, httpVersion: string): void {
  const coding = headers['transfer-encoding']
  const length = headers['content-length']
  if (coding !== undefined) {
    if (coding.toLowerCase() !== 'chunked') refuse('the transfer-encoding is not exactly chunked')
    if (length !== undefined) refuse('both content-length and transfer-encoding are given')
    if (httpVersion !== '1.1') refuse('transfer-encoding needs HTTP/1.1')
  }
  if (length !== undefined) checkLength(length)
  if (headers.host === undefined && httpVersion === '1.1') refuse('the host header field is missing')
}

function checkLength(length: string): void {
  if (!/^[0-9]{1,15}$/.test(length)) refuse('the content-length is not one whole number')
}

function checkHttp2(headers: Record<string, string>, authority: string | undefined): void {
  for (const name of NOT_IN_HTTP2) {
    if (headers[name] !== undefined) refuse(`the ${name} header field has no place in HTTP/2`)
  }
  if (headers.te !== undefined && headers.te.toLowerCase() !== 'trailers') refuse('te in HTTP/2 takes trailers only')
  if (headers['content-length'] !== undefined) checkLength(headers['content-length'])
  const { host } = headers
  if (host !== undefined && authority !== undefined && host.toLowerCase() !== authority.toLowerCase()) {
    refuse('host and :authority differ')
  }
}

function authorityOf(rawHeaders: readonly string[]): string | undefined {
  const at = rawHeaders.indexOf(':authority')
  return at % 2 === 0 ? rawHeaders[at + 1] : undefined
}

/** A connection option naming an end-to-end field makes the next hop drop it (RFC 9110, section 7.6.1). */
function checkConnection(connection: string): void {
  if (connection === 'keep-alive' || connection === 'close') return
  for (const option of connection.toLowerCase().split(',')) {
    const name = option.trim()
    if (name !== 'upgrade' && (SINGLE.has(name) || name === 'cookie')) refuse(`connection must not name ${name}`)
  }
}

function refuse(detail: string): never {
  throw new StintError('malformed_request', detail)
}
