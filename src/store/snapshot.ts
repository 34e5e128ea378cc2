import { rm } from 'node:fs/promises'
import { StintError } from '../errors.ts'
import type { Secret } from '../secret.ts'
import { copyTables, waysOf } from './copy-tables.ts'
import type { Accept } from './migrate.ts'
import { openSharedStore } from './postgres-store.ts'
import { openStore } from './store.ts'

/**
 * Copies a shared state as it is at one moment, while others write to it, into a new file at `path`, in the place of an earlier copy.
 * `gateway` is who must be on its roll: else it is another database. Throws `conflict`, `invalid_config`, `store_unavailable`.
 */
export async function snapshotState(databaseUrl: Secret, gateway: string, path: string): Promise<void> {
  await rm(path, { force: true })
  const from = await openSharedStore(databaseUrl, asIs)
  try {
    const to = await openStore(path)
    try {
      const reading = from.db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only')
      await reading.execute(async (source) => {
        const { enter, running } = waysOf(from)
        await enter(source)
        if (!(await running(source)).includes(gateway))
          throw new StintError('conflict', `${gateway}, which runs here, is not on the roll of the database that is named`)
        await to.write((destination) => copyTables(source, destination, waysOf(to), () => undefined))
      })
    } finally {
      await to.close()
    }
  } finally {
    await from.close()
  }
}

/** The Stint that runs on it has brought it up to date. */
const asIs: Accept = (version, known) => {
  if (version === known) return
  throw new StintError('conflict', `the state that is named has schema ${version}, and this Stint ${known}`)
}
