import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { Secret } from '../secret.ts'
import type { RecordName } from './key-source.ts'

const CIPHER = 'aes-256-gcm'
/** NIST SP 800-38D, section 8.2: 96 bits, at random; a record's key seals one value, a key-encryption key far fewer than 2^32 keys. */
const IV_BYTES = 12
const TAG_BYTES = 16

/** A key of its own for one value. */
export function newKey(): Buffer {
  return randomBytes(32)
}

/** Seals a value under its record's key. base64url. */
export function seal(key: Buffer, record: RecordName, value: Secret): string {
  return encrypt(key, bound('value', '', record), Buffer.from(value.reveal(), 'utf8')).toString('base64url')
}

/** The value again. Throws for a text, a record or a key that was changed. */
export function unseal(key: Buffer, record: RecordName, sealed: string): Secret {
  return new Secret(decrypt(key, bound('value', '', record), Buffer.from(sealed, 'base64url')).toString('utf8'))
}

/** The additional data: what the ciphertext is, of which record, under which key. */
export function bound(part: 'key' | 'value', keyId: string, { id, version }: RecordName): Buffer {
  return Buffer.from(JSON.stringify(['stint credential', part, keyId, id, version]))
}

/** AES-256-GCM (NIST SP 800-38D): nonce, ciphertext, tag. */
export function encrypt(key: Buffer, about: Buffer, plain: Buffer): Buffer {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES }).setAAD(about)
  return Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

/** What `encrypt` took. Throws for everything that it did not make with this key and about this. */
export function decrypt(key: Buffer, about: Buffer, sealed: Buffer): Buffer {
  if (sealed.length < IV_BYTES + TAG_BYTES) throw new Error('it is too short')
  const iv = sealed.subarray(0, IV_BYTES)
  const end = sealed.length - TAG_BYTES
  const decipher = createDecipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES }).setAAD(about).setAuthTag(sealed.subarray(end))
  return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES, end)), decipher.final()])
}
