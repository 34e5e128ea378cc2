import type { IncomingMessage } from 'node:http'
import { StintError } from '../errors.ts'
import { single } from './proof.ts'

/** Host header value → the origin that it means. */
export type Origins = ReadonlyMap<string, string>

/** Names under which the API may be asked for: those of the listening address, and the configured issuer. */
export function originsOf(host: string, port: number, issuer: string): Origins {
  const names = new Set([host, '127.0.0.1', 'localhost', '[::1]'])
  const own = [...names].map((name): [string, string] => [`${name}:${port}`, `http://${name}:${port}`])
  const { host: issuerHost, origin } = new URL(issuer)
  return new Map([...own, [issuerHost, origin]])
}

/**
 * The URL a TCP request is for, without its query. Refuses, as `malformed_request`, what a web page can make a browser send: any Origin, and
 * a Host that is not ours (DNS rebinding). Absolute-form targets (RFC 9112, section 3.2.2) are refused with them.
 */
export function urlOf(request: IncomingMessage, origins: Origins): string {
  if (request.headers.origin !== undefined || request.headers['sec-fetch-site'] !== undefined)
    throw new StintError('malformed_request', 'requests from web pages are refused')
  const origin = origins.get(single(request, 'host')?.toLowerCase() ?? '')
  if (origin === undefined) throw new StintError('malformed_request', 'the Host header does not name this API')
  const path = request.url ?? ''
  if (!path.startsWith('/')) throw new StintError('malformed_request', 'the request target must be a path')
  return origin + path.replace(/[?#].*$/, '')
}
