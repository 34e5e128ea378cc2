import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { AuditError } from './error.ts'

/**
 * Takes the directory for this process, by a lock of the operating system that a crash lets go of (node:sqlite is what offers
 * one). Returns how to let go. Throws `audit_unavailable` when it is taken.
 */
export function lockDirectory(directory: string): () => void {
  const database = new DatabaseSync(join(directory, 'lock'))
  try {
    database.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (cause) {
    database.close()
    throw new AuditError('audit_unavailable', 'the log is open already', { place: directory, cause })
  }
  return () => database.close()
}
