import type { PublicJwk } from './issuer.ts'
import { isRecord } from './jwt.ts'

/** The key each signature algorithm needs (RFC 7518, RFC 8037, RFC 9864). What is not here does not exist: `none`, `HS*`, `RSA1_5`. */
const NEEDS: Readonly<Record<string, { readonly kty: string; readonly crv?: string }>> = {
  RS256: { kty: 'RSA' },
  RS384: { kty: 'RSA' },
  RS512: { kty: 'RSA' },
  PS256: { kty: 'RSA' },
  PS384: { kty: 'RSA' },
  PS512: { kty: 'RSA' },
  ES256: { kty: 'EC', crv: 'P-256' },
  ES384: { kty: 'EC', crv: 'P-384' },
  ES512: { kty: 'EC', crv: 'P-521' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519' },
  Ed25519: { kty: 'OKP', crv: 'Ed25519' },
}

/** What an OIDC issuer may sign with. */
export const ISSUER_ALGORITHMS: readonly string[] = Object.keys(NEEDS)
/** What a DPoP proof may be signed with: small keys and signatures, since every request carries one. */
export const PROOF_ALGORITHMS: readonly string[] = ['ES256', 'ES384', 'EdDSA', 'Ed25519']

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']
/** 16,384 bits of RSA in base64url; verifying with a larger key is a denial of service. */
const MAX_MEMBER = 2800

/** The public key `jwk` holds, when it is one that `alg` can verify with; `use`, `key_ops` and `alg` must agree (RFC 7517, section 4). */
export function publicKeyFor(alg: string, jwk: unknown): PublicJwk | undefined {
  const needs = Object.hasOwn(NEEDS, alg) ? NEEDS[alg] : undefined
  if (!isRecord(jwk) || needs === undefined) return undefined
  if (jwk.kty !== needs.kty || (needs.crv !== undefined && jwk.crv !== needs.crv)) return undefined
  if (jwk.alg !== undefined && jwk.alg !== alg) return undefined
  if (jwk.use !== undefined && jwk.use !== 'sig') return undefined
  if (jwk.key_ops !== undefined && !(Array.isArray(jwk.key_ops) && jwk.key_ops.includes('verify'))) return undefined
  return publicMembers(jwk)
}

/** True when a key carries private or symmetric material, which nobody may ever send. */
export function hasPrivateMembers(jwk: Readonly<Record<string, unknown>>): boolean {
  return PRIVATE_MEMBERS.some((member) => member in jwk)
}

function publicMembers({ kty, crv, n, e, x, y }: Record<string, unknown>): PublicJwk | undefined {
  if (kty === 'RSA') return member(n) && member(e) ? { kty, n, e } : undefined
  if (kty === 'EC') return member(crv) && member(x) && member(y) ? { kty, crv, x, y } : undefined
  if (kty === 'OKP') return member(crv) && member(x) ? { kty, crv, x } : undefined
  return undefined
}

function member(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_MEMBER
}
