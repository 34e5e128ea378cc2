import { chmod, rm } from 'node:fs/promises'
import { backup, DatabaseSync } from 'node:sqlite'
import { StintError } from '../errors.ts'

/** More than SQLite ever has in one step (sqlite3_backup_step takes an int). */
const ALL_PAGES = 2 ** 31 - 1

/**
 * Copies the database at `path` as it is at one moment, while others write to it (SQLite's online backup: all pages in one step, so that
 * no write makes it begin again), in the place of an earlier copy. Throws `store_unavailable`.
 */
export async function copyDatabase(path: string, to: string): Promise<void> {
  try {
    await rm(to, { force: true })
    using database = new DatabaseSync(path, { readOnly: true })
    await backup(database, to, { rate: ALL_PAGES })
    await chmod(to, 0o600)
  } catch (cause) {
    throw new StintError('store_unavailable', 'the database cannot be copied', { operatorDetail: String(cause), cause })
  }
}

/** Throws `store_unavailable` when the database at `path` is damaged (SQLite's `integrity_check`). */
export function checkDatabase(path: string): void {
  const found = problemIn(path)
  if (found !== 'ok') throw new StintError('store_unavailable', 'the database is damaged', { operatorDetail: found })
}

function problemIn(path: string): string {
  try {
    using database = new DatabaseSync(path, { readOnly: true })
    return String(database.prepare('pragma integrity_check(1)').get()?.integrity_check)
  } catch (cause) {
    return String(cause)
  }
}
