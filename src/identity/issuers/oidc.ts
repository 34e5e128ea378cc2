import { importJWK, jwtVerify } from 'jose'
import { StintError } from '../../errors.ts'
import { ISSUER_ALGORITHMS } from '../algorithms.ts'
import { flattenClaims, matchRule } from '../claims.ts'
import type { Issuer, IssuerConfig, IssuerIo, Vouched } from '../issuer.ts'
import { MAX_TOKEN_BYTES, type ParsedJwt, parseJwt } from '../jwt.ts'
import { createKeySets, type KeySets } from '../key-sets.ts'

/** A token that lives longer is a standing credential. */
const MAX_LIFE_SECONDS = 24 * 3600
/** The types an ID token may carry (lower case); an allow-list, so that no `at+jwt`, `dpop+jwt` or `logout+jwt` passes for one (RFC 8725, section 3.11). */
const TYPES = ['jwt', 'jose']

const keySets = new WeakMap<IssuerIo, KeySets>()

/** Any OpenID Connect issuer with discovery: CI systems, Kubernetes, clouds. */
export const oidc: Issuer = {
  kind: 'oidc',
  summary: 'Any OpenID Connect issuer with a discovery document, such as a CI system or a Kubernetes cluster.',
  async verify(token, config, io) {
    const parsed = parseJwt(token, MAX_TOKEN_BYTES)
    checkHeader(parsed)
    const key = await keysOf(io).find(config, parsed.header)
    await checkClaims(parsed, config, io, key)
    return admit(parsed.payload, config)
  },
}

function keysOf(io: IssuerIo): KeySets {
  const existing = keySets.get(io)
  if (existing !== undefined) return existing
  const made = createKeySets(io)
  keySets.set(io, made)
  return made
}

function checkHeader({ header }: ParsedJwt): void {
  const { alg, typ } = header
  if (!ISSUER_ALGORITHMS.includes(alg)) throw refused('its alg is not an allowed signature algorithm')
  if (typ !== undefined && !(typeof typ === 'string' && TYPES.includes(typ.toLowerCase())))
    throw refused('its typ is not that of an ID token')
}

/** OpenID Connect Core 1.0, section 3.1.3.7, stricter: our audience alone, `iat` required, a bounded life. */
async function checkClaims(
  parsed: ParsedJwt,
  config: IssuerConfig,
  io: IssuerIo,
  key: Awaited<ReturnType<KeySets['find']>>,
): Promise<void> {
  const { text, header, payload } = parsed
  const { issuer, audience } = config
  const now = io.now() / 1000
  try {
    await jwtVerify(text, await importJWK(key, header.alg), {
      ...{ algorithms: [header.alg], issuer, audience, requiredClaims: ['sub', 'exp', 'iat'] },
      ...{ clockTolerance: io.skewSeconds, currentDate: new Date(io.now()) },
    })
  } catch (cause) {
    throw refused(cause instanceof Error ? cause.message : 'its signature does not verify', cause)
  }
  const { iat, exp, sub, aud } = payload
  if (typeof iat !== 'number' || typeof exp !== 'number' || typeof sub !== 'string') throw refused('a claim has the wrong type')
  if (Array.isArray(aud) && aud.length !== 1) throw refused('it is for other audiences as well')
  if (iat > now + io.skewSeconds) throw refused('it was issued in the future')
  if (exp <= iat || exp - iat > MAX_LIFE_SECONDS) throw refused(`it lives longer than ${MAX_LIFE_SECONDS} s`)
}

function admit(payload: ParsedJwt['payload'], { issuer, rules }: IssuerConfig): Vouched {
  const claims = flattenClaims(payload)
  const rule = matchRule(rules, claims)
  if (rule === undefined) throw refused('no rule matches its claims')
  return { rule, caller: { id: rule.workload, proof: 'federated', issuer, actors: [], claims } }
}

/** The caller learns nothing about which check failed; the operator does. */
function refused(operatorDetail: string, cause?: unknown): StintError {
  return new StintError('invalid_token', 'the token is not acceptable', { operatorDetail, ...(cause !== undefined && { cause }) })
}
