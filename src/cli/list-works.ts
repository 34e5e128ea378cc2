import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { StintError } from '../errors.ts'
import { GitError } from '../scanner/git-command.ts'
import type { Skipped, Work } from '../scanner/job.ts'
import { listVariables } from '../scanner/sources/environment.ts'
import { listFiles } from '../scanner/sources/files.ts'
import { isRepository, isShallow, listSince, listStaged } from '../scanner/sources/git.ts'
import { listHome } from '../scanner/sources/home.ts'
import { listChanged } from '../scanner/sources/worktree.ts'

/** What is meant beside a path, and which part of a repository. */
export interface PartOptions {
  readonly env?: true
  /** A directory, or the user's own. */
  readonly userHome?: string | true
  readonly files?: true
  readonly staged?: true
  readonly since?: string
  readonly ignore: boolean
}

export interface Works {
  readonly works: readonly Work[]
  /** A repository whose whole history is to be looked into before that. */
  readonly history?: string
  readonly skipped: readonly Skipped[]
}

/** True for a place on a server, `github:acme/app`; a path of that name is `./github:acme/app`. */
export function isRemote(path: string | undefined): path is string {
  return path !== undefined && /^(?:github|gitlab):/.test(path)
}

/** What standard input is called, as a path and in reports. */
export const INPUT = '-'
const INPUT_PLACE = 'stdin'

/**
 * What `stint scan` has to look into: at this path, where one is meant, in the environment and in a home directory. Throws
 * `invalid_argument` for a revision or a home that is none, and for a part of what is no repository.
 */
export async function listWorks(path: string | undefined, options: PartOptions, env: NodeJS.ProcessEnv): Promise<Works> {
  const variables = options.env === undefined ? [] : [listVariables(env)]
  const home = await listHomeWorks(options, env)
  const at = path === undefined ? NOTHING : await listWorksAt(path, options)
  return { ...at, works: [...variables, ...home.works, ...at.works], skipped: [...home.skipped, ...at.skipped] }
}

const NOTHING: Works = { works: [], skipped: [] }

async function listHomeWorks({ userHome }: PartOptions, env: NodeJS.ProcessEnv): Promise<Works> {
  if (userHome === undefined) return NOTHING
  const home = resolve(userHome === true ? (env.HOME ?? homedir()) : userHome)
  const { work, skipped } = await listHome(home).catch((thrown: NodeJS.ErrnoException) => {
    throw new StintError('invalid_argument', `--user-home: ${home} is not a directory that can be read (${thrown.code})`)
  })
  return { works: [work], skipped }
}

async function listWorksAt(path: string, options: PartOptions): Promise<Works> {
  const { files, staged, since } = options
  if (path === INPUT && staged === undefined && since === undefined)
    return { works: [{ kind: 'input', path: INPUT_PLACE }], skipped: [] }
  if (files === undefined && (await isRepository(path))) return listGitWorks(path, options)
  if (staged !== undefined || since !== undefined)
    throw new StintError('invalid_argument', `${path} is not in a git repository, so that it has no commits`)
  const { work, skipped } = await listFiles(path)
  return { works: [work], skipped }
}

async function listGitWorks(path: string, { staged, since, ignore }: PartOptions): Promise<Works> {
  const { GIT_INDEX_FILE: index } = process.env
  if (staged !== undefined) return { works: [await listStaged(path, index && resolve(index))], skipped: [] }
  const shallow = (await isShallow(path)) ? [{ what: path, why: 'the clone is shallow: older commits are not in it' }] : []
  if (since !== undefined) return { works: [await listSince(path, since).catch(rejectRevision)], skipped: shallow }
  const changed = await listChanged(path, { ignored: !ignore })
  return { works: [changed.work], history: path, skipped: [...shallow, ...changed.skipped] }
}

function rejectRevision(thrown: unknown): never {
  if (thrown instanceof GitError) throw new StintError('invalid_argument', `--since: ${thrown.message}`)
  throw thrown
}
