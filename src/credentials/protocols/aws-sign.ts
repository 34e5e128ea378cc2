import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'
import type { Secret } from '../../secret.ts'

/** The keys of a user or of a session. */
export interface AwsKeys {
  readonly id: string
  readonly secret: Secret
  /** Of a session only. */
  readonly token?: Secret
}

/** A request to sign. `headers` has lower-case names; of them `host`, the content’s type and digest and `x-amz-*` are signed. */
export interface AwsRequest {
  readonly method: string
  readonly host: string
  /** Escaped, without the query. */
  readonly path: string
  /** Decoded. */
  readonly query: readonly (readonly [name: string, value: string])[]
  readonly headers: Readonly<Record<string, string>>
  /** Of the payload, in hex, or what says that it is not signed. */
  readonly payloadHash: string
}

const SIGNED = /^(?:content-type|content-md5|x-amz-(?!date$|security-token$|content-sha256$).+)$/

/**
 * Signs by Signature Version 4. Answers the headers to send instead of those of the same names: `authorization`, `x-amz-date`,
 * `x-amz-content-sha256` and, for a session, `x-amz-security-token`. S3 takes a path escaped once, all others escaped twice.
 */
export async function signAws(
  request: AwsRequest,
  keys: AwsKeys,
  { region, service }: { readonly region: string; readonly service: string },
  at: Date,
): Promise<Readonly<Record<string, string>>> {
  const { method, host, path, query, headers, payloadHash } = request
  const signer = new SignatureV4({
    ...{ region, service, sha256: Sha256, uriEscapePath: service !== 's3' },
    credentials: {
      accessKeyId: keys.id,
      secretAccessKey: keys.secret.reveal(),
      ...(keys.token !== undefined && { sessionToken: keys.token.reveal() }),
    },
  })
  const kept = Object.entries(headers).filter(([name]) => SIGNED.test(name))
  const asked = {
    ...{ method, protocol: 'https:', hostname: host, path, query: bagOf(query) },
    headers: { ...Object.fromEntries(kept), host, 'x-amz-content-sha256': payloadHash },
  }
  const { headers: signed } = await signer.sign(asked, { signingDate: at })
  const { 'x-amz-date': date = '', 'x-amz-security-token': token, authorization = '' } = signed
  return {
    ...{ authorization, 'x-amz-date': date, 'x-amz-content-sha256': payloadHash },
    ...(token !== undefined && { 'x-amz-security-token': token }),
  }
}

/** The query as it is sent: escaped as the signature has it (RFC 3986, section 2.3). */
export function writeQuery(query: AwsRequest['query']): string {
  return query.map(([name, value]) => `${escapeAll(name)}=${escapeAll(value)}`).join('&')
}

/** Escapes all but the unreserved characters. */
export function escapeAll(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** SHA-256 in hex. */
export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function bagOf(query: AwsRequest['query']): Record<string, string[]> {
  const bag: Record<string, string[]> = Object.create(null)
  for (const [name, value] of query) bag[name] = [...(bag[name] ?? []), value]
  return bag
}

/** The hash that the library asks for: with a key, an HMAC. */
class Sha256 {
  readonly #hash: Hash | Hmac

  constructor(key?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = key === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(key))
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data))
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest()
  }

  /** Never called: each hash is used once. */
  reset(): void {
    throw new Error('a hash is used once')
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data)
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data)
}
