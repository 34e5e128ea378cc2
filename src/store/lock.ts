import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { StintError } from '../errors.ts'

/**
 * Takes a data directory for this process, by an operating system lock that a crash lets go of (SQLite is what offers one to
 * Node). Answers how to let go. Throws `already_running`.
 */
export function holdLock(path: string): () => void {
  const database = new DatabaseSync(path)
  try {
    database.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (cause) {
    database.close()
    throw new StintError('already_running', `another Stint runs on ${dirname(path)}`, { cause })
  }
  return () => database.close()
}
