import type { Dirent } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { FileWork, Skipped } from '../job.ts'

/** A repository's own store, which is read as git's objects or not at all. */
const NOT_ENTERED: ReadonlySet<string> = new Set(['.git'])

/** All files below `root`, or `root` itself where it is a file. Links are not followed. Rejects when `root` itself cannot be read. */
export async function listFiles(root: string): Promise<{ readonly work: FileWork; readonly skipped: readonly Skipped[] }> {
  const skipped: Skipped[] = []
  const next = new SharedArrayBuffer(4)
  if ((await lstat(root)).isFile())
    return { work: { kind: 'files', root: dirname(root), paths: [basename(root)], next }, skipped }
  const paths: string[] = []
  const folders = ['']
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const entries = await readdir(join(root, folder), { withFileTypes: true }).catch((thrown: NodeJS.ErrnoException) => {
      if (folder === '') throw thrown
      skipped.push({ what: folder as string, why: thrown.code ?? thrown.message })
      return []
    })
    for (const entry of entries) {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) {
        if (!NOT_ENTERED.has(entry.name)) folders.push(path)
      } else if (entry.isFile()) paths.push(path)
      else skipped.push({ what: path, why: `it is ${kindOf(entry)}` })
    }
  }
  return { work: { kind: 'files', root, paths: paths.sort(), next }, skipped }
}

function kindOf(entry: Dirent): string {
  if (entry.isSymbolicLink()) return 'a symbolic link'
  return entry.isFIFO() || entry.isSocket() ? 'a pipe or a socket' : 'a device'
}
