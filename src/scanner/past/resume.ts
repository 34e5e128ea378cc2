import type { Finding } from '../finding.ts'
import type { GitWork } from '../job.ts'
import { workOf } from '../sources/git.ts'
import { listTips } from '../sources/origins.ts'
import { type Comparison, compareObjects } from './compare.ts'
import { countIds, createLookup, type Ids, mergeIds, sortIds } from './ids.ts'
import type { Location } from './locate.ts'
import type { State } from './state.ts'

/** What there is to do after an earlier scan. */
export interface Resumed {
  /** What is new, and what has to be read again; sorted. */
  readonly work: GitWork
  /** What of the earlier scan still holds; undefined where all is to be looked into. */
  readonly earlier?: State
  /** How many objects that is. */
  readonly known: number
  /** Secrets that were found earlier, of which no object is left. */
  readonly gone: number
  /** Of before the objects were listed: what these reach was there. */
  readonly tips: ReadonlySet<string>
}

/** Compares a repository with the state of an earlier scan. Rejects with GitError. */
export async function resume(repository: string, location: Location, state: State | undefined): Promise<Resumed> {
  const { width } = location
  const tips = await listTips(repository)
  const whole = async (): Promise<Resumed> => {
    const { fresh } = await compareObjects(repository, location, { bytes: Buffer.alloc(0), width })
    return { work: { ...workOf(repository, fresh.bytes, width), all: 'by-id' }, known: 0, gone: 0, tips }
  }
  if (state === undefined || state.ids.width !== width) return whole()
  const compared = await compareObjects(repository, location, state.ids)
  if (compared.gone === 0) {
    const work = workOf(repository, compared.fresh.bytes, width)
    return { work, earlier: state, known: countIds(state.ids), gone: 0, tips }
  }
  // Which places were too many to be kept is not known, nor which of them are gone
  if (state.findings.some(({ morePlaces = 0 }) => morePlaces > 0)) return whole()
  return { ...withoutGone(repository, state, compared), tips }
}

/**
 * A secret that stood in an object that is gone is seen anew in the others that it stood in: what is told of it was perhaps seen in that one
 * only.
 */
function withoutGone(repository: string, state: State, { fresh, isGone }: Comparison): Omit<Resumed, 'tips'> {
  const find = createLookup(state.ids)
  const isLost = (id: string): boolean => {
    const index = find(Buffer.from(id, 'hex'), 0)
    return index < 0 || isGone(index)
  }
  const touched = new Set(state.findings.filter((finding) => objectsOf(finding).some(isLost)))
  const again = new Set([...touched].flatMap(objectsOf).filter((id) => !isLost(id)))
  const { width } = state.ids
  const rereads = { bytes: Buffer.from([...again].join(''), 'hex'), width }
  const ids = mergeIds(state.ids, isGone, { bytes: Buffer.alloc(0), width })
  const { bytes } = sortIds({ bytes: Buffer.concat([fresh.bytes, rereads.bytes]), width })
  const earlier = {
    ...state,
    ids,
    findings: state.findings.filter((finding) => !touched.has(finding)),
    skipped: state.skipped.filter(({ object }) => object !== undefined && !isLost(object) && !again.has(object)),
  }
  const gone = [...touched].filter((finding) => objectsOf(finding).every(isLost)).length
  return { work: workOf(repository, bytes, width), earlier, known: countIds(ids) - again.size, gone }
}

function objectsOf({ places }: Finding): string[] {
  return places.flatMap(({ object = [] }) => object)
}

/** What is looked into after this scan: without objects that could not be read, which are tried again. */
export function idsAfter({ work, earlier }: Resumed, unread: readonly string[]): Ids {
  const { width } = work
  const before = earlier?.ids ?? { bytes: Buffer.alloc(0), width }
  const ids = mergeIds(before, () => false, { bytes: Buffer.from(work.ids), width })
  if (unread.length === 0) return ids
  const find = createLookup(ids)
  const left = new Set(unread.map((id) => find(Buffer.from(id, 'hex'), 0)))
  return mergeIds(ids, (index) => left.has(index), { bytes: Buffer.alloc(0), width })
}
