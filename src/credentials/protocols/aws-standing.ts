import { StintError } from '../../errors.ts'
import { Secret } from '../../secret.ts'
import type { AwsKeys } from './aws-sign.ts'
import { readJsonObject } from './json-object.ts'

/** What Stint shows STS: keys, or the token of an identity provider that the role trusts. */
export type AwsStanding = { readonly keys: AwsKeys } | { readonly webIdentityToken: string }

/**
 * Reads a standing credential: JSON with `access_key_id` and `secret_access_key`, and `session_token` for keys of a session; or with
 * `web_identity_token`. Throws `credential_missing`.
 */
export function readAwsStanding(standing: Secret | undefined): AwsStanding {
  if (standing === undefined) throw missing('the target names no credential')
  const value = readJsonObject(Buffer.from(standing.reveal()), (why) => missing(`the credential must be JSON, but ${why}`))
  const read = (name: string): string | undefined => {
    const one = Object.hasOwn(value, name) ? value[name] : undefined
    if (one === undefined || (typeof one === 'string' && /^[\x21-\x7e]{8,20000}$/.test(one))) return one
    throw missing(`${name} in the credential is not one`)
  }
  const webIdentityToken = read('web_identity_token')
  if (webIdentityToken !== undefined) return { webIdentityToken }
  const [id, secret, token] = [read('access_key_id'), read('secret_access_key'), read('session_token')]
  if (id === undefined || secret === undefined || !/^\w+$/.test(id))
    throw missing('the credential has no access_key_id with secret_access_key, and no web_identity_token')
  return { keys: { id, secret: new Secret(secret), ...(token !== undefined && { token: new Secret(token) }) } }
}

function missing(detail: string): StintError {
  return new StintError('credential_missing', detail)
}
