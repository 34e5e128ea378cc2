import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { StintError } from '../../errors.ts'
import type { Secret } from '../../secret.ts'
import type { HttpAnswer, Io } from '../minting.ts'
import { skewOf } from './provider-answer.ts'

/** An RSA private key in PEM (PKCS #1 or PKCS #8). Throws `credential_missing` for what is none. */
export function readRsaKey(pem: Secret | undefined): KeyObject {
  if (pem === undefined) throw new StintError('credential_missing', 'the target names no credential')
  const key = parse(pem)
  if (key?.asymmetricKeyType === 'rsa') return key
  throw new StintError('credential_missing', 'the credential is not an RSA private key in PEM')
}

/** Signs claims as a JWT (RFC 7519) with RS256 (RFC 7518, section 3.3). */
export function signJwt(
  claims: Readonly<Record<string, string | number>>,
  key: KeyObject,
  header: { kid?: string } = {},
): string {
  const signed = [{ alg: 'RS256', typ: 'JWT', ...header }, claims].map(encode).join('.')
  return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), key).toString('base64url')}`
}

/**
 * Asks with what is signed at a time, in seconds. Where the provider refuses it by 401 and its clock says another time, once more by
 * its clock.
 */
export async function askInTime(io: Io, ask: (nowSeconds: number) => Promise<HttpAnswer>): Promise<HttpAnswer> {
  const answer = await ask(Math.floor(io.now() / 1000))
  const skewMs = skewOf(answer, io.now())
  return answer.status === 401 && Math.abs(skewMs) > 30_000 ? ask(Math.floor((io.now() + skewMs) / 1000)) : answer
}

/** Whatever is wrong with it, the reason is not passed on: it may quote the key. */
function parse(pem: Secret): KeyObject | undefined {
  try {
    return createPrivateKey(pem.reveal())
  } catch {
    return undefined
  }
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
