/** Which record a key or a value belongs to; it opens as no other. */
export interface RecordName {
  readonly id: string
  readonly version: number
}

/** A record's own key, and the record. */
export interface RecordKey extends RecordName {
  readonly key: Buffer
}

/** The same key as it lies in the store: text without a `.` at its end or anything that is not printable. Attacker-controlled. */
export interface WrappedKey extends RecordName {
  readonly wrapped: string
}

/**
 * Where the vault's key-encryption key is. It wraps the keys of records (envelope encryption, NIST SP 800-57 part 1, section 5.3.5) and
 * need never come out. Everything throws `key_unavailable` when the key cannot be had now; then nothing was changed.
 */
export interface KeySource {
  /** For messages: `the key file /home/me/vault.key`. */
  readonly what: string
  /** Called once, before all else. `isUsed`: something is wrapped under it, so that no new key may take its place. */
  open(isUsed: boolean): Promise<void>
  /** Wraps each key under the current key-encryption key, bound to its record. */
  wrap(keys: readonly RecordKey[]): Promise<readonly string[]>
  /** The keys again; undefined for each that is of another record, was changed, or was wrapped under a key that is not this one. */
  unwrap(keys: readonly WrappedKey[]): Promise<readonly (Buffer | undefined)[]>
  /** Gets a new current key; what older ones wrapped still unwraps. Durable when it resolves. */
  renew(): Promise<void>
  /** Nothing needs the older keys any more and, when it `isRetired`, none of them. */
  forget(isRetired: boolean): Promise<void>
}
