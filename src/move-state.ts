import { existsSync } from 'node:fs'
import { openLog } from './audit/log.ts'
import { systemEntry } from './audit/spell.ts'
import { catalogued } from './catalogued.ts'
import type { Config } from './config.ts'
import { checkVault } from './credentials/check-vault.ts'
import { INNER } from './credentials/vault.ts'
import { StintError } from './errors.ts'
import { holdHome } from './hold-home.ts'
import { openAuditKey, placesIn, prepareHome } from './home.ts'
import type { Secret } from './secret.ts'
import type { Accept } from './store/migrate.ts'
import type { MovedTable } from './store/move-rows.ts'
import { moveTables } from './store/move-tables.ts'
import { openSharedStore } from './store/postgres-store.ts'
import { openStore, type Store } from './store/store.ts'

/** Which way, and who hears how far it is. */
export interface StateMove {
  readonly config: Config
  readonly to: 'postgres' | 'sqlite'
  now(): number
  onProgress(table: string, rows: number, all: number): void
}

/**
 * Moves the state between the data directory's own file and the database that the settings name, while no Stint runs on either. All of
 * it arrives equal and is in the audit log, or nothing changes. Throws `invalid_config`, `not_found`, `already_running`, `conflict`,
 * `vault_key_wrong`, `state_unsafe`, `store_unavailable`, `audit_unavailable`.
 */
export async function moveState(move: StateMove): Promise<readonly MovedTable[]> {
  const { home, databaseUrl } = move.config
  const { database: path } = placesIn(home)
  if (databaseUrl === undefined)
    throw new StintError('invalid_config', 'no database is named: set STINT_DATABASE_URL, or databaseUrl in config.yaml')
  if (move.to === 'postgres' && !existsSync(path)) throw new StintError('not_found', `there is no state in ${home}`)
  prepareHome(home)
  const closers: (() => unknown)[] = [holdHome(home)]
  try {
    const from = await openSource(move.to, path, databaseUrl)
    closers.push(() => from.close())
    await checkVault(from, placesIn(home).vaultKey)
    const to = move.to === 'sqlite' ? await openStore(path, asDestination) : await openSharedStore(databaseUrl, asDestination)
    closers.push(() => to.close())
    return await moveRecorded(from, to, move)
  } catch (thrown) {
    throw catalogued(thrown)
  } finally {
    for (const close of closers.reverse()) await close()
  }
}

function openSource(to: StateMove['to'], path: string, databaseUrl: Secret): Promise<Store> {
  return to === 'sqlite' ? openSharedStore(databaseUrl, asSource('PostgreSQL')) : openStore(path, asSource('SQLite'))
}

async function moveRecorded(
  from: Store,
  to: Store,
  { config, to: kind, now, onProgress }: StateMove,
): Promise<readonly MovedTable[]> {
  const { audit, auditKey } = placesIn(config.home)
  const signer = { name: `${config.trustDomain}/stint`, privateKey: await openAuditKey(auditKey) }
  const log = await openLog(audit, { signer, now })
  try {
    const onArrived = async (tables: readonly MovedTable[]): Promise<void> => {
      const rows = tables.map(({ table, rows }) => `${rows} ${table}`).join(', ')
      await log.append(systemEntry(now(), 'state_moved', `the state was moved to ${kind}: ${rows}`))
    }
    return await moveTables({ from, to, now: now(), inner: INNER, onProgress, onArrived })
  } finally {
    await log.close()
  }
}

const asDestination: Accept = (version, known) => {
  if (version !== 0) refuseOther('the destination', version, known)
}

function asSource(name: string): Accept {
  return (version, known) => {
    if (version === 0) throw new StintError('not_found', `there is no state in ${name}`)
    refuseOther(name, version, known)
  }
}

function refuseOther(name: string, version: number, known: number): void {
  if (version === known) return
  const mend = version < known ? 'start Stint on it once, which brings it up to date' : 'upgrade Stint'
  throw new StintError('conflict', `the state in ${name} has schema ${version}, and this Stint ${known}: ${mend}`)
}
