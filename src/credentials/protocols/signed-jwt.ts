import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { StintError } from '../../errors.ts'
import type { Secret } from '../../secret.ts'

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
