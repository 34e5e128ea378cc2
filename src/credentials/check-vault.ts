import type { Store } from '../store/store.ts'
import { fileKeys } from './keys/file.ts'
import { kindOf, openKeys } from './keys.ts'
import { readRecords } from './records.ts'

/**
 * Whether the key file is the one that this store's credentials were sealed under: throws `vault_key_wrong`, `state_unsafe`. Answers how
 * many records are sealed under a key that is elsewhere, which only a start can tell.
 */
export async function checkVault(store: Store, keyFile: string): Promise<number> {
  const records = await readRecords(store)
  const own = records.filter(({ wrapped }) => kindOf(wrapped) === 'file')
  if (own.length > 0) await openKeys({ current: 'file', sources: { file: fileKeys(keyFile) } }, own)
  return records.length - own.length
}
