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

/** What a 401 or 407 asks for (RFC 9449, section 7.1). */
export const CHALLENGE = 'DPoP algs="ES256"'

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
