import { hash } from 'node:crypto'
import type { Exact, Operation } from '../model.ts'
import { authorityOf } from './arrival.ts'
import { maskText, previewOf } from './preview.ts'
import { printable } from './refusal.ts'
import { pairsOf } from './trailers.ts'
import type { Prefix } from './upload.ts'
import type { WholeBody } from './whole-body.ts'

/** What of a body a consent and people need. */
export type BodyOf = Pick<WholeBody, 'digest' | 'size' | 'beginning'>

/** Between the client and Stint alone, new with every try, or said by the body itself: not part of what is consented to. */
const PASSING = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'proxy-authorization', 'dpop', 'te', 'expect', 'upgrade'],
  ...['content-length', 'transfer-encoding', 'sec-websocket-key', 'host'],
  ...['date', 'traceparent', 'tracestate', 'x-request-id', 'x-correlation-id', 'x-amz-date', 'amz-sdk-invocation-id'],
  'amz-sdk-request',
])
/** Made anew for each body: not part of what is consented to whatever the body. */
const OF_THE_BODY =
  /^(?:content-md5|content-digest|repr-digest|digest|x-amz-content-sha256|x-amz-checksum-.*|x-amz-decoded-content-length|x-goog-hash|idempotency-key)$/
/** UTF-16 code units. */
const LONGEST_LINE = 1000
/** Of what a connector tells of a body. */
const LONGEST_TOLD = 400
const NO_BODY = hash('sha256', '', 'hex')

/**
 * All of a request that a consent covers: where it goes, the method, path and query, the headers but those in passing, trailers, and
 * every byte of the body. `told` is what its connector makes of the body. Attacker-controlled.
 */
export function exactOf(
  operation: Operation,
  body: BodyOf | undefined,
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
    ...(body !== undefined &&
      body.size > 0 && {
        body: previewOf(
          body,
          told.map((line) => printable(maskText(line), LONGEST_TOLD)),
        ),
        anyBodyDigest: digestWithoutBody(operation, fields, trailers),
      }),
  }
}

/** A body that was read to its end, and is in memory. */
export function bodyOf({ chunks }: Prefix): BodyOf {
  const all = Buffer.concat(chunks)
  return { digest: hash('sha256', all, 'hex'), size: all.length, beginning: all }
}

/** The body as a consent covers it: all its bytes, or what its protocol has in their place. */
export function coveredOf(body: BodyOf, inPlace: Uint8Array | undefined): BodyOf {
  return inPlace === undefined ? body : { ...body, digest: hash('sha256', inPlace, 'hex') }
}

type Field = readonly [string, string]

/** As many members as no whole request has. The parameters of a media type (RFC 9110, section 8.3.1) are another boundary each time. */
function digestWithoutBody(operation: Operation, fields: readonly Field[], trailers: readonly string[]): string {
  const { scheme, host, port, method, path, query } = operation
  const kept = [...fields, ...pairsOf(trailers)]
    .filter(([name]) => !OF_THE_BODY.test(name.toLowerCase()))
    .map(([name, value]): Field => [name, name === 'content-type' ? value.replace(/;.*$/s, '').trim() : value])
  return hash('sha256', JSON.stringify([scheme, host, port, method, path, query, kept]), 'hex')
}

/** AWS's signature (SigV4) has the time in it, and Stint makes it anew. */
function isPassing([name, value]: Field): boolean {
  return PASSING.has(name) || (name === 'authorization' && value.startsWith('AWS4-HMAC-SHA256 '))
}
