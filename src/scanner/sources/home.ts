import { readdir, realpath, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { createGlob } from '../allow/glob.ts'
import { isWithin } from '../is-within.ts'
import type { FileWork, Skipped } from '../job.ts'
import { HOME_PLACES } from './home-places.ts'

/**
 * The files of a home directory in which credentials are known to lie. A link is followed as far as it stays in the directory, as people
 * keep such files elsewhere there, and the file has the name of where it lies. Rejects when the directory itself cannot be read.
 */
export async function listHome(
  home: string,
  places: readonly string[] = HOME_PLACES,
): Promise<{ readonly work: FileWork; readonly skipped: readonly Skipped[] }> {
  const root = await realpath(home)
  await readdir(root)
  const skipped = new Map<string, Skipped>()
  const skip = (what: string, why: string): void => void skipped.set(what, { what, why })
  const paths = new Set<string>()
  for (const place of places) {
    for (const path of await expand(root, place, skip)) {
      const real = await follow(root, path, skip)
      if (real !== undefined) paths.add(real)
    }
  }
  return {
    work: { kind: 'files', root, paths: [...paths].sort(), next: new SharedArrayBuffer(4) },
    skipped: [...skipped.values()],
  }
}

/** Hears what is there and cannot be looked into. */
type Skip = (what: string, why: string) => void

/** The paths that a place with globs stands for, step by step. */
async function expand(root: string, place: string, skip: Skip): Promise<string[]> {
  let paths = ['']
  for (const step of place.split('/')) {
    const next = paths.map(async (path) => {
      if (!step.includes('*')) return [join(path, step)]
      const isOne = createGlob(step)
      return (await namesIn(root, path, skip)).filter(isOne).map((name) => join(path, name))
    })
    paths = (await Promise.all(next)).flat()
  }
  return paths
}

/** What a folder holds; nothing where it is none, or lies elsewhere. */
async function namesIn(root: string, path: string, skip: Skip): Promise<string[]> {
  const real = await follow(root, path, skip, 'folder')
  if (real === undefined) return []
  return readdir(join(root, real)).catch((thrown: NodeJS.ErrnoException) => {
    skip(path, thrown.code ?? thrown.message)
    return []
  })
}

/** Where a path leads to, from the root; undefined where nothing of that kind is. */
async function follow(root: string, path: string, skip: Skip, kind: 'file' | 'folder' = 'file'): Promise<string | undefined> {
  try {
    const real = await realpath(join(root, path))
    if (!isWithin(root, real)) {
      skip(path, 'it is a link that leads out of the directory')
      return undefined
    }
    const stats = await stat(real)
    return (kind === 'file' ? stats.isFile() : stats.isDirectory()) ? relative(root, real) : undefined
  } catch (thrown) {
    const { code = String(thrown) } = thrown as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'ENOTDIR') skip(path, code === 'ELOOP' ? 'it is a link that leads in a circle' : code)
    return undefined
  }
}
