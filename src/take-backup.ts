import { createReadStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { openExport } from './audit/export.ts'
import { encrypt, type Lock } from './backup/age.ts'
import { type DurableFile, readSettledFiles } from './backup/durable-files.ts'
import { manifestMember } from './backup/manifest.ts'
import { writeNewFile } from './backup/place.ts'
import { type Member, writeTar } from './backup/tar.ts'
import { StintError } from './errors.ts'
import { NOT_COPIED, placesIn } from './home.ts'

/** What to back up, where to, and for whom. */
export interface BackupWish {
  readonly home: string
  /** Absolute; nothing may be there. */
  readonly to: string
  readonly lock: Lock
  readonly version: string
  readonly now: number
  /** Writes the state as it is at one moment into a SQLite file at `path`, in the place of an earlier one. */
  copyState(path: string): Promise<void>
  /** Asks the running Stint to sign the log as it is now. */
  checkpoint(): Promise<unknown>
}

/**
 * Writes the durable state of a data directory as an age file, while Stint runs on it. The log comes last, so that it holds everything
 * that the rest shows. Throws `conflict`, `invalid_argument`, `state_unsafe`, `store_unavailable`; then there is no file. Answers its bytes.
 */
export async function takeBackup({ home, to, lock, version, now, copyState, checkpoint }: BackupWish): Promise<number> {
  if (to.startsWith(home + sep)) throw new StintError('invalid_argument', '--to must lie outside the data directory')
  const scratch = await mkdtemp(join(home, '.backup-')) // mode 0700; what is hidden is in no backup
  try {
    const database = join(scratch, 'state.db')
    const files = await readSettledFiles(home, NOT_COPIED, () => copyState(database))
    await checkpoint()
    const members = membersOf({ format: 1, stint: version, takenAt: new Date(now).toISOString() }, files, database, home)
    return await writeNewFile(to, await encrypt(writeTar(members), lock))
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

async function* membersOf(
  manifest: Parameters<typeof manifestMember>[0],
  files: readonly DurableFile[],
  database: string,
  home: string,
): AsyncGenerator<Member> {
  yield manifestMember(manifest)
  for (const { name, mode, bytes } of files) yield memberOf(name, mode, bytes)
  yield { name: 'state.db', mode: 0o600, size: (await stat(database)).size, content: createReadStream(database) }
  for (const { path, bytes } of openExport(placesIn(home).audit).files()) yield memberOf(`audit/${path}`, 0o600, bytes)
}

function memberOf(name: string, mode: number, bytes: Buffer): Member {
  return { name, mode, size: bytes.length, content: once(bytes) }
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes
}
