import type { Store } from '../store/store.ts'
import type { WrappedKey } from './key-source.ts'

/** A record of the vault as it is stored: its own key wrapped, its value sealed under that. */
export interface SealedRecord extends WrappedKey {
  readonly body: string
  /** Of this version, epoch milliseconds. */
  readonly createdAt: number
}

/** Every record, or those of these names; by name. Throws `store_unavailable`. */
export async function readRecords(store: Store, ids?: readonly string[]): Promise<readonly SealedRecord[]> {
  const all = store.db.selectFrom('credentials').selectAll().orderBy('id')
  const rows = await (ids === undefined ? all : all.where('id', 'in', ids)).execute()
  return rows.map(({ id, version, sealed, at: createdAt }) => {
    const end = Math.max(0, sealed.lastIndexOf('.'))
    return { id, version, createdAt, wrapped: sealed.slice(0, end), body: sealed.slice(end + 1) }
  })
}

/** A record as one text: `wrapped.body`. */
export function textOf({ wrapped, body }: Pick<SealedRecord, 'wrapped' | 'body'>): string {
  return `${wrapped}.${body}`
}
