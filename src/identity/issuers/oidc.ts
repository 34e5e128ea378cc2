import { importJWK, jwtVerify } from 'jose'
import { StintError } from '../../errors.ts'
import type { Issuer, IssuerConfig, IssuerIo, ParsedJwt, PublicJwk } from '../issuer.ts'

/** A token that lives longer is a standing credential. */
const MAX_LIFE_SECONDS = 24 * 3600
/** The types an ID token may carry (lower case); an allow-list, so that no `at+jwt`, `dpop+jwt` or `logout+jwt` passes for one (RFC 8725, section 3.11). */
const TYPES = ['jwt', 'jose']

/** Any OpenID Connect issuer with discovery: CI systems, Kubernetes, clouds. */
export const oidc: Issuer = {
  kind: 'oidc',
  summary: 'Any OpenID Connect issuer with a discovery document, such as a CI system or a Kubernetes cluster.',
  async verify(token, config, world) {
    const { typ } = token.header
    if (typ !== undefined && !(typeof typ === 'string' && TYPES.includes(typ.toLowerCase())))
      throw refused('its typ is not that of an ID token')
    await checkClaims(token, config, world, await world.findKey(config, token.header))
  },
}

/** OpenID Connect Core 1.0, section 3.1.3.7, stricter: our audience alone, `iat` required, a bounded life. */
async function checkClaims(token: ParsedJwt, config: IssuerConfig, io: IssuerIo, key: PublicJwk): Promise<void> {
  const { text, header, payload } = token
  const { issuer, audience } = config
  const now = io.now() / 1000
  try {
    await jwtVerify(text, await importJWK(key, header.alg), {
      ...{ algorithms: [header.alg], issuer, audience, requiredClaims: ['sub', 'exp', 'iat'] },
      ...{ clockTolerance: io.skewSeconds, currentDate: new Date(io.now()) },
    })
  } catch (thrown) {
    throw refused(thrown instanceof Error ? thrown.message : 'its signature does not verify')
  }
  const { iat, exp, sub, aud } = payload
  if (typeof iat !== 'number' || typeof exp !== 'number' || typeof sub !== 'string') throw refused('a claim has the wrong type')
  if (Array.isArray(aud) && aud.length !== 1) throw refused('it is for other audiences as well')
  if (iat > now + io.skewSeconds) throw refused('it was issued in the future')
  if (exp <= iat || exp - iat > MAX_LIFE_SECONDS) throw refused(`it lives longer than ${MAX_LIFE_SECONDS} s`)
}

/** The caller learns nothing about which check failed; the operator does. No cause: jose's errors carry the claims. */
function refused(operatorDetail: string): StintError {
  return new StintError('invalid_token', 'the token is not acceptable', { operatorDetail })
}
