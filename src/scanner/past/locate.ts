import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { readLines } from '../git-command.ts'

/** Where git keeps what it knows of a repository, the same for all its working trees. */
export interface Location {
  /** Absolute, without links. */
  readonly directory: string
  readonly objects: string
  /** Of an id, in bytes. */
  readonly width: number
}

/** Undefined where a path has a line break, so that git's answer could be read in two ways. Rejects with GitError. */
export async function locate(repository: string): Promise<Location | undefined> {
  const asked = ['--show-object-format', '--path-format=absolute', '--git-common-dir', '--git-path', 'objects']
  const lines = await readLines(repository, ['rev-parse', ...asked])
  const [format, directory = '', objects = ''] = lines
  return lines.length !== 3 ? undefined : { directory, objects, width: format === 'sha256' ? 32 : 20 }
}

/** False where commits may be cut off from those before them, or come by objects that were missing: shallow, grafted and partial clones. */
export async function isWhole({ directory, objects }: Location): Promise<boolean> {
  if (existsSync(join(directory, 'shallow')) || existsSync(join(directory, 'info/grafts'))) return false
  const packs = await readdir(join(objects, 'pack')).catch(({ code }: NodeJS.ErrnoException) =>
    code === 'ENOENT' ? [] : undefined,
  )
  return packs !== undefined && !packs.some((name) => name.endsWith('.promisor'))
}
