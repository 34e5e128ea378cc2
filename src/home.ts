import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, realpathSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { StintError } from './errors.ts'
import { readOrCreatePrivate } from './private-file.ts'

/** Where everything is in the data directory. */
export function placesIn(home: string) {
  return {
    database: join(home, 'state.db'),
    audit: join(home, 'audit'),
    auditKey: join(home, 'audit.key'),
    /** The directory of ca.key and ca.pem. */
    ca: home,
    tokenKey: join(home, 'token.key'),
    vaultKey: join(home, 'vault.key'),
    policies: join(home, 'policies'),
    socket: join(home, 'operator.sock'),
    spool: join(home, 'spool'),
    /** What scans keep for the next ones. */
    scans: join(home, 'scans'),
  } as const
}

/** What lies in the data directory and is not copied as it lies there: a backup takes it another way, it lives with the process, or it can be made anew. */
export const NOT_COPIED: ReadonlySet<string> = new Set([
  ...['state.db', 'state.db-wal', 'state.db-shm', 'state.db-journal', 'audit'],
  ...['lock', 'lock-journal', 'operator.sock', 'spool', 'scans'],
])

/** Makes the data directory (0700) or checks the one that is there; what this process makes from now on is for its owner. Throws `state_unsafe`. */
export function prepareHome(home: string): void {
  process.umask(0o077)
  const there = lstatSync(home, { throwIfNoEntry: false })
  if (there === undefined) mkdirSync(home, { recursive: true, mode: 0o700 })
  const found = there ?? lstatSync(home)
  if (!found.isDirectory()) throw unsafe(home, 'must be a directory')
  if (process.getuid !== undefined && found.uid !== process.getuid()) throw unsafe(home, 'belongs to another user')
  if ((found.mode & 0o077) !== 0) throw unsafe(home, `must have mode 0700; run: chmod 700 ${home}`)
}

/** A name for the gateway of this directory, the same after each start. */
export function gatewayId(home: string): string {
  const path = createHash('sha256').update(realpathSync(home)).digest('hex').slice(0, 6)
  return `${hostname()}-${path}`
}

/** Refuses to make keys where other processes share the state, which must have the same. Throws `state_unsafe` that names what to copy. */
export function refuseToMakeKeys(home: string, names: readonly string[], others: readonly string[]): void {
  const missing = names.filter((name) => !existsSync(join(home, name)))
  if (missing.length === 0 || others.length === 0) return
  const from = `the data directory of a Stint that uses it (${others.join(', ')})`
  throw unsafe(home, `has no ${missing.join(', ')}, and the database is shared with others; copy them from ${from}`)
}

/** The Ed25519 key that signs checkpoints, made on the first start. Throws `state_unsafe` for one that others can read. */
export async function openAuditKey(path: string): Promise<KeyObject> {
  return createPrivateKey(await readOrCreatePrivate(path, newAuditKey))
}

function newAuditKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

function unsafe(path: string, what: string): StintError {
  return new StintError('state_unsafe', `${path} ${what}`)
}
