import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { Secret } from '../../src/secret.ts'
import { openSharedStore, type SharedStore } from '../../src/store/postgres-store.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import type { Postgres } from '../services/postgres.ts'

/** A directory that lives as long as the test. */
export async function temporaryDirectory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'stint-state-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}

/** A store in a directory of its own, and the path of its file. */
export async function temporaryStore(t: TestContext): Promise<{ store: Store; path: string; directory: string }> {
  const directory = await temporaryDirectory(t)
  const path = join(directory, 'state.db')
  const store = await openStore(path)
  t.after(() => store.close())
  return { store, path, directory }
}

/** A store in a new PostgreSQL database, whose names would not sort by their bytes by themselves; or in the one of `url`. It follows. */
export async function temporarySharedStore(t: TestContext, postgres: Postgres, url?: string): Promise<SharedStore> {
  const store = await openSharedStore(new Secret(url ?? (await postgres.createDatabase())))
  t.after(() => store.close())
  await store.follow()
  return store
}
