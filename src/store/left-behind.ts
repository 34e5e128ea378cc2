import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { MOVED } from './moved.ts'

/**
 * What the data directory's own file holds, read and not opened: a state, the remains of one that was moved to PostgreSQL, or no more than
 * a first start makes. Throws what SQLite throws.
 */
export function lookInFile(path: string): 'nothing' | 'state' | 'moved' {
  if (!existsSync(path)) return 'nothing'
  using database = new DatabaseSync(path, { readOnly: true })
  if (database.prepare('select 1 from meta where key = ?').get(MOVED) !== undefined) return 'moved'
  const used =
    'select 1 where exists (select 1 from tasks) or exists (select 1 from targets) or exists (select 1 from revocations)'
  return database.prepare(used).get() === undefined ? 'nothing' : 'state'
}
