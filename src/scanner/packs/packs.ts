import { closeSync, existsSync, lstatSync, openSync } from 'node:fs'
import { lstat, readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { readLines } from '../git-command.ts'
import type { GitWork } from '../job.ts'
import { type PackIndex, readPackIndex } from './index-file.ts'
import { findEntry, readLayout, VERDICT } from './layout.ts'
import { PackError } from './pack-error.ts'
import type { PackWork } from './skim.ts'

/** What is in a pack; its work, where it is skimmed. */
interface Pack {
  readonly index: PackIndex
  readonly work?: PackWork
}

/** Smaller packs are read as quickly as they are skimmed. */
const LEAST_OBJECTS = 1000
/** git packs anew when there are more. */
const MOST_PACKS = 50
const MOST_INDEX_BYTES = 512 << 20
const ID_BYTES = 20

/**
 * The packs of a repository, the largest first. None where git could read an object from somewhere else: a pack that is not read here, or
 * another repository's. Whoever made it may have put something else there under the same id.
 */
export async function openPacks(repository: string): Promise<Pack[]> {
  const [path, ...more] = await readLines(repository, ['rev-parse', '--git-path', 'objects'])
  if (path === undefined || more.length > 0) return []
  const objects = resolve(repository, path)
  try {
    if (existsSync(join(objects, 'info/alternates'))) return []
    const names = (await readdir(join(objects, 'pack'))).filter((name) => name.endsWith('.idx'))
    const indexes = await Promise.all(names.map((name) => openIndex(join(objects, 'pack', name))))
    indexes.sort((one, other) => other.index.count - one.index.count)
    return indexes.map(({ index, path }, at) => (at < MOST_PACKS ? withWork(index, path) : { index }))
  } catch (thrown) {
    if (isUnreadable(thrown)) return [] // git says what is wrong with it
    throw thrown
  }
}

/** Throws PackError for what is none. */
async function openIndex(indexPath: string): Promise<{ readonly index: PackIndex; readonly path: string }> {
  const file = await lstat(indexPath)
  if (!file.isFile() || file.size > MOST_INDEX_BYTES) throw new PackError('its pack index is no file, or too large')
  return { index: readPackIndex(await readFile(indexPath)), path: indexPath.replace(/idx$/, 'pack') }
}

function withWork(index: PackIndex, path: string): Pack {
  if (index.count < LEAST_OBJECTS || !lstatSync(path).isFile()) return { index }
  const pack = openSync(path, 'r')
  try {
    return { index, work: { kind: 'pack', path, layout: readLayout(pack, index), next: new SharedArrayBuffer(4) } }
  } catch (thrown) {
    if (isUnreadable(thrown)) return { index }
    throw thrown
  } finally {
    closeSync(pack)
  }
}

function isUnreadable(thrown: unknown): boolean {
  return thrown instanceof PackError || (thrown instanceof Error && 'code' in thrown)
}

/** The work without the objects in which there is nothing to be found in any of the packs that have them; what is left in the order of the packs. */
export function withoutSkimmed(work: GitWork, packs: readonly Pack[]): GitWork {
  const ids = Buffer.from(work.ids)
  const left: { readonly at: number; readonly place: number }[] = []
  for (let at = 0; at < ids.length; at += ID_BYTES) {
    const place = placeOf(ids, at, packs)
    if (place !== SKIMMED) left.push({ at, place })
  }
  left.sort((one, other) => one.place - other.place)
  const kept = new SharedArrayBuffer(left.length * ID_BYTES)
  for (const [index, { at }] of left.entries()) ids.copy(Buffer.from(kept), index * ID_BYTES, at, at + ID_BYTES)
  return { ...work, ids: kept }
}

const SKIMMED = -1

/** SKIMMED, or else where the object is in the first pack that has it, far behind all for one that is in none. */
function placeOf(ids: Buffer, from: number, packs: readonly Pack[]): number {
  let isKnown = false
  for (const [number, { index, work }] of packs.entries()) {
    const at = index.find(ids, from)
    if (at < 0) continue
    if (work === undefined) return number * 2 ** 40 + at
    const { layout } = work
    const entry = findEntry(layout.offsets, layout.count, index.offsetOf(at))
    if (layout.verdicts[entry] === VERDICT.open) return number * 2 ** 40 + entry
    isKnown = true
  }
  return isKnown ? SKIMMED : 2 ** 50
}
