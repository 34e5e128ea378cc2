import { createPrivateKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { StintError } from '../../errors.ts'
import type { Secret } from '../../secret.ts'
import { decodePublicKey, encodePublicKey, readPoint } from './ssh-keys.ts'
import { type Fields, MalformedSsh, readFields } from './ssh-wire.ts'

const ARMOUR = /^-----BEGIN OPENSSH PRIVATE KEY-----\s([A-Za-z0-9+/=\s]+)-----END OPENSSH PRIVATE KEY-----\s*$/
const MAGIC = 'openssh-key-v1\0'

/** The CA’s key, as ssh-keygen writes it (PROTOCOL.key of OpenSSH) or in PEM. Throws `credential_missing`, and never says what it read. */
export function readPrivateKey(secret: Secret | undefined): KeyObject {
  if (secret === undefined) throw new StintError('credential_missing', 'certificates are signed with the private key of a CA')
  try {
    const text = secret.reveal().trim()
    const armoured = ARMOUR.exec(text)?.[1]
    const key = armoured === undefined ? createPrivateKey(text) : readOpenSsh(Buffer.from(armoured, 'base64'))
    decodePublicKey(encodePublicKey(key)) // only what SSH has a name for, and is long enough
    return key
  } catch {
    throw new StintError(
      'credential_missing',
      'the credential is no private key of Ed25519, ECDSA P-256 or RSA without a passphrase, in OpenSSH’s format or PEM',
    )
  }
}

function readOpenSsh(bytes: Buffer): KeyObject {
  if (!bytes.subarray(0, MAGIC.length).equals(Buffer.from(MAGIC))) throw new MalformedSsh('the file is of another version')
  const fields = readFields(bytes.subarray(MAGIC.length))
  for (const skip of ['text', 'text', 'string', 'uint32', 'string'] as const) fields[skip]() // how it is encrypted, and the public key
  const inner = readFields(fields.string())
  const [check, again] = [inner.uint32(), inner.uint32()]
  if (check !== again) throw new MalformedSsh('the file is encrypted or changed')
  return createPrivateKey({ format: 'jwk', key: readJwk(inner.text(), inner) })
}

function readJwk(type: string, fields: Fields): JsonWebKey {
  if (type === 'ssh-ed25519') {
    const [x, d] = [fields.string(), fields.string().subarray(0, 32)]
    return { kty: 'OKP', crv: 'Ed25519', x: textOf(x), d: textOf(d) }
  }
  if (type === 'ecdsa-sha2-nistp256' && fields.text() === 'nistp256') {
    const [point, d] = [readPoint(fields.string()), fields.mpint()]
    return { kty: 'EC', crv: 'P-256', ...point, d: textOf(Buffer.concat([Buffer.alloc(32 - d.length), d])) }
  }
  if (type === 'ssh-rsa') return readRsa(fields)
  throw new MalformedSsh('the key is of a kind that is not known')
}

/** JWK wants the two exponents of the Chinese remainder theorem, which OpenSSH leaves out (RFC 7518, section 6.3.2). */
function readRsa(fields: Fields): JsonWebKey {
  const [n, e, d, qi, p, q] = Array.from({ length: 6 }, () => fields.mpint()) as [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer]
  const exponent = (prime: Buffer): string => {
    const hex = (numberOf(d) % (numberOf(prime) - 1n)).toString(16)
    return textOf(Buffer.from(hex.padStart(2 * prime.length, '0'), 'hex'))
  }
  const numbers = { n: textOf(n), e: textOf(e), d: textOf(d), p: textOf(p), q: textOf(q), qi: textOf(qi) }
  return { kty: 'RSA', ...numbers, dp: exponent(p), dq: exponent(q) }
}

function numberOf(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex')}`)
}

function textOf(bytes: Buffer): string {
  return bytes.toString('base64url')
}
