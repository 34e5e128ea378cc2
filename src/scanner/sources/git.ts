import type { Finding, Place } from '../finding.ts'
import { GitError, readGit } from '../git-command.ts'
import type { GitWork } from '../job.ts'

/** The ids of all objects of a repository, also of those that nothing refers to any more. Rejects with GitError. */
export function listObjects(repository: string): Promise<GitWork> {
  return collect(repository, ['cat-file', '--batch-all-objects', '--unordered', '--batch-check=%(objectname)'])
}

/** The ids of what HEAD has and `revision` has not. Rejects with GitError, also where there is no such revision. */
export async function listSince(repository: string, revision: string): Promise<GitWork> {
  let commit = ''
  for await (const chunk of readGit(repository, ['rev-parse', '--verify', '--end-of-options', `${revision}^{commit}`]))
    commit += chunk
  return collect(repository, ['rev-list', '--objects', '--no-object-names', 'HEAD', `^${commit.trim()}`])
}

/** The ids that git prints, one a line. */
async function collect(repository: string, args: readonly string[]): Promise<GitWork> {
  let ids = Buffer.allocUnsafe(1 << 16)
  let length = 0
  let rest = ''
  let width = 0
  for await (const chunk of readGit(repository, args)) {
    const text = rest + chunk.toString('latin1')
    const end = text.lastIndexOf('\n') + 1
    rest = text.slice(end)
    if (width === 0) width = text.indexOf('\n') / 2
    const lines = Buffer.from(text.slice(0, end).replaceAll('\n', ''), 'hex')
    while (length + lines.length > ids.length) ids = Buffer.concat([ids, Buffer.allocUnsafe(ids.length)])
    length += lines.copy(ids, length)
  }
  return workOf(repository, ids.subarray(0, length), width)
}

function workOf(repository: string, ids: Buffer, width: number): GitWork {
  const shared = new SharedArrayBuffer(ids.length)
  ids.copy(Buffer.from(shared))
  return { kind: 'git', repository, ids: shared, width: Math.max(1, width), next: new SharedArrayBuffer(4) }
}

/** The ids of what the next commit would bring in: files that the index has and HEAD has not so. `index` is given to a hook for a commit of some files. Rejects with GitError. */
export async function listStaged(repository: string, index?: string): Promise<GitWork> {
  let text = ''
  const decoder = new TextDecoder()
  const command = [
    'diff-index',
    '--cached',
    '--raw',
    '-z',
    '--no-abbrev',
    '--no-renames',
    '--diff-filter=d',
    '--ignore-submodules',
  ]
  for await (const chunk of readGit(repository, [...command, await headOrNothing(repository)], index))
    text += decoder.decode(chunk, { stream: true })
  const paths = new Map<string, string[]>()
  for (const [, id = '', path = ''] of text.matchAll(/:[0-7]{6} [0-7]{6} [0-9a-f]+ ([0-9a-f]+) [A-Z]\d*\0([^\0]*)\0/g))
    paths.set(id, [...(paths.get(id) ?? []), path])
  const [first = ''] = paths.keys()
  return { ...workOf(repository, Buffer.from([...paths.keys()].join(''), 'hex'), first.length / 2), paths }
}

/** HEAD, or the empty tree where nothing is committed yet. */
async function headOrNothing(repository: string): Promise<string> {
  let said = ''
  for await (const chunk of readGit(repository, ['rev-parse', '--revs-only', 'HEAD'])) said += chunk
  if (said !== '') return 'HEAD'
  for await (const chunk of readGit(repository, ['hash-object', '-t', 'tree', '/dev/null'])) said += chunk
  return said.trim()
}

/** True where commits before some depth are not there. */
export async function isShallow(repository: string): Promise<boolean> {
  let said = ''
  for await (const chunk of readGit(repository, ['rev-parse', '--is-shallow-repository'])) said += chunk
  return said.trim() === 'true'
}

/** Of so many objects git looks for the commits by itself; of more every commit is looked at. */
const MOST_WANTED = 4000
const COMMIT = '%x01%H%x00%an%x00%ae%x00%aI'

/** A commit that brought an object in, at a path. */
interface Origin {
  readonly commit: string
  readonly author: string
  readonly email: string
  readonly date: string
  readonly path: string
}

/**
 * The findings with the commits that brought their objects in: for each path of an object the first of them and the last. An object that is
 * itself a commit is that commit. What no commit has yet is where the work says; else it is left as it is. Rejects with GitError.
 */
export async function attribute({ repository, paths }: GitWork, findings: readonly Finding[]): Promise<Finding[]> {
  if (paths !== undefined)
    return findings.map((finding) => ({ ...finding, places: finding.places.flatMap((place) => placesAt(place, paths)) }))
  const places = findings.flatMap((finding) => finding.places)
  const wanted = new Set(places.flatMap(({ object = [], commit }) => (commit === undefined ? object : [])))
  const commits = new Set(places.flatMap(({ commit = [] }) => commit))
  const origins = new Map([...(await findOrigins(repository, wanted)), ...(await headsOf(repository, [...commits]))])
  return findings.map((finding) => {
    return { ...finding, places: finding.places.flatMap((place) => placesOf(place, origins.get(place.object ?? '') ?? [])) }
  })
}

function placesAt(place: Place, paths: ReadonlyMap<string, readonly string[]>): Place[] {
  return (paths.get(place.object ?? '') ?? []).map((path) => ({ ...place, path: `${path}${place.path ?? ''}` }))
}

function placesOf(place: Place, origins: readonly Origin[]): Place[] {
  if (origins.length === 0) return [place.path === undefined ? place : { ...place, path: `object ${place.object}${place.path}` }]
  const paths = Map.groupBy(origins, ({ path }) => path)
  return [...paths.values()].flatMap((ones) => {
    const ordered = ones.toSorted((one, other) => Date.parse(one.date) - Date.parse(other.date))
    const [first, last] = [ordered[0], ordered.at(-1)]
    return [first, ...(first === last ? [] : [last])].flatMap((one) => (one === undefined ? [] : [withOrigin(place, one)]))
  })
}

function withOrigin(place: Place, { path, ...origin }: Origin): Place {
  const whole = `${path}${place.path ?? ''}`
  return { ...place, ...origin, ...(whole !== '' && { path: whole }) }
}

async function findOrigins(repository: string, wanted: ReadonlySet<string>): Promise<Map<string, readonly Origin[]>> {
  const origins = new Map<string, Origin[]>()
  if (wanted.size === 0) return origins
  const few = wanted.size <= MOST_WANTED ? [...wanted].map((id) => `--find-object=${id}`) : []
  const log = [
    'log',
    '--all',
    '--reflog',
    '--raw',
    '-z',
    '--no-abbrev',
    '--no-renames',
    '--no-color',
    '--root',
    '-c',
    `--format=${COMMIT}`,
  ]
  const add = (id: string, origin: Origin): void => {
    const known = origins.get(id)
    if (known === undefined) origins.set(id, [origin])
    else known.push(origin)
  }
  for await (const [commit = '', author = '', email = '', date = '', ...changes] of recordsOf(
    readGit(repository, [...log, ...few]),
  )) {
    const head = { commit, author, email, date }
    for (let i = 0; i < changes.length; i += 1) {
      const change = /^\n?(:+)(?:[0-7]{6} )+((?:[0-9a-f]+ )+)[A-Z]+\d*$/.exec(changes[i] ?? '')
      if (change === null) continue
      const id = change[2]?.trim().split(' ').at(-1) ?? ''
      i += 1
      if (wanted.has(id)) add(id, { ...head, path: changes[i] ?? '' })
    }
  }
  return origins
}

/** What commits say of themselves. */
async function headsOf(repository: string, commits: readonly string[]): Promise<Map<string, readonly Origin[]>> {
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

/** The records of `git log -z`, one for each commit: the four fields of its head, then changes and paths by turns. */
async function* recordsOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<string[]> {
  let rest = ''
  const decoder = new TextDecoder()
  for await (const chunk of chunks) {
    const records = (rest + decoder.decode(chunk, { stream: true })).split('\x01')
    rest = records.pop() ?? ''
    for (const record of records) if (record !== '') yield record.split('\0')
  }
  if (rest !== '') yield rest.split('\0')
}

/** True where `path` is in a repository, or is a bare one. */
export async function isRepository(path: string): Promise<boolean> {
  try {
    for await (const _ of readGit(path, ['rev-parse', '--git-dir'])) return true
    return false
  } catch (thrown) {
    if (thrown instanceof GitError) return false
    throw thrown
  }
}
