import { StintError } from '../../errors.ts'
import type { Secret } from '../../secret.ts'
import { readJsonObject } from './json-object.ts'

/** What the standing credential of an OAuth client holds. */
export interface Kept {
  readonly clientSecret: string | undefined
  /** PEM. */
  readonly privateKey: string | undefined
  /** The refresh token, or the token to exchange. */
  readonly subject: string | undefined
}

/**
 * Reads a standing credential: the client secret as it is, or JSON with `client_secret` or `private_key`, and with `refresh_token` or
 * `subject_token`. Throws `credential_missing`.
 */
export function readKept(standing: Secret | undefined): Kept {
  if (standing === undefined) throw missing('the target names no credential')
  const text = standing.reveal()
  if (!text.startsWith('{')) return { clientSecret: text, privateKey: undefined, subject: undefined }
  const value = readJsonObject(Buffer.from(text), (why) => missing(`the standing credential starts as JSON, but ${why}`))
  const read = (name: string): string | undefined => {
    const one = Object.hasOwn(value, name) ? value[name] : undefined
    if (one === undefined || (typeof one === 'string' && one !== '')) return one
    throw missing(`${name} in the standing credential is not a text`)
  }
  return {
    clientSecret: read('client_secret'),
    privateKey: read('private_key'),
    subject: read('refresh_token') ?? read('subject_token'),
  }
}

/** A `credential_missing`. */
export function missing(detail: string): StintError {
  return new StintError('credential_missing', detail)
}
