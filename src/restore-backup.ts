import { createPrivateKey } from 'node:crypto'
import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type Signer, verifierOf } from './audit/checkpoint.ts'
import { openLog } from './audit/log.ts'
import { PUBLIC_KEY } from './audit/publish.ts'
import { resumeExport } from './audit/resume.ts'
import { systemEntry } from './audit/spell.ts'
import { readVerifier } from './audit/tree.ts'
import { verifyDirectory } from './audit/verify.ts'
import { decrypt, type Unlock } from './backup/age.ts'
import { type Manifest, readManifest } from './backup/manifest.ts'
import { fillDirectory, placeMember } from './backup/place.ts'
import { readTar } from './backup/tar.ts'
import { catalogued } from './catalogued.ts'
import { checkVault } from './credentials/check-vault.ts'
import { StintError } from './errors.ts'
import { openCaFiles } from './gateway/ca-files.ts'
import { placesIn } from './home.ts'
import { readPrivate } from './private-file.ts'
import { checkDatabase } from './store/copy.ts'
import { openStore } from './store/store.ts'

/** What to restore, and where. */
export interface RestoreWish {
  readonly home: string
  readonly file: string
  readonly unlock: Unlock
  now(): number
}

/** What came back. */
export interface Restored {
  /** When the backup was taken, RFC 3339. */
  readonly takenAt: string
  /** Of the audit log. */
  readonly entries: number
  /** They were live when the backup was taken, and are ended. */
  readonly tasksEnded: number
  /** Sealed under a key that is not in the backup, so that only a start can tell whether they open. */
  readonly sealedElsewhere: number
}

/**
 * Makes a data directory of a backup. All of it is written and verified beside `home` and then moved there. Throws `backup_invalid`,
 * `conflict` for a directory that is not empty, `audit_tampered`, `vault_key_wrong`, `store_unavailable` for a newer or damaged database;
 * then nothing is left behind.
 */
export async function restoreBackup({ home, file, unlock, now }: RestoreWish): Promise<Restored> {
  let restored: Restored | undefined
  await fillDirectory(home, async (directory) => {
    const manifest = await unpack(directory, file, unlock)
    restored = await makeWhole(directory, manifest, now)
  })
  if (restored === undefined) throw new Error('nothing was restored')
  return restored
}

async function unpack(directory: string, file: string, unlock: Unlock): Promise<Manifest> {
  await using opened = await open(file).catch((cause: unknown) => {
    throw new StintError('invalid_argument', `${file} cannot be read`, { cause })
  })
  const members = readTar(decrypt(opened.createReadStream({ autoClose: false }), unlock))
  const names = new Set<string>()
  const manifest = await readManifest((await members.next()).value ?? undefined)
  for await (const member of members) {
    if (names.has(member.name)) throw invalid(`${member.name} is in it twice`)
    names.add(member.name)
    await placeMember(directory, member)
  }
  return manifest
}

/** Checks every part against the others, and leaves in the log that this is not the installation it was taken from. */
async function makeWhole(directory: string, { takenAt }: Manifest, now: () => number): Promise<Restored> {
  const places = placesIn(directory)
  await needed(places.tokenKey)
  await openCaFiles(places.ca, () => Promise.reject(invalid('ca.key and ca.pem are not in it')))
  const { tasksEnded, sealedElsewhere } = await readyStore(places, now)
  const entries = await resumeLog(places, now, (size) => {
    const detail = `restored from a backup taken at ${takenAt}, which had ${size} entries; what came after is not here; ${tasksEnded} live tasks were ended`
    return systemEntry(now(), 'restored', detail)
  })
  return { takenAt, entries, tasksEnded, sealedElsewhere }
}

/** Nobody attends the tasks that were live then, and who held their keys may be long gone. */
async function readyStore({ database, vaultKey }: ReturnType<typeof placesIn>, now: () => number) {
  if (!existsSync(database)) throw invalid('state.db is not in it')
  checkDatabase(database)
  const store = await openStore(database)
  try {
    const sealedElsewhere = await checkVault(store, vaultKey)
    const ended = { state: 'ended', ended_at: now(), end_reason: 'the installation was restored from a backup' }
    const { numUpdatedRows } = await store.write((tx) =>
      tx.updateTable('tasks').set(ended).where('state', '=', 'live').executeTakeFirstOrThrow(),
    )
    return { sealedElsewhere, tasksEnded: Number(numUpdatedRows) }
  } finally {
    await store.close()
  }
}

/** Verifies the log against the key that goes on signing it, and adds the entry. */
async function resumeLog(
  { audit, auditKey }: ReturnType<typeof placesIn>,
  now: () => number,
  entryOf: (size: number) => string,
): Promise<number> {
  try {
    const { name } = readVerifier(join(audit, PUBLIC_KEY))
    const signer: Signer = { name, privateKey: createPrivateKey(await needed(auditKey)) }
    const verified = await verifyDirectory(audit, { verifier: verifierOf(signer) })
    if (!verified.ok) throw new StintError('audit_tampered', `${verified.place}: ${verified.problem}`)
    await resumeExport(audit)
    const log = await openLog(audit, { signer, now })
    await log.append(entryOf(verified.size))
    await log.close()
    return log.size()
  } catch (thrown) {
    throw catalogued(thrown)
  }
}

async function needed(path: string): Promise<string> {
  const text = await readPrivate(path)
  if (text === undefined) throw invalid(`${basename(path)} is not in it`)
  return text
}

function invalid(what: string): StintError {
  return new StintError('backup_invalid', `the backup is not whole: ${what}`)
}
