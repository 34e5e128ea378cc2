import type { RecordKey, WrappedKey } from './key-source.ts'
import { bound, decrypt, encrypt } from './seal.ts'

/** A key that wraps the keys of records. */
export interface KeyEncryptionKey {
  /** Text without a `.`. */
  readonly id: string
  readonly bytes: Buffer
}

/** Key-encryption keys in memory, by id; `current` wraps, every one unwraps. */
export interface KeyRing {
  readonly current: KeyEncryptionKey
  readonly all: ReadonlyMap<string, KeyEncryptionKey>
}

/** A ring of a current key and older ones. */
export function ringOf(current: KeyEncryptionKey, ...older: readonly KeyEncryptionKey[]): KeyRing {
  return { current, all: new Map([...older, current].map((key) => [key.id, key])) }
}

/** Wraps a record's key under the current key: `id.ciphertext`, base64url. */
export function wrapWith({ current: { id, bytes } }: KeyRing, record: RecordKey): string {
  return `${id}.${encrypt(bytes, bound('key', id, record), record.key).toString('base64url')}`
}

/** The record's key, or undefined when no key of the ring wrapped it for this record. */
export function unwrapWith(ring: KeyRing, record: WrappedKey): Buffer | undefined {
  const [id = '', sealed = ''] = record.wrapped.split('.')
  const key = ring.all.get(id)
  if (key === undefined) return undefined
  try {
    return decrypt(key.bytes, bound('key', id, record), Buffer.from(sealed, 'base64url'))
  } catch {
    return undefined // GCM says no more than that it is not authentic
  }
}
