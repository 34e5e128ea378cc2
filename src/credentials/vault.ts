import { StintError } from '../errors.ts'
import { Secret, SHORTEST_SECRET_BYTES } from '../secret.ts'
import type { Store } from '../store/store.ts'
import { createTurns } from '../store/turns.ts'
import type { RecordKey } from './key-source.ts'
import { type KeySources, openKeys } from './keys.ts'
import { readRecords, type SealedRecord, textOf } from './records.ts'
import { newKey, seal, unseal } from './seal.ts'

const ID = /^[A-Za-z0-9][A-Za-z0-9._~:@-]{0,127}$/
const MAX_LENGTH = 65_536
/** What Stint seals for itself begins so, which no credential’s name does. */
export const INNER = '~'

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
  /** A new value for the same name, if it still has that `version`. Throws `invalid_argument`, `secret_too_short`, `not_found`, `conflict`. */
  replace(id: string, value: Secret, version?: number): Promise<void>
  /** Throws `not_found`. */
  remove(id: string): Promise<void>
  /**
   * 32 bytes of Stint’s own for one purpose, made once for all that share the state and sealed like a credential. Throws
   * `vault_key_wrong` where another process made it at the same time, under another key.
   */
  innerKey(purpose: string): Promise<Buffer>
  /** By name. */
  list(): readonly CredentialListing[]
  /** Throws `credential_missing`; `state_unsafe` for a record that was tampered with. */
  open(id: string): Secret
  /** Whether that is the value it has. Throws `credential_missing`, `state_unsafe`. */
  holds(id: string, value: Secret): boolean
  /**
   * Seals a canary under the key that the source has now and opens it again, then opens the credential by the same key; keeps nothing.
   * Throws `not_found`, `key_unavailable`, `state_unsafe`.
   */
  tryKey(id: string): Promise<void>
  /** Hears the name of every credential that was replaced or removed, before the change resolves. */
  onChange(listener: (id: string) => void): void
  /**
   * Seals every record under a new key-encryption key, forgets the old one and answers how many there are. Broken off at any instant,
   * everything opens, and doing it again leaves one key. What another source sealed moves to the current one. Throws `state_unsafe`,
   * `store_unavailable`, `key_unavailable`; `conflict` when the source has no new key to give.
   */
  rotateKey(): Promise<number>
}

/** A record in memory: its key unwrapped, absent when it does not open; its value sealed. */
interface OpenRecord extends SealedRecord {
  readonly key: Buffer | undefined
}

/**
 * Opens the vault, with the keys of all records and none of their values. Throws `vault_key_wrong`, `key_unavailable`, and what the
 * sources throw; then nothing was changed.
 */
export async function openVault(store: Store, sources: KeySources): Promise<Vault> {
  const stored = await readRecords(store)
  const { keys, unwrapped } = await openKeys(sources, stored)
  const records = new Map<string, OpenRecord>()
  for (const one of stored) records.set(one.id, { ...one, key: unwrapped.get(one) })
  const listeners: ((id: string) => void)[] = []
  const inTurn = createTurns()
  store.watch('credential', refresh)

  return {
    add: (id, value) => inTurn(() => add(id, value)),
    replace: (id, value, version) => inTurn(() => replace(id, value, version)),
    remove: (id) => inTurn(() => remove(id)),
    innerKey: (purpose) => inTurn(() => innerKey(`${INNER}${purpose}`)),
    list: () =>
      listed()
        .map(({ id, version, createdAt }) => ({ id, version, createdAt }))
        .toSorted(byId),
    open,
    holds: (id, value) => open(id).reveal() === value.reveal(),
    async tryKey(id) {
      const value = new Secret(newKey().toString('base64url'))
      const canary = await sealRecord(`${INNER}canary`, 1, value)
      if ((await openAnew(canary)).reveal() !== value.reveal()) refuse(canary)
      canary.key?.fill(0)
      await openAnew(known(id))
    },
    onChange: (listener) => listeners.push(listener),
    rotateKey: () => inTurn(rotateKey),
  }

  function open(id: string): Secret {
    const record = records.get(id)
    if (record === undefined) throw new StintError('credential_missing', `the vault has no credential ${id}`)
    return openRecord(record)
  }

  async function openAnew(record: OpenRecord): Promise<Secret> {
    const key = await keys.unwrap(record)
    const value = openRecord({ ...record, key })
    key?.fill(0)
    return value
  }

  async function add(id: string, value: Secret): Promise<void> {
    check(id, value)
    if (records.has(id)) throw new StintError('conflict', `credential ${id} exists; replace it to give it a new value`)
    await insert(id, value)
  }

  async function innerKey(id: string): Promise<Buffer> {
    if (!records.has(id)) await claimInner(id)
    return Buffer.from(openRecord(known(id)).reveal(), 'base64url')
  }

  /** Of processes that share the state and start together one makes the key, and the others take it. */
  async function claimInner(id: string): Promise<void> {
    try {
      await insert(id, new Secret(newKey().toString('base64url')))
    } catch (thrown) {
      if (!(thrown instanceof StintError) || thrown.code !== 'conflict') throw thrown
      await refresh([id])
      if (records.get(id)?.key === undefined)
        throw new StintError('vault_key_wrong', 'a process that shares the state began it under another key; copy its vault.key')
    }
  }

  function listed(): OpenRecord[] {
    return [...records.values()].filter(({ id }) => !id.startsWith(INNER))
  }

  async function insert(id: string, value: Secret): Promise<void> {
    const record = await sealRecord(id, 1, value)
    await store.write(async (tx, changed) => {
      await tx
        .insertInto('credentials')
        .values({ id, version: record.version, sealed: textOf(record), at: record.createdAt })
        .execute()
      changed('credential', id)
    })
    record.key?.fill(0) // what the vault keeps it reads again
    await refresh([id])
  }

  async function replace(id: string, value: Secret, version = known(id).version): Promise<void> {
    check(id, value)
    const record = await sealRecord(id, version + 1, value)
    await store.write(async (tx, changed) => {
      const { numUpdatedRows } = await tx
        .updateTable('credentials')
        .set({ version: record.version, sealed: textOf(record), at: record.createdAt })
        .where('id', '=', id)
        .where('version', '=', record.version - 1)
        .executeTakeFirstOrThrow()
      if (numUpdatedRows === 0n)
        throw new StintError('conflict', `credential ${id} was changed meanwhile; look at it and try again`)
      changed('credential', id)
    })
    record.key?.fill(0)
    await refresh([id])
  }

  async function remove(id: string): Promise<void> {
    known(id)
    await store.write(async (tx, changed) => {
      await tx.deleteFrom('credentials').where('id', '=', id).execute()
      changed('credential', id)
    })
    await refresh([id])
  }

  /** What changed, here or in another process, as the store has it now; with what held the old value told of it. */
  async function refresh(ids: readonly string[]): Promise<void> {
    const stored = await readRecords(store, ids)
    for (const id of ids) {
      const after = stored.find((one) => one.id === id)
      const before = records.get(id)
      if (after === undefined ? before === undefined : before !== undefined && textOf(after) === textOf(before)) continue
      const key = after && (await keys.unwrap(after))
      wipe(id)
      records.delete(id)
      if (after !== undefined) records.set(id, { ...after, key })
      if (before !== undefined) for (const listener of listeners) listener(id)
    }
  }

  /** A crash between the steps leaves keys that open everything. */
  async function rotateKey(): Promise<number> {
    const all = [...records.values()]
    const unwrapped = all.map((record): RecordKey => ({ ...record, key: record.key ?? refuse(record) }))
    await keys.renew(all.map(({ wrapped }) => wrapped))
    const wrapped = unwrapped.length === 0 ? [] : await keys.wrap(unwrapped)
    const rewrapped = all.map((record, at) => ({ ...record, wrapped: wrapped[at] ?? refuse(record) }))
    await store.write(async (tx) => {
      for (const record of rewrapped)
        await tx
          .updateTable('credentials')
          .set({ sealed: textOf(record) })
          .where('id', '=', record.id)
          .execute()
    })
    for (const record of rewrapped) records.set(record.id, record)
    await keys.forget()
    return listed().length
  }

  function known(id: string): OpenRecord {
    const record = records.get(id)
    if (record === undefined) throw new StintError('not_found', `there is no credential ${id}`)
    return record
  }

  async function sealRecord(id: string, version: number, value: Secret): Promise<OpenRecord> {
    const key = newKey()
    const [wrapped = ''] = await keys.wrap([{ id, version, key }])
    return { id, version, createdAt: Date.now(), wrapped, key, body: seal(key, { id, version }, value) }
  }

  function wipe(id: string): void {
    records.get(id)?.key?.fill(0)
  }
}

function openRecord(record: OpenRecord): Secret {
  if (record.key === undefined) return refuse(record)
  try {
    return unseal(record.key, record, record.body)
  } catch (cause) {
    return refuse(record, cause)
  }
}

function refuse({ id }: CredentialListing, cause?: unknown): never {
  throw new StintError('state_unsafe', `credential ${id} does not open: its record was changed`, { cause })
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
