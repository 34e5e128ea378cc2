import { existsSync } from 'node:fs'
import { lstat, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readGit } from '../git-command.ts'
import { isWithin } from '../is-within.ts'
import type { FileWork, Skipped } from '../job.ts'

/** One file that the index has, as `git ls-files --stage --debug` tells it. */
interface Entry {
  readonly mode: string
  readonly path: string
  readonly mtime: bigint
  readonly size: number
}

const SUBMODULE = '160000'
const FILE = /^100/

/**
 * The files of a repository's working tree that differ from its index, and those that git does not track: ignored ones only where
 * `ignored` says so. They are compared by time and size, as git does first; its filters are programs that the repository names. A bare one
 * has none. Rejects with GitError.
 */
export async function listChanged(
  repository: string,
  { ignored = false } = {},
): Promise<{ work: FileWork; skipped: readonly Skipped[] }> {
  const skipped: Skipped[] = []
  const paths: string[] = []
  const [top, gitDirectory] = await placesOf(repository)
  const found = { work: { kind: 'files', root: top, paths, next: new SharedArrayBuffer(4) }, skipped } as const
  if (top === '' && !existsSync(join(repository, '.git'))) return found
  if (top === '' || !existsSync(join(top, '.git'))) {
    skipped.push({ what: repository, why: 'its settings place its working tree elsewhere' })
    return found
  }
  const inside = createInside(await realpath(top))
  const indexedAt = (await lstat(join(gitDirectory, 'index'), { bigint: true }).catch(() => undefined))?.mtimeNs ?? 0n
  for (const entry of await readIndex(top)) {
    if (entry.path.includes('\ufffd')) skipped.push({ what: entry.path, why: 'its name is not UTF-8' })
    else if (entry.mode === SUBMODULE) skipped.push({ what: entry.path, why: 'it is a submodule, which is not entered' })
    else if (FILE.test(entry.mode) && (await isChanged(top, entry, indexedAt)) && (await inside(entry.path)))
      paths.push(entry.path)
  }
  for (const path of await listUntracked(top, ignored)) {
    if (path.endsWith('/')) skipped.push({ what: path, why: 'it is a repository of its own, which is not entered' })
    else if (await inside(path)) paths.push(path)
  }
  paths.sort()
  return found
}

/** The working tree of a repository and its git directory; nothing for a bare one. */
async function placesOf(repository: string): Promise<[top: string, gitDirectory: string]> {
  if ((await readAll(repository, ['rev-parse', '--is-inside-work-tree'])).trim() !== 'true') return ['', '']
  const [top = '', gitDirectory = ''] = (
    await readAll(repository, ['rev-parse', '--path-format=absolute', '--show-toplevel', '--git-dir'])
  ).split('\n')
  return [top, gitDirectory]
}

async function readIndex(top: string): Promise<Entry[]> {
  const text = await readAll(top, ['ls-files', '-z', '--stage', '--debug'])
  const entries: Entry[] = []
  const entry =
    /([0-7]{6}) [0-9a-f]+ \d\t([^\0]*)\0\s+ctime: \d+:\d+\n\s+mtime: (\d+):(\d+)\n[^\n]*\n[^\n]*\n\s+size: (\d+)[^\n]*\n/g
  for (const [, mode = '', path = '', seconds = '0', nanoseconds = '0', size] of text.matchAll(entry))
    entries.push({ mode, path, mtime: BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds), size: Number(size) })
  return entries
}

/** False also for one that was deleted. What was written since the index was is changed for all that its time can say ("racy", git's racy-git.txt). */
async function isChanged(top: string, { path, mtime, size }: Entry, indexedAt: bigint): Promise<boolean> {
  const now = await lstat(join(top, path), { bigint: true }).catch(() => undefined)
  if (now?.isFile() !== true) return false
  return now.mtimeNs !== mtime || Number(now.size & 0xffffffffn) !== size || mtime >= indexedAt
}

async function listUntracked(top: string, ignored: boolean): Promise<string[]> {
  const standard = ignored ? [] : ['--exclude-standard']
  const text = await readAll(top, ['ls-files', '-z', '--others', ...standard])
  return text.split('\0').filter((path) => path !== '')
}

/** The index is the repository's own and may hold any path: true for those below `root`, with no link on the way. */
function createInside(root: string): (path: string) => Promise<boolean> {
  const known = new Map<string, Promise<boolean>>()
  return (path) => {
    const folder = dirname(path)
    const one =
      known.get(folder) ??
      realpath(join(root, folder)).then(
        (real) => isWithin(root, real),
        () => false,
      )
    known.set(folder, one)
    return one
  }
}

async function readAll(repository: string, args: readonly string[]): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of readGit(repository, args)) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
