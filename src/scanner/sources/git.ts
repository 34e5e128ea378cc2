import { GitError, readGit, readLines } from '../git-command.ts'
import type { GitWork } from '../job.ts'

/** The ids of all objects of a repository, also of those that nothing refers to any more. Rejects with GitError. */
export async function listObjects(repository: string): Promise<GitWork> {
  const work = await collect(repository, ['cat-file', '--batch-all-objects', '--unordered', '--batch-check=%(objectname)'])
  return { ...work, all: 'by-pack' }
}

/** The ids of what HEAD has and `revision` has not. Rejects with GitError, also where there is no such revision. */
export async function listSince(repository: string, revision: string): Promise<GitWork> {
  const [commit = ''] = await readLines(repository, ['rev-parse', '--verify', '--end-of-options', `${revision}^{commit}`])
  return collect(repository, ['rev-list', '--objects', '--no-object-names', 'HEAD', `^${commit}`])
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

/** The objects with these ids, `width` bytes each. */
export function workOf(repository: string, ids: Buffer, width: number): GitWork {
  return { kind: 'git', repository, ids: share(ids), width: Math.max(1, width), next: new SharedArrayBuffer(4) }
}

/** The bytes where all threads see them: as they are, or a copy. */
function share(bytes: Buffer): SharedArrayBuffer {
  if (bytes.buffer instanceof SharedArrayBuffer && bytes.length === bytes.buffer.byteLength) return bytes.buffer
  const shared = new SharedArrayBuffer(bytes.length)
  bytes.copy(Buffer.from(shared))
  return shared
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
  const file = index === undefined ? {} : { index }
  for await (const chunk of readGit(repository, [...command, await headOrNothing(repository)], file))
    text += decoder.decode(chunk, { stream: true })
  const paths = new Map<string, string[]>()
  for (const [, id = '', path = ''] of text.matchAll(/:[0-7]{6} [0-7]{6} [0-9a-f]+ ([0-9a-f]+) [A-Z]\d*\0([^\0]*)\0/g))
    paths.set(id, [...(paths.get(id) ?? []), path])
  const [first = ''] = paths.keys()
  return { ...workOf(repository, Buffer.from([...paths.keys()].join(''), 'hex'), first.length / 2), paths }
}

/** HEAD, or the empty tree where nothing is committed yet. */
async function headOrNothing(repository: string): Promise<string> {
  if ((await readLines(repository, ['rev-parse', '--revs-only', 'HEAD'])).length > 0) return 'HEAD'
  const [tree = ''] = await readLines(repository, ['hash-object', '-t', 'tree', '/dev/null'])
  return tree
}

/** True where commits before some depth are not there. */
export async function isShallow(repository: string): Promise<boolean> {
  return (await readLines(repository, ['rev-parse', '--is-shallow-repository']))[0] === 'true'
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
