import { wantedOf } from '../attribute.ts'
import type { Finding } from '../finding.ts'
import { GitError } from '../git-command.ts'
import { findOrigins, headsOf, type Origin, type Origins, readCommits } from '../sources/origins.ts'
import type { State } from './state.ts'

interface Tracing {
  readonly tips: ReadonlySet<string>
  /** The earlier scan whose origins may be gone on from. */
  readonly earlier?: State
}

/** Where the findings' objects came from, as if all commits were looked at. Of those that an earlier scan looked at none is again. Rejects with GitError. */
export async function traceOrigins(
  repository: string,
  findings: readonly Finding[],
  { tips, earlier }: Tracing,
): Promise<Origins> {
  const { objects, commits } = wantedOf(findings)
  const known = earlier?.origins ?? new Map()
  const heads = await headsOf(
    repository,
    [...commits].filter((id) => !known.has(id)),
  )
  const found = await findOrigins(repository, objects, {
    tips: earlier === undefined ? tips : tips.difference(earlier.tips),
    without: earlier?.tips ?? new Set(),
  })
  const before = earlier === undefined ? [] : await stillReached(repository, earlier, tips)
  const all = Map.groupBy(
    [...before, ...flatten(found)].filter(([id]) => objects.has(id)),
    ([id]) => id,
  )
  const traced = [...all].map(([id, ones]): [string, Origin[]] => [id, once(ones.map(([, origin]) => origin))])
  const kept = [...known].filter(([id]) => commits.has(id))
  return new Map([...traced, ...kept, ...heads])
}

/** Of the earlier origins those whose commits the tips of now reach. */
async function stillReached(
  repository: string,
  { origins, tips: before }: State,
  tips: ReadonlySet<string>,
): Promise<[string, Origin][]> {
  const all = flatten(origins)
  const lost = before.difference(tips)
  if (all.length === 0 || lost.size === 0 || (await reachAll(repository, lost, tips))) return all
  const wanted = new Set(all.map(([, { commit }]) => commit))
  const reached = new Set<string>()
  for await (const commit of readCommits(repository, { tips })) if (wanted.has(commit)) reached.add(commit)
  return all.filter(([, { commit }]) => reached.has(commit))
}

/** True where the tips reach all these commits. */
async function reachAll(repository: string, commits: ReadonlySet<string>, tips: ReadonlySet<string>): Promise<boolean> {
  try {
    for await (const _ of readCommits(repository, { tips: commits, without: tips })) return false
    return true
  } catch (thrown) {
    if (thrown instanceof GitError) return false // one of them is not there any more
    throw thrown
  }
}

function flatten(origins: Origins): [string, Origin][] {
  return [...origins].flatMap(([id, ones]) => ones.map((one): [string, Origin] => [id, one]))
}

/** Git counts a commit twice where clocks were wrong. */
function once(origins: readonly Origin[]): Origin[] {
  return [...new Map(origins.map((one) => [`${one.commit}:${one.path}`, one])).values()]
}
