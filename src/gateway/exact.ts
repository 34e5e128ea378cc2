import { hash } from 'node:crypto'
import type { Exact, Operation } from '../model.ts'
import { authorityOf } from './arrival.ts'
import { maskText, previewOf } from './preview.ts'
import { printable } from './refusal.ts'
import type { WholeBody } from './whole-body.ts'

/** Between the client and Stint alone, new with every try, or said by the body itself: not part of what is consented to. */
const PASSING = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'proxy-authorization', 'dpop', 'te', 'expect', 'upgrade'],
  ...['content-length', 'transfer-encoding', 'sec-websocket-key', 'host'],
  ...['date', 'traceparent', 'tracestate', 'x-request-id', 'x-correlation-id', 'x-amz-date', 'amz-sdk-invocation-id'],
  'amz-sdk-request',
])
/** UTF-16 code units. */
const LONGEST_LINE = 1000
const NO_BODY = hash('sha256', '', 'hex')

/**
 * All of a request that a consent covers: where it goes, the method, path and query, the headers but those in passing, trailers, and
 * every byte of the body. `told` is what its connector makes of the body. Attacker-controlled.
 */
export function exactOf(
  operation: Operation,
  body: WholeBody | undefined,
  trailers: readonly string[],
  told: readonly string[] = [],
): Exact {
  const { scheme, host, port, method, path, query, headers } = operation
  const fields = Object.entries(headers).filter((field) => !isPassing(field))
  fields.sort(([a], [b]) => (a < b ? -1 : 1))
  const whole = [scheme, host, port, method, path, query, fields, trailers, body?.digest ?? NO_BODY]
  const url = `${scheme}://${authorityOf(operation)}${path}${query === '' ? '' : `?${query}`}`
  return {
    digest: hash('sha256', JSON.stringify(whole), 'hex'),
    line: printable(maskText(`${method} ${url}`.slice(0, 2 * LONGEST_LINE)), LONGEST_LINE),
    ...(body !== undefined && body.size > 0 && { body: previewOf(body, told) }),
  }
}

/** AWS's signature (SigV4) has the time in it, and Stint makes it anew. */
function isPassing([name, value]: readonly [string, string]): boolean {
  return PASSING.has(name) || (name === 'authorization' && value.startsWith('AWS4-HMAC-SHA256 '))
}
