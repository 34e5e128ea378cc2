import { StintError } from '../../errors.ts'
import type { Operation } from '../../model.ts'

/** What a request says it was signed for (Signature Version 4, "credential scope"). Attacker-controlled. */
export interface AwsScope {
  readonly region: string
  /** The signing name: `s3`, `dynamodb`, `monitoring`. */
  readonly service: string
  /** The signature is in the query. */
  readonly isPresigned: boolean
}

const HEADER =
  /^AWS4-HMAC-SHA256 +Credential=([^/,\s]{1,128}\/\d{8}\/[a-z0-9/_-]{1,100}) *, *SignedHeaders=[a-z0-9;._-]{1,2000} *, *Signature=[0-9a-f]{64}$/
const CREDENTIAL = /^[^/,\s]{1,128}\/\d{8}\/([a-z0-9-]{1,40})\/([a-z0-9-]{1,40})\/aws4_request$/
/** The parameters of a signature in the query, in lower case. */
const PRESIGNED = /^x-amz-(?:algorithm|credential|date|expires|signedheaders|signature|security-token)$/i
/** What a body may be told as without its hash: chunks signed by the workload’s key would have to be signed again, one by one. */
const UNSIGNED = ['UNSIGNED-PAYLOAD', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER']

/** Reads what a request was signed for. Throws `unknown_action` for one that is not signed, or in a way that cannot be replaced. */
export function readScope({ headers, query }: Operation): AwsScope {
  const { authorization } = headers
  const presigned = readQuery(query).filter(([name]) => PRESIGNED.test(name))
  if (authorization !== undefined && presigned.length > 0) throw unknown('the request is signed twice')
  if (authorization !== undefined) return scopeOf(HEADER.exec(authorization)?.[1], false)
  const value = (wanted: string): string | undefined => presigned.find(([name]) => name.toLowerCase() === wanted)?.[1]
  if (
    value('x-amz-algorithm') !== 'AWS4-HMAC-SHA256' ||
    new Set(presigned.map(([name]) => name.toLowerCase())).size !== presigned.length
  )
    throw unknown('the request is not signed; sign it with the placeholder keys, by Signature Version 4')
  return scopeOf(value('x-amz-credential'), true)
}

function scopeOf(credential: string | undefined, isPresigned: boolean): AwsScope {
  const [, region, service] = CREDENTIAL.exec(credential ?? '') ?? []
  if (region === undefined || service === undefined)
    throw unknown('the signature is not one of Signature Version 4 (AWS4-HMAC-SHA256)')
  return { region, service, isPresigned }
}

/** The query as names and values, decoded. Throws `malformed_request` for escapes that are none. */
export function readQuery(query: string): readonly (readonly [name: string, value: string])[] {
  if (query === '') return []
  return query.split('&').map((part) => {
    const mark = part.indexOf('=')
    return mark === -1 ? [decode(part), ''] : [decode(part.slice(0, mark)), decode(part.slice(mark + 1))]
  })
}

/** The query without a signature. */
export function withoutSignature(query: ReturnType<typeof readQuery>): ReturnType<typeof readQuery> {
  return query.filter(([name]) => !PRESIGNED.test(name))
}

/**
 * The hash that the new signature covers: the one the request tells, else that of the body that was read. Throws `unknown_action` for
 * bodies signed chunk by chunk, `body_too_large` where neither is to be had.
 */
export function payloadOf(
  { headers, body }: Operation,
  { isPresigned }: AwsScope,
): { readonly told: string } | { readonly body: Uint8Array } {
  const told = headers['x-amz-content-sha256']
  if (told !== undefined) {
    if (/^[0-9a-f]{64}$/.test(told) || UNSIGNED.includes(told)) return { told }
    throw unknown('the body is signed chunk by chunk, by keys that are not the real ones; send it with its hash or unsigned')
  }
  if (isPresigned) return { told: 'UNSIGNED-PAYLOAD' }
  const { 'content-length': length, 'transfer-encoding': coding } = headers
  const seen = body ?? new Uint8Array()
  const isWhole = length === undefined ? seen.length === 0 : Number(length) === seen.length
  if (coding === undefined && isWhole) return { body: seen }
  throw new StintError(
    'body_too_large',
    'without x-amz-content-sha256 the body must be at most 1 MiB, with its length told, so that it can be signed',
  )
}

/** A text without its escapes. Throws `malformed_request` for escapes that are none. */
export function unescapeText(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new StintError('malformed_request', 'the request target holds an escape that is incomplete or not UTF-8')
  }
}

function decode(text: string): string {
  return unescapeText(text.replaceAll('+', ' '))
}

function unknown(detail: string): StintError {
  return new StintError('unknown_action', detail)
}
