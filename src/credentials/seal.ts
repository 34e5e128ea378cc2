import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { StintError } from '../errors.ts'
import { Secret } from '../secret.ts'

const CIPHER = 'aes-256-gcm'
const IV_BYTES = 12
const TAG_BYTES = 16

/** A key that wraps the keys of records. */
export interface KeyEncryptionKey {
  readonly id: string
  readonly bytes: Buffer
}

/** The key-encryption keys at hand, by id; `current` seals, every one opens. */
export interface KeyRing {
  readonly current: KeyEncryptionKey
  readonly all: ReadonlyMap<string, KeyEncryptionKey>
}

/** Which record a sealed text belongs to; it opens as no other. */
export interface RecordName {
  readonly id: string
  readonly version: number
}

/** Seals a value: AES-256-GCM under a key of its own, which the current key-encryption key wraps. `key.wrapped.body`, base64url. */
export function seal(ring: KeyRing, name: RecordName, value: Secret): string {
  const recordKey = randomBytes(32)
  const { id, bytes } = ring.current
  const wrapped = encrypt(bytes, bound('key', id, name), recordKey)
  const body = encrypt(recordKey, bound('value', '', name), Buffer.from(value.reveal(), 'utf8'))
  recordKey.fill(0)
  return [id, wrapped.toString('base64url'), body.toString('base64url')].join('.')
}

/** The value again. Throws `state_unsafe` when the text, its record or the keys were changed. */
export function unseal(ring: KeyRing, name: RecordName, sealed: string): Secret {
  return guarded(name, () => {
    const { recordKey, body } = unwrap(ring, name, sealed)
    const value = decrypt(recordKey, bound('value', '', name), body)
    recordKey.fill(0)
    return new Secret(value.toString('utf8'))
  })
}

/** The same value under the current key-encryption key; the value itself is not opened. Throws `state_unsafe`. */
export function rewrap(ring: KeyRing, name: RecordName, sealed: string): string {
  return guarded(name, () => {
    const { recordKey, body } = unwrap(ring, name, sealed)
    const { id, bytes } = ring.current
    const wrapped = encrypt(bytes, bound('key', id, name), recordKey)
    recordKey.fill(0)
    return [id, wrapped.toString('base64url'), body.toString('base64url')].join('.')
  })
}

function unwrap(ring: KeyRing, name: RecordName, sealed: string): { recordKey: Buffer; body: Buffer } {
  const [keyId = '', wrapped = '', body = '', ...rest] = sealed.split('.')
  const key = ring.all.get(keyId)
  if (key === undefined || rest.length > 0) throw new Error('no key at hand sealed it')
  const recordKey = decrypt(key.bytes, bound('key', keyId, name), Buffer.from(wrapped, 'base64url'))
  return { recordKey, body: Buffer.from(body, 'base64url') }
}

/** The additional data: what the ciphertext is, of which record, under which key. */
function bound(part: 'key' | 'value', keyId: string, { id, version }: RecordName): Buffer {
  return Buffer.from(JSON.stringify(['stint credential', part, keyId, id, version]))
}

function encrypt(key: Buffer, about: Buffer, plain: Buffer): Buffer {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES }).setAAD(about)
  return Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

function decrypt(key: Buffer, about: Buffer, sealed: Buffer): Buffer {
  if (sealed.length < IV_BYTES + TAG_BYTES) throw new Error('it is too short')
  const iv = sealed.subarray(0, IV_BYTES)
  const end = sealed.length - TAG_BYTES
  const decipher = createDecipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES }).setAAD(about).setAuthTag(sealed.subarray(end))
  return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES, end)), decipher.final()])
}

function guarded<T>(name: RecordName, work: () => T): T {
  try {
    return work()
  } catch (thrown) {
    const detail = `credential ${name.id} does not open: its record or the key file was changed`
    throw new StintError('state_unsafe', detail, { operatorDetail: String(thrown), cause: thrown })
  }
}
