import { METHODS } from 'node:http'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import type { Operation } from '../model.ts'
import {
  canonicalAuthority,
  canonicalTarget,
  checkHeaders,
  splitAbsoluteForm,
  type TakesSlash,
  type TargetForm,
} from './canonical.ts'
import type { Connection, Inside } from './connections.ts'
import { malformed } from './refusal.ts'
import type { Reply } from './reply.ts'

/** One request as a parser delivered it, over HTTP/1 or HTTP/2. Attacker-controlled. */
export interface Arrival {
  readonly method: string
  /** The request target as written: absolute-form on the proxy itself, origin-form inside a CONNECT. */
  readonly target: string
  readonly rawHeaders: readonly string[]
  readonly httpVersion: string
  readonly authority?: string
  readonly scheme?: string
  /** HTTP/2: the request ended with its header section. */
  readonly endsAfterHeaders?: boolean
  readonly expectsContinue: boolean
  readonly body: Readable
  /** Flat; known once the body has ended. */
  trailers(): readonly string[]
  readonly reply: Reply
  readonly connection: Connection
  /** The client asks to speak WebSocket from here on. */
  readonly upgrade?: Upgrade
}

/** A client connection that its HTTP parser let go of. */
export interface Upgrade {
  readonly socket: Socket
  /** What the client sent already after its request. */
  readonly head: Buffer
  /** Takes the socket back from the reply. */
  release(): void
}

/** More header fields than this is an attack or an accident. */
const MAX_FIELDS = 200
const REFUSED_METHODS = new Set(['CONNECT', 'TRACE'])
const METHOD_NAMES = new Set(METHODS.filter((name) => !REFUSED_METHODS.has(name)))
const VERSIONS = new Set(['1.0', '1.1', '2.0'])
const DEFAULT_PORTS = { http: 80, https: 443 } as const

/** What is asked, spelled one way; the same value is decided about and sent. Throws `malformed_request`. */
export function readOperation(arrival: Arrival, takesSlash: TakesSlash): Operation {
  const { method, httpVersion, rawHeaders, connection } = arrival
  if (!VERSIONS.has(httpVersion)) throw malformed('the HTTP version is not 1.0, 1.1 or 2')
  if (!METHOD_NAMES.has(method)) throw malformed('the method is not one that is carried')
  const headers = readHeaders(rawHeaders, httpVersion)
  const form = formOf(arrival, headers)
  const { scheme, host, port, path, query } = canonicalTarget(form, takesSlash)
  checkHost(headers.host, form, host, port)
  if (connection.inside !== undefined) checkInside(connection.inside, scheme, host, port)
  return { scheme, host, port, method, path, query, headers }
}

/** The checked header fields, by lower-case name. Throws `malformed_request`. */
export function readHeaders(rawHeaders: readonly string[], httpVersion: string): Record<string, string> {
  if (rawHeaders.length > 2 * MAX_FIELDS) throw malformed(`there are more than ${MAX_FIELDS} header fields`)
  return checkHeaders(rawHeaders, httpVersion)
}

/** The authority as a Host field carries it: without the scheme's own port. */
export function authorityOf(operation: Pick<Operation, 'scheme' | 'host' | 'port'>): string {
  const { scheme, host, port } = operation
  return port === DEFAULT_PORTS[scheme] ? host : `${host}:${port}`
}

function formOf(arrival: Arrival, headers: Readonly<Record<string, string>>): TargetForm {
  const { target, scheme, authority, connection } = arrival
  const { inside } = connection
  if (arrival.httpVersion === '2.0') {
    if (inside === undefined || authority === undefined || scheme !== inside.scheme)
      throw malformed('the pseudo-header fields are not complete')
    return { scheme: inside.scheme, authority, target }
  }
  if (!target.startsWith('/')) return splitAbsoluteForm(target)
  if (inside === undefined) throw malformed('this is a forward proxy: send an absolute URL, or CONNECT')
  return { scheme: inside.scheme, authority: headers.host ?? authorityOf(inside), target }
}

/** Host must name the authority of the request target (RFC 9112, section 3.2.2): no two readings of where this goes. */
function checkHost(given: string | undefined, form: TargetForm, host: string, port: number): void {
  if (given === undefined || given === form.authority) return
  const named = canonicalAuthority(given, DEFAULT_PORTS[form.scheme])
  if (named.host !== host || named.port !== port) throw malformed('host and the request target name different places')
}

/** No domain fronting: what was opened for one place carries requests for that place only. */
function checkInside(inside: Inside, scheme: string, host: string, port: number): void {
  const isSame = inside.host === host && inside.port === port && inside.scheme === scheme
  if (!isSame) throw malformed('the request is for another place than the CONNECT it came through')
}

/** Whether a body follows, however long. */
export function hasBody({ httpVersion, endsAfterHeaders }: Arrival, { headers }: Operation): boolean {
  if (httpVersion === '2.0') return !endsAfterHeaders
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
}
