import { StintError } from '../../errors.ts'
import type { Operation } from '../../model.ts'
import { isCoded } from './body-type.ts'

/** Bytes of a form that are read to decide. */
const FORM_PREFIX = 65_536
/** Fields by which some servers take another method than the one sent. The gateway refuses them too, in every spelling. */
const FIELDS = ['x-http-method-override', 'x-http-method', 'x-method-override']
/**
 * Parameters that do the same, decoded: `_method` (Rails, Symfony, Laravel, WordPress, Express), `_HttpMethod` (Salesforce), and the
 * fields’ names. PHP reads a blank, a dot or a bracket as `_`, drops blanks in front, and ends a name at a NUL or a bracket.
 */
const PARAMETER = /^\s*(?:[_ .[](?:http)?method|x[-_ .]http[-_ .]method(?:[-_ .]override)?)(?:$|[\0[])/i
/** The same as the name, or file name, of a part of a multipart body, wherever the part’s header is thought to be. */
const PART = /name\*? ?= ?(?:[\w-]*'[\w-]*')?["']? ?[_ .[]method["' ;\0[]/i

/**
 * Refuses a request that asks, by a header field or a query parameter, to be taken for another method than it has: what was decided
 * would not be what is done. Throws `unknown_action`. Bodies are not read here.
 */
export function refuseOverride({ method, query, headers }: Operation): void {
  if (FIELDS.some((name) => headers[name] !== undefined)) throw asksForAnother('a header')
  if (query !== '' && parametersOf(query).some(([name, value]) => PARAMETER.test(name) && value.toUpperCase() !== method))
    throw asksForAnother('a query parameter')
}

/** The same, and a request to speak another protocol from here on, since what then flows is not seen. Throws `unknown_action`. */
export function refuseDisguise(operation: Operation): void {
  refuseOverride(operation)
  if (operation.headers.upgrade !== undefined)
    throw new StintError('unknown_action', 'the request asks to speak another protocol')
}

/** Bytes of body that `refuseOverrideInForm` must see. */
export function formPrefix(operation: Operation): number {
  return isForm(operation) ? FORM_PREFIX : 0
}

/**
 * The same for the body of a form, which servers on Rack read the method from (Rack::MethodOverride). Throws `unknown_action`, or
 * `body_too_large` for a form that goes on beyond what is read.
 */
export function refuseOverrideInForm(operation: Operation): void {
  const { body = new Uint8Array() } = operation
  if (!isForm(operation) || body.length === 0) return
  if (isCoded(operation) || body.length >= FORM_PREFIX)
    throw new StintError('body_too_large', 'the form is compressed or larger than what is read to decide; send JSON, or less')
  const text = Buffer.from(body).toString('latin1')
  if (parametersOf(text).some(([name]) => PARAMETER.test(name)) || PART.test(plainOf(text)))
    throw asksForAnother('a field of the form')
}

/** Rack takes a POST without a type for a form, and any multipart body. */
function isForm({ method, headers }: Operation): boolean {
  return method === 'POST' && /^$|form-urlencoded|multipart\//i.test(headers['content-type'] ?? '')
}

/** Names and values, decoded as far as they can be. Some servers separate by semicolons. */
function parametersOf(query: string): [name: string, value: string][] {
  return query.split(/[&;]/).map((part) => {
    const mark = part.indexOf('=')
    return mark === -1 ? [decode(part), ''] : [decode(part.slice(0, mark)), decode(part.slice(mark + 1))]
  })
}

/** With no escapes, and with one blank for many. */
function plainOf(multipart: string): string {
  return decode(multipart.replaceAll('\\', '')).replaceAll(/\s+/g, ' ')
}

function decode(text: string): string {
  return text
    .replaceAll('+', ' ')
    .replaceAll(/%([0-9a-f]{2})/gi, (_, octet: string) => String.fromCharCode(Number.parseInt(octet, 16)))
}

function asksForAnother(what: string): StintError {
  return new StintError('unknown_action', `${what} asks for another method than the request has; send that method`)
}
