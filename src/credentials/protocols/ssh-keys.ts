import { createPublicKey, type JsonWebKey, type KeyObject, sign, verify } from 'node:crypto'
import { type Fields, MalformedSsh, mpint, readFields, string } from './ssh-wire.ts'

/** What a key of each type signs with: its own name (RFC 8709, RFC 5656), or SHA-2 for RSA (RFC 8332). The first is ours. */
export const SIGNATURES: Readonly<Record<string, readonly string[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
}
const RSA_HASH: Readonly<Record<string, string>> = { 'rsa-sha2-512': 'sha512', 'rsa-sha2-256': 'sha256' }
const P256_BYTES = 32
const LEAST_RSA_BITS = 2048

/** A public key as SSH writes it (RFC 4253, section 6.6). Throws MalformedSsh for a kind that is not in SIGNATURES. */
export function encodePublicKey(key: KeyObject): Buffer {
  const { kty, crv, x, y, n, e } = key.export({ format: 'jwk' })
  if (crv === 'Ed25519') return Buffer.concat([string('ssh-ed25519'), string(bytesOf(x))])
  if (crv === 'P-256') {
    const point = Buffer.concat([Buffer.of(4), bytesOf(x), bytesOf(y)])
    return Buffer.concat([string('ecdsa-sha2-nistp256'), string('nistp256'), string(point)])
  }
  if (kty === 'RSA') return Buffer.concat([string('ssh-rsa'), mpint(bytesOf(e)), mpint(bytesOf(n))])
  throw new MalformedSsh('the key is neither Ed25519, nor ECDSA with P-256, nor RSA')
}

/** The key that such bytes are. Throws MalformedSsh, and what node:crypto throws for numbers that are no key. */
export function decodePublicKey(blob: Uint8Array): KeyObject {
  const fields = readFields(blob)
  const key = createPublicKey({ format: 'jwk', key: readJwk(fields.text(), fields) })
  fields.end()
  if ((key.asymmetricKeyDetails?.modulusLength ?? LEAST_RSA_BITS) < LEAST_RSA_BITS)
    throw new MalformedSsh('an RSA key is too short')
  return key
}

function readJwk(type: string, fields: Fields): JsonWebKey {
  if (type === 'ssh-ed25519') return { kty: 'OKP', crv: 'Ed25519', x: textOf(fields.string()) }
  if (type === 'ecdsa-sha2-nistp256' && fields.text() === 'nistp256')
    return { kty: 'EC', crv: 'P-256', ...readPoint(fields.string()) }
  if (type === 'ssh-rsa') return { kty: 'RSA', e: textOf(fields.mpint()), n: textOf(fields.mpint()) }
  throw new MalformedSsh('a key is of a kind that is not known')
}

/** An uncompressed point of P-256 (SEC 1, section 2.3.3). */
export function readPoint(point: Buffer): { readonly x: string; readonly y: string } {
  if (point.length !== 1 + 2 * P256_BYTES || point[0] !== 4) throw new MalformedSsh('a point of P-256 is not whole')
  return { x: textOf(point.subarray(1, 1 + P256_BYTES)), y: textOf(point.subarray(1 + P256_BYTES)) }
}

/** A signature as SSH writes it, by the private key; RSA with SHA-512. */
export function signSsh(key: KeyObject, data: Uint8Array): Buffer {
  if (key.asymmetricKeyType === 'rsa') return Buffer.concat([string('rsa-sha2-512'), string(sign('sha512', data, key))])
  if (key.asymmetricKeyType !== 'ec') return Buffer.concat([string('ssh-ed25519'), string(sign(null, data, key))])
  const both = sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' })
  const numbers = Buffer.concat([mpint(both.subarray(0, P256_BYTES)), mpint(both.subarray(P256_BYTES))])
  return Buffer.concat([string('ecdsa-sha2-nistp256'), string(numbers)])
}

/** Whether `signature` over `data` is by the key of `blob`, with the algorithm that was agreed on. Throws MalformedSsh. */
export function verifySsh(algorithm: string, blob: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean {
  const fields = readFields(signature)
  const [named, value] = [fields.text(), fields.string()]
  fields.end()
  if (named !== algorithm) throw new MalformedSsh('a signature is of another algorithm')
  const [key, type] = [decodePublicKey(blob), readFields(blob).text()]
  if (SIGNATURES[type]?.includes(algorithm) !== true) throw new MalformedSsh('a signature is by a key of another kind')
  if (type === 'ssh-rsa') return verify(RSA_HASH[algorithm], data, key, value)
  if (type === 'ssh-ed25519') return verify(null, data, key, value)
  return verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, readNumbers(value))
}

/** The two numbers of an ECDSA signature (RFC 5656, section 3.1.2), each filled up to its length. */
function readNumbers(value: Buffer): Buffer {
  const fields = readFields(value)
  const numbers = [fields.mpint(), fields.mpint()]
  fields.end()
  if (numbers.some(({ length }) => length > P256_BYTES)) throw new MalformedSsh('a signature is too long')
  return Buffer.concat(numbers.map((number) => Buffer.concat([Buffer.alloc(P256_BYTES - number.length), number])))
}

function bytesOf(text: string | undefined): Buffer {
  return Buffer.from(text ?? '', 'base64url')
}

function textOf(bytes: Buffer): string {
  return bytes.toString('base64url')
}
