import { closeSync, openSync } from 'node:fs'
import { lstat, readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { readGit } from '../git-command.ts'
import type { GitWork } from '../job.ts'
import { type PackIndex, readPackIndex } from './index-file.ts'
import { findEntry, readLayout, VERDICT } from './layout.ts'
import { PackError } from './pack-error.ts'
import type { PackWork } from './skim.ts'

/** A pack that can be skimmed, and how its objects are found in it. */
interface Pack {
  readonly work: PackWork
  readonly index: PackIndex
}

/** Smaller packs are read as quickly as they are skimmed. */
const LEAST_OBJECTS = 1000
/** git packs anew when there are more. */
const MOST_PACKS = 50
const MOST_INDEX_BYTES = 512 << 20
const ID_BYTES = 20

/** The packs of a repository that are worth a skim, the largest first. What is none, or broken, or borrowed from elsewhere is left to git. */
export async function openPacks(repository: string): Promise<Pack[]> {
  let said = ''
  for await (const chunk of readGit(repository, ['rev-parse', '--git-path', 'objects/pack'])) said += chunk
  const folder = resolve(repository, said.replace(/\n$/, ''))
  const names = (await readdir(folder).catch(() => [])).filter((name) => /^pack-[0-9a-f]{40}\.idx$/.test(name))
  const packs = await Promise.all(names.map((name) => openPack(join(folder, name))))
  return packs
    .filter((pack) => pack !== undefined)
    .sort((one, other) => other.index.count - one.index.count)
    .slice(0, MOST_PACKS)
}

async function openPack(indexPath: string): Promise<Pack | undefined> {
  const path = indexPath.replace(/idx$/, 'pack')
  try {
    const [indexFile, packFile] = [await lstat(indexPath), await lstat(path)]
    if (!indexFile.isFile() || !packFile.isFile() || indexFile.size > MOST_INDEX_BYTES) return undefined
    const index = readPackIndex(await readFile(indexPath))
    if (index.count < LEAST_OBJECTS) return undefined
    const pack = openSync(path, 'r')
    try {
      return { index, work: { kind: 'pack', path, layout: readLayout(pack, index), next: new SharedArrayBuffer(4) } }
    } finally {
      closeSync(pack)
    }
  } catch (thrown) {
    if (thrown instanceof PackError || (thrown instanceof Error && 'code' in thrown)) return undefined // git says what is wrong with it
    throw thrown
  }
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
    const { layout } = work
    const entry = findEntry(layout.offsets, layout.count, index.offsetOf(at))
    if (layout.verdicts[entry] === VERDICT.open) return number * 2 ** 40 + entry
    isKnown = true
  }
  return isKnown ? SKIMMED : 2 ** 50
}
