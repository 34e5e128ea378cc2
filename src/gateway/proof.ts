import type { ErrorCode } from '../errors.ts'
import type { Caller } from '../model.ts'

/** What a request shows of who sends it; the proxy's part of what `identity/verify.ts` takes. */
export type GatewayProof = { readonly kind: 'attached'; readonly caller: Caller } | DpopProof

/** A task token with its DPoP proof (RFC 9449), attacker-controlled; empty where nothing was shown. */
export interface DpopProof {
  readonly kind: 'dpop'
  readonly token: string
  readonly dpop: string
  readonly method: string
  /** What the proof's `htu` must be. */
  readonly url: string
}

/** The error of a challenge by why it is asked (RFC 9449, sections 7.1 and 12.2); none where nothing was shown (RFC 6750, section 3.1). */
const ERRORS: Partial<Record<ErrorCode, string>> = {
  invalid_token: 'invalid_token',
  token_replayed: 'invalid_token',
  proof_replayed: 'invalid_dpop_proof',
}

/** What a 401 or 407 asks for (RFC 9449, section 7.1), and where the resource says what it wants (RFC 9728, section 5.1). */
export function challengeOf(code: ErrorCode, resourceMetadata?: string): string {
  const error = ERRORS[code]
  const metadata = resourceMetadata === undefined ? '' : `, resource_metadata="${resourceMetadata}"`
  return `DPoP algs="ES256"${error === undefined ? '' : `, error="${error}"`}${metadata}`
}

const DPOP_CREDENTIALS = /^DPoP +([A-Za-z0-9._~+/-]+=*)$/i

/** The DPoP proof in `field` (`authorization` or `proxy-authorization`) and the `dpop` header; unproved has empty texts. */
export function readDpop(
  headers: Readonly<Record<string, string>>,
  field: 'authorization' | 'proxy-authorization',
  method: string,
  url: string,
): DpopProof {
  const token = DPOP_CREDENTIALS.exec(headers[field] ?? '')?.[1] ?? ''
  return { kind: 'dpop', token, dpop: headers.dpop ?? '', method, url }
}
