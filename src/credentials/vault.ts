import { StintError } from '../errors.ts'
import { type Secret, SHORTEST_SECRET_BYTES } from '../secret.ts'
import type { Store } from '../store/store.ts'
import { createTurns } from '../store/turns.ts'
import { extendKeyRing, openKeyRing, shrinkKeyRing } from './key-ring.ts'
import { rewrap, seal, unseal } from './seal.ts'

const ID = /^[A-Za-z0-9][A-Za-z0-9._~:@-]{0,127}$/
const MAX_LENGTH = 65_536

/** A credential as anyone may see it: never its value. */
export interface CredentialListing {
  readonly id: string
  /** Counts the values it has had. */
  readonly version: number
  /** Of this version, epoch milliseconds. */
  readonly createdAt: number
}

/** Standing credentials, sealed at rest. A change is durable when it resolves. */
export interface Vault {
  /** Throws `invalid_argument`, `secret_too_short`, `conflict` for a taken name. */
  add(id: string, value: Secret): Promise<void>
  /** A new value for the same name. Throws `invalid_argument`, `secret_too_short`, `not_found`. */
  replace(id: string, value: Secret): Promise<void>
  /** Throws `not_found`. */
  remove(id: string): Promise<void>
  /** By name. */
  list(): readonly CredentialListing[]
  /** Throws `credential_missing`; `state_unsafe` for a record that was tampered with. */
  open(id: string): Secret
  /** Hears the name of every credential that was replaced or removed, before the change resolves. */
  onChange(listener: (id: string) => void): void
  /**
   * Seals every record under a new key-encryption key, forgets the old one and answers how many there are. Broken off at any instant,
   * everything opens, and doing it again leaves one key. Throws `state_unsafe`, `store_unavailable`.
   */
  rotateKey(): Promise<number>
}

interface Sealed extends CredentialListing {
  readonly sealed: string
}

/** Opens the vault; makes `keyFile` (0600) for an empty one. Throws `state_unsafe` for a missing, foreign or readable key file. */
export async function openVault(store: Store, keyFile: string): Promise<Vault> {
  const rows = await store.db.selectFrom('credentials').selectAll().orderBy('id').execute()
  let ring = await openKeyRing(keyFile, rows.length > 0)
  const records = new Map<string, Sealed>()
  for (const { id, version, sealed, at } of rows) records.set(id, { id, version, sealed, createdAt: at })
  const listeners: ((id: string) => void)[] = []
  const inTurn = createTurns()

  return {
    add: (id, value) => inTurn(() => add(id, value)),
    replace: (id, value) => inTurn(() => replace(id, value)),
    remove: (id) => inTurn(() => remove(id)),
    list: () => [...records.values()].map(({ id, version, createdAt }) => ({ id, version, createdAt })).toSorted(byId),
    open(id) {
      const record = records.get(id)
      if (record === undefined) throw new StintError('credential_missing', `the vault has no credential ${id}`)
      return unseal(ring, record, record.sealed)
    },
    onChange: (listener) => listeners.push(listener),
    rotateKey: () => inTurn(rotateKey),
  }

  async function add(id: string, value: Secret): Promise<void> {
    check(id, value)
    if (records.has(id)) throw new StintError('conflict', `credential ${id} exists; rotate it to give it a new value`)
    const record = recordOf(id, 1, value)
    await store.write(async (tx, changed) => {
      await tx
        .insertInto('credentials')
        .values({ id, version: record.version, sealed: record.sealed, at: record.createdAt })
        .execute()
      changed('credential', id)
    })
    records.set(id, record)
  }

  async function replace(id: string, value: Secret): Promise<void> {
    check(id, value)
    const record = recordOf(id, known(id).version + 1, value)
    await store.write(async (tx, changed) => {
      await tx
        .updateTable('credentials')
        .set({ version: record.version, sealed: record.sealed, at: record.createdAt })
        .where('id', '=', id)
        .execute()
      changed('credential', id)
    })
    records.set(id, record)
    for (const listener of listeners) listener(id)
  }

  async function remove(id: string): Promise<void> {
    known(id)
    await store.write(async (tx, changed) => {
      await tx.deleteFrom('credentials').where('id', '=', id).execute()
      changed('credential', id)
    })
    records.delete(id)
    for (const listener of listeners) listener(id)
  }

  /** A crash between the steps leaves a ring that opens everything. */
  async function rotateKey(): Promise<number> {
    ring = await extendKeyRing(keyFile, ring)
    const rewrapped = [...records.values()].map((record) => ({ ...record, sealed: rewrap(ring, record, record.sealed) }))
    await store.write(async (tx) => {
      for (const { id, sealed } of rewrapped) await tx.updateTable('credentials').set({ sealed }).where('id', '=', id).execute()
    })
    for (const record of rewrapped) records.set(record.id, record)
    ring = await shrinkKeyRing(keyFile, ring)
    return rewrapped.length
  }

  function known(id: string): Sealed {
    const record = records.get(id)
    if (record === undefined) throw new StintError('not_found', `there is no credential ${id}`)
    return record
  }

  function recordOf(id: string, version: number, value: Secret): Sealed {
    return { id, version, createdAt: Date.now(), sealed: seal(ring, { id, version }, value) }
  }
}

function byId(a: CredentialListing, b: CredentialListing): number {
  return a.id < b.id ? -1 : 1
}

function check(id: string, value: Secret): void {
  if (!ID.test(id)) throw new StintError('invalid_argument', `a credential’s name must match ${ID.source}`)
  if (value.length > MAX_LENGTH) throw new StintError('invalid_argument', `a credential takes ${MAX_LENGTH} characters at most`)
  if (Buffer.byteLength(value.reveal()) < SHORTEST_SECRET_BYTES)
    throw new StintError('secret_too_short', `a credential takes ${SHORTEST_SECRET_BYTES} bytes or more`)
}
