import { lstat, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

const KEPT_MS = 90 * 24 * 3600 * 1000

/** Removes the states that no scan has used for 90 days, and what a scan that was killed left half written: repositories go, and a key changes. */
export async function forgetUnused(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const file = join(directory, name)
    const stats = await lstat(file).catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code !== 'ENOENT') throw thrown // else another scan has put it in its place
    })
    if (stats !== undefined && stats.mtimeMs < Date.now() - KEPT_MS) await rm(file, { force: true })
  }
}
