import { listObjects } from '../sources/git.ts'
import { copyId, countIds, createLookup, type Ids, sortIds } from './ids.ts'
import type { Location } from './locate.ts'
import { OtherStore, readObjectStore } from './object-store.ts'

/** The objects of a repository against those that are known. */
export interface Comparison {
  /** Sorted. */
  readonly fresh: Ids
  /** By the number of a known id. */
  isGone(index: number): boolean
  readonly gone: number
}

/**
 * What is new, and what is not there any more: read from git's files, or else as git lists it, which it also is where something seems to be
 * gone: git may have been at work on its files. Rejects with GitError.
 */
export async function compareObjects(repository: string, location: Location, known: Ids): Promise<Comparison> {
  try {
    const compared = await compare(readObjectStore(location), known)
    if (compared.gone === 0) return compared
  } catch (thrown) {
    if (!(thrown instanceof OtherStore)) throw thrown
  }
  return compare(listAll(repository), known)
}

const PIECE_IDS = 1 << 16

async function* listAll(repository: string): AsyncGenerator<Buffer> {
  const { ids, width } = await listObjects(repository)
  const bytes = Buffer.from(ids)
  for (let at = 0; at < bytes.length; at += PIECE_IDS * width) yield bytes.subarray(at, at + PIECE_IDS * width)
}

async function compare(chunks: AsyncIterable<Buffer>, known: Ids): Promise<Comparison> {
  const { width } = known
  const find = createLookup(known)
  const isThere = new Uint8Array(countIds(known))
  const fresh: Buffer[] = []
  for await (const bytes of chunks) {
    const places: number[] = []
    for (let at = 0; at < bytes.length; at += width) {
      const index = find(bytes, at)
      if (index < 0) places.push(at)
      else isThere[index] = 1
    }
    fresh.push(pick(bytes, places, width))
  }
  const gone = isThere.reduce((sum, is) => sum + 1 - is, 0)
  return { fresh: sortIds({ bytes: Buffer.concat(fresh), width }), isGone: (index) => isThere[index] === 0, gone }
}

function pick(bytes: Buffer, places: readonly number[], width: number): Buffer {
  const picked = Buffer.allocUnsafe(places.length * width)
  let length = 0
  for (const at of places) length = copyId(bytes, at, picked, length, width)
  return picked
}
