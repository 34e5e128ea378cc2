import { readGit, readLines } from '../git-command.ts'

/** Of so many objects git looks for the commits by itself; of more every commit is looked at. */
const MOST_WANTED = 4000
const COMMIT = '%x01%H%x00%an%x00%ae%x00%aI'
const LOG = [
  'log',
  '--ignore-missing',
  '--stdin',
  '--raw',
  '-z',
  '--no-abbrev',
  '--no-renames',
  '--no-color',
  '--root',
  '-c',
  `--format=${COMMIT}`,
]

/** A commit that brought an object in, at a path. */
export interface Origin {
  readonly commit: string
  readonly author: string
  readonly email: string
  readonly date: string
  readonly path: string
}

/** Where objects came from, by their ids. An object that is itself a commit is that commit, at no path. */
export type Origins = ReadonlyMap<string, readonly Origin[]>

/** Commits: what these reach, without what the others reach. */
export interface Range {
  readonly tips: ReadonlySet<string>
  /** Ones that are not there reach nothing. */
  readonly without?: ReadonlySet<string>
}

/** The commits that refs, HEADs and reflogs name. All others that count are reached from them. Rejects with GitError. */
export async function listTips(repository: string): Promise<ReadonlySet<string>> {
  return new Set(await readLines(repository, ['rev-list', '--no-walk=unsorted', '--all', '--reflog']))
}

/** The commits in a range that brought the wanted objects in; objects without any are not there. Rejects with GitError. */
export async function findOrigins(repository: string, wanted: ReadonlySet<string>, range: Range): Promise<Origins> {
  const origins = new Map<string, Origin[]>()
  if (wanted.size === 0 || range.tips.size === 0) return origins
  const few = wanted.size <= MOST_WANTED ? [...wanted].map((id) => `--find-object=${id}`) : []
  for await (const record of recordsOf(readGit(repository, [...LOG, ...few], { input: spell(range) })))
    for (const [id, origin] of additionsOf(record)) {
      if (!wanted.has(id)) continue
      const known = origins.get(id)
      if (known === undefined) origins.set(id, [origin])
      else known.push(origin)
    }
  return origins
}

/** The commits of a range. Rejects with GitError, also where a tip is not there. */
export async function* readCommits(repository: string, range: Range): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of readGit(repository, ['rev-list', '--stdin'], { input: spell(range) })) {
    const lines = (rest + chunk.toString('latin1')).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}

function spell({ tips, without = new Set() }: Range): string {
  return [...tips, ...[...without].map((id) => `^${id}`)].map((line) => `${line}\n`).join('')
}

/** What the changes of one commit put where. */
function* additionsOf([commit = '', author = '', email = '', date = '', ...changes]: readonly string[]): Generator<
  [string, Origin]
> {
  for (let i = 0; i < changes.length; i += 1) {
    const change = /^\n?(:+)(?:[0-7]{6} )+((?:[0-9a-f]+ )+)[A-Z]+\d*$/.exec(changes[i] ?? '')
    if (change === null) continue
    const id = change[2]?.trim().split(' ').at(-1) ?? ''
    i += 1
    yield [id, { commit, author, email, date, path: changes[i] ?? '' }]
  }
}

/** What commits say of themselves. Rejects with GitError. */
export async function headsOf(repository: string, commits: readonly string[]): Promise<Origins> {
  const heads = new Map<string, readonly Origin[]>()
  for (let from = 0; from < commits.length; from += MOST_WANTED) {
    const some = commits.slice(from, from + MOST_WANTED)
    const records = recordsOf(
      readGit(repository, ['log', '--no-walk=unsorted', '-z', '--no-patch', '--no-color', `--format=${COMMIT}`, ...some]),
    )
    for await (const [commit = '', author = '', email = '', date = ''] of records)
      heads.set(commit, [{ commit, author, email, date, path: '' }])
  }
  return heads
}

/** The first fields of a record: a commit, its author, their address and the date. */
const HEAD_FIELDS = 4

/**
 * The records of `git log -z`, one for each commit: the fields of its head, then changes and paths by turns. What begins one is told by where it
 * stands, since names of people and of files may hold the mark of a head too. Attacker-controlled.
 */
async function* recordsOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<string[]> {
  let rest = ''
  let record: string[] = []
  let isPath = false
  const decoder = new TextDecoder()
  function* take(tokens: readonly string[]): Generator<string[]> {
    for (const token of tokens) {
      const mayBegin = record.length === 0 || record.length >= HEAD_FIELDS
      const begins = mayBegin && !isPath && token.startsWith('\x01')
      if (begins && record.length > 0) yield record
      if (begins) record = [token.slice(1)]
      else record.push(token)
      isPath = !begins && !isPath && record.length > HEAD_FIELDS && /^\n?:/.test(token)
    }
  }
  for await (const chunk of chunks) {
    const tokens = (rest + decoder.decode(chunk, { stream: true })).split('\0')
    rest = tokens.pop() ?? ''
    yield* take(tokens)
  }
  yield* take([rest])
  if (record.length >= HEAD_FIELDS) yield record
}
