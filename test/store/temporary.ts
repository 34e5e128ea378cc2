import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { openStore, type Store } from '../../src/store/store.ts'

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
