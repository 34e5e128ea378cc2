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

async function* listAll(repository: string): AsyncGenerator<Buffer> {
  yield Buffer.from((await listObjects(repository)).ids)
}

async function compare(chunks: AsyncIterable<Buffer>, known: Ids): Promise<Comparison> {
  const { width } = known
  const find = createLookup(known)
  const isThere = new Uint8Array(countIds(known))
  const fresh: Buffer[] = []
  for await (const bytes of chunks) {
    const others = Buffer.allocUnsafe(bytes.length)
    let length = 0
    for (let at = 0; at < bytes.length; at += width) {
      const index = find(bytes, at)
      if (index < 0) length = copyId(bytes, at, others, length, width)
      else isThere[index] = 1
    }
    fresh.push(Buffer.from(others.subarray(0, length)))
  }
  const gone = isThere.reduce((sum, is) => sum + 1 - is, 0)
  return { fresh: sortIds({ bytes: Buffer.concat(fresh), width }), isGone: (index) => isThere[index] === 0, gone }
}
