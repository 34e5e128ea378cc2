import { StintError } from '../../errors.ts'
import type { Changed, Store } from '../../store/store.ts'
import type { Recipe } from './recipe.ts'
import { isOver, type RotationRecord } from './rotation-record.ts'

/** A record with its sealed keys, while it is not over. */
export interface RotationEntry {
  readonly record: RotationRecord
  readonly sealed: string | undefined
}

/** The recipe of one credential. Times are epoch milliseconds. */
export interface DeclaredRecipe {
  readonly credentialId: string
  readonly recipe: Recipe
  /** How often it is rotated by itself; absent for never. */
  readonly everySeconds?: number
  readonly declaredAt: number
  /** The credential’s version that `recipe.currentId` is of. */
  readonly version: number
  /** The last rotation that ended well, and the last that did not. */
  readonly rotatedAt?: number
  readonly undoneAt?: number
}

/** Recipes and rotations, in the store alone: there are few. Everything throws `store_unavailable`. */
export interface RotationLedger {
  /** Writes the intent of one. Throws `conflict` when one of the same credential is under way. */
  begin(entry: RotationEntry): Promise<void>
  /** Durable when it resolves. One that is over is noted with its recipe. Throws `conflict` for one that another gateway took over. */
  save(entry: RotationEntry): Promise<void>
  /** Throws `not_found`. */
  load(id: string): Promise<RotationEntry>
  /** All that are not over, whoever keeps them. */
  underWay(): Promise<readonly RotationEntry[]>
  /** Takes over what a gateway keeps that is not here; answers the ids. */
  adopt(self: string, isHere: (keeper: string) => boolean): Promise<readonly string[]>
  /** Of one credential, newest first. */
  list(credentialId: string, limit: number): Promise<readonly RotationRecord[]>
  /** Throws `conflict` when a rotation is under way. */
  declare(declared: DeclaredRecipe): Promise<void>
  recipe(credentialId: string): Promise<DeclaredRecipe | undefined>
  recipes(): Promise<readonly DeclaredRecipe[]>
  /** Throws `conflict` when a rotation is under way. */
  forget(credentialId: string): Promise<void>
}

/** A rotation of the credential is under way, here or in another process. */
export class UnderWay extends StintError {
  constructor(id: string, credentialId: string) {
    super('conflict', `${id} of ${credentialId} is under way; wait until it is over`)
  }
}

type Tx = Parameters<Parameters<Store['write']>[0]>[0]

/** The ledger of a store. */
export function openRotationLedger(store: Store): RotationLedger {
  return {
    begin: (entry) =>
      store.write(async (tx, changed) => {
        await refuseUnderWay(tx, entry.record.credentialId)
        await tx.insertInto('rotations').values(toRow(entry)).execute()
        changed('rotation', entry.record.id)
      }),
    save: (entry) => store.write((tx, changed) => save(tx, entry, changed)),
    async load(id) {
      const row = await store.db.selectFrom('rotations').selectAll().where('id', '=', id).executeTakeFirst()
      if (row === undefined) throw new StintError('not_found', `there is no rotation ${id}`)
      return toEntry(row)
    },
    underWay: () => underWay(store.db),
    adopt: (self, isHere) =>
      store.write(async (tx, changed) => {
        const orphans = (await underWay(tx)).filter(({ record: { keeper } }) => !isHere(keeper))
        for (const { record, sealed } of orphans) await write(tx, { record: { ...record, keeper: self }, sealed }, changed)
        return orphans.map(({ record }) => record.id)
      }),
    async list(credentialId, limit) {
      const all = store.db.selectFrom('rotations').selectAll().where('credential_id', '=', credentialId)
      const rows = await all.orderBy('started_at', 'desc').orderBy('id').limit(limit).execute()
      return rows.map((row) => toEntry(row).record)
    },
    declare: (declared) =>
      store.write(async (tx, changed) => {
        await refuseUnderWay(tx, declared.credentialId)
        await writeRecipe(tx, declared, changed)
      }),
    recipe: (credentialId) => readRecipe(store.db, credentialId),
    async recipes() {
      const rows = await store.db.selectFrom('recipes').select('declared_json').orderBy('credential_id').execute()
      return rows.map(({ declared_json }) => parse<DeclaredRecipe>(declared_json))
    },
    forget: (credentialId) =>
      store.write(async (tx, changed) => {
        await refuseUnderWay(tx, credentialId)
        await tx.deleteFrom('recipes').where('credential_id', '=', credentialId).execute()
        changed('recipe', credentialId)
      }),
  }
}

async function underWay(db: Store['db']): Promise<readonly RotationEntry[]> {
  const rows = await db.selectFrom('rotations').selectAll().where('sealed', 'is not', null).execute()
  return rows.map(toEntry)
}

async function save(tx: Tx, entry: RotationEntry, changed: Changed): Promise<void> {
  const { id, keeper } = entry.record
  const row = await tx.selectFrom('rotations').select('record_json').where('id', '=', id).executeTakeFirst()
  if (row === undefined || parse<RotationRecord>(row.record_json).keeper !== keeper)
    throw new StintError('conflict', `${id} is kept by another gateway now`)
  await write(tx, entry, changed)
}

async function write(tx: Tx, { record, sealed }: RotationEntry, changed: Changed): Promise<void> {
  const { id, state } = record
  const change = { state, record_json: JSON.stringify(record), sealed: sealed ?? null }
  await tx.updateTable('rotations').set(change).where('id', '=', id).execute()
  changed('rotation', id)
  const declared = isOver(record) ? await readRecipe(tx, record.credentialId) : undefined
  if (declared !== undefined) await writeRecipe(tx, after(declared, record), changed)
}

/** The recipe when a rotation is over: after one that ended well the key is another. */
function after(declared: DeclaredRecipe, { state, version, newId, endedAt = 0 }: RotationRecord): DeclaredRecipe {
  if (state !== 'dead') return { ...declared, undoneAt: endedAt }
  const { currentId: _, ...recipe } = declared.recipe
  const named = { ...recipe, ...(newId !== undefined && { currentId: newId }) }
  return { ...declared, recipe: named, version: version + 1, rotatedAt: endedAt }
}

async function refuseUnderWay(tx: Tx, credentialId: string): Promise<void> {
  const found = tx.selectFrom('rotations').select('id').where('credential_id', '=', credentialId).where('sealed', 'is not', null)
  const row = await found.executeTakeFirst()
  if (row !== undefined) throw new UnderWay(row.id, credentialId)
}

async function readRecipe(db: Store['db'], credentialId: string): Promise<DeclaredRecipe | undefined> {
  const found = db.selectFrom('recipes').select('declared_json').where('credential_id', '=', credentialId)
  const row = await found.executeTakeFirst()
  return row && parse<DeclaredRecipe>(row.declared_json)
}

async function writeRecipe(tx: Tx, declared: DeclaredRecipe, changed: Changed): Promise<void> {
  const { credentialId } = declared
  const declared_json = JSON.stringify(declared)
  await tx
    .insertInto('recipes')
    .values({ credential_id: credentialId, declared_json })
    .onConflict((on) => on.column('credential_id').doUpdateSet({ declared_json }))
    .execute()
  changed('recipe', credentialId)
}

function toRow({ record, sealed }: RotationEntry) {
  const { id, credentialId, state, startedAt } = record
  const kept = { record_json: JSON.stringify(record), sealed: sealed ?? null }
  return { id, credential_id: credentialId, state, started_at: startedAt, ...kept }
}

function toEntry({ record_json, sealed }: { record_json: string; sealed: string | null }): RotationEntry {
  return { record: parse<RotationRecord>(record_json), sealed: sealed ?? undefined }
}

function parse<T>(json: string): T {
  try {
    return JSON.parse(json)
  } catch (cause) {
    throw new StintError('store_unavailable', 'a stored rotation is damaged', { operatorDetail: String(cause), cause })
  }
}
