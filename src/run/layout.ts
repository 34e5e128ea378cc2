import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { StintError } from '../errors.ts'
import type { HiddenPath } from './hidden-paths.ts'
import { aliasesOf } from './mount-aliases.ts'
import { between, isWithin, realPath, statOf } from './paths.ts'
import { belongings, EMPTIED_DIRECTORIES, isShared } from './places.ts'
import type { ProgramFile } from './program.ts'

/** One step in building the sandbox's filesystem; later steps cover earlier ones. */
export type Step =
  | { readonly kind: 'read-only' | 'writable'; readonly from: string; readonly at: string }
  /** Something of the run's own, where the user's is hidden. */
  | { readonly kind: 'placed'; readonly from: string; readonly at: string }
  /** An empty, writable directory that is gone with the sandbox. */
  | { readonly kind: 'scratch'; readonly at: string }
  | { readonly kind: 'link'; readonly to: string; readonly at: string }
  | { readonly kind: 'masked-directory' | 'masked-file'; readonly at: string }

/** What the filesystem must be like. All paths absolute; all but those of `hidden` and `program` free of symlinks. */
export interface LayoutWish {
  /** The working directory: the one place whose changes stay. */
  readonly directory: string
  readonly homes: readonly string[]
  readonly hidden: readonly HiddenPath[]
  /** Names of hidden things to show. */
  readonly allowed: readonly string[]
  /** A directory of the run's own that shows as `~/.ssh`, unless the user's own is allowed. */
  readonly sshDirectory: string | undefined
  /** Other paths to show, read-only. */
  readonly shown: readonly string[]
  /** What the command's start needs: shown with what belongs to it, where the user named it. */
  readonly program: readonly ProgramFile[]
  /** Stint's own: the data directory and whatever else must not exist inside. Masked, under every name. */
  readonly forbidden: readonly string[]
  /** Unix sockets that are listening on this machine; those in sight are masked. */
  readonly sockets: readonly string[]
  readonly mountinfo: string
}

/** Read-only islands in emptied directories that hold programs. */
const KEPT = ['/run/current-system', '/run/wrappers', '/run/opengl-driver', '/home/linuxbrew/.linuxbrew']

/** Directories of a home that are rebuilt entry by entry, so that what is hidden is not there at all and new files can be made. */
const REBUILT = ['.config', '.local', '.local/share', '.local/share/pnpm', '.local/state', '.cargo', 'go', '.bun', '.bun/install']

/** Caches of a home: absent at first, so that programs can fill them anew. */
const CACHES = [
  '.cache',
  '.npm',
  '.cargo/registry',
  '.cargo/git',
  'go/pkg',
  '.gradle',
  '.m2',
  '.ivy2',
  '.yarn',
  '.bun/install/cache',
  '.local/share/pnpm/store',
]

/** What the sandbox has of its own. */
const KERNEL = /^\/(proc|sys)(\/|$)|^\/dev(\/(shm|pts|mqueue))?$/

/** Files of a repository that run as programs outside, later, and that no review of a change shows. */
const GUARDED = ['.git/hooks', '.git/config']

/**
 * The sandbox's filesystem: the machine read-only, shared places and other people's things gone, the user's homes rebuilt without what is
 * hidden, the program shown, the working directory writable. Throws `invalid_argument` for a place that cannot be had without giving more.
 */
export function planLayout(wish: LayoutWish): Step[] {
  refuseUnsafe(wish.directory, 'the working directory', wish)
  for (const path of wish.shown) refuseUnsafe(path, '--show', wish)
  const steps: Step[] = [{ kind: 'read-only', from: '/', at: '/' }]
  for (const at of EMPTIED_DIRECTORIES) if (statOf(at)?.isDirectory()) steps.push({ kind: 'scratch', at })
  for (const at of KEPT) if (statOf(at)?.isDirectory()) steps.push({ kind: 'read-only', from: at, at })
  for (const home of wish.homes) steps.push(...rebuild(home, '', shownNot(wish), wish.forbidden))
  steps.push(...placements(wish))
  steps.push(...allowances(wish), ...wish.shown.map((at) => ({ kind: 'read-only', from: at, at }) as const))
  const workplace: Step = { kind: 'writable', from: wish.directory, at: wish.directory }
  for (const { path } of wish.program.filter(({ isNamed }) => isNamed))
    if (!isSeen([...steps, workplace], path)) steps.push(...show(path, wish))
  steps.push(workplace)
  const covers = [...guards(wish.directory), ...masks(steps, wish)]
  return [...steps, ...pins(wish.directory, covers), ...covers]
}

function refuseUnsafe(path: string, what: string, wish: LayoutWish): void {
  const refuse = (why: string, next: string) => {
    throw new StintError('invalid_argument', `${what} ${path} ${why}; ${next}`)
  }
  const narrower = 'choose a directory in it'
  if (path === '/' || wish.homes.some((home) => isWithin(home, path))) refuse('holds a home directory', narrower)
  if (EMPTIED_DIRECTORIES.some((emptied) => isWithin(emptied, path))) refuse('is shared with other programs', narrower)
  if (KERNEL.test(path)) refuse('is the kernel’s', 'choose another')
  const unwanted = whyUnwanted(path, wish)
  if (unwanted !== undefined) refuse(...unwanted)
}

/** Says that a path lies in something that must not be seen, under whatever name, and what to do about it. */
function whyUnwanted(path: string, wish: LayoutWish): [why: string, next: string] | undefined {
  const lies = (real: string) => [real, ...aliasesOf(real, wish.mountinfo)].some((name) => isWithin(path, name))
  if (wish.forbidden.some(lies)) return ['is in Stint’s data directory, which no command sees', 'choose another']
  const hidden = shownNot(wish).find(({ real }) => lies(real))
  return hidden && [`is in ${hidden.shown}, which is hidden`, `--allow ${hidden.name} shows it`]
}

/** Shows a program's file with what belongs to it; nothing where it may not be seen. */
function show(file: string, wish: LayoutWish): Step[] {
  if (whyUnwanted(file, wish) !== undefined) return []
  const at = propertyOf(file, wish)
  return statOf(at)?.isSymbolicLink() ? link(at) : [{ kind: 'read-only', from: at, at }]
}

/** The largest of a program's belongings that are not also others'. */
function propertyOf(file: string, { homes }: LayoutWish): string {
  const others = [...homes, ...homes.flatMap((home) => CACHES.map((cache) => join(home, cache)))]
  const isOwn = (path: string) => !isShared(path) && !others.some((other) => isWithin(other, path))
  return belongings(file).find(isOwn) ?? file
}

/** Says which file of the program does not show inside, and what to do about it; undefined when all do. */
export function whyNotSeen(steps: readonly Step[], wish: LayoutWish): string | undefined {
  const missing = wish.program.find(({ path }) => !isSeen(steps, path))
  if (missing === undefined) return undefined
  const { path } = missing
  const [why, next] = whyUnwanted(path, wish) ?? ['does not show in the sandbox', `--show ${propertyOf(path, wish)} shows it`]
  return `${path} ${why}; ${next}`
}

function shownNot({ hidden, allowed }: LayoutWish): readonly HiddenPath[] {
  return hidden.filter(({ name }) => !allowed.includes(name))
}

/** A home, or one of its REBUILT directories: an empty directory with every entry put back that may be seen. */
function rebuild(home: string, inner: string, gone: readonly HiddenPath[], forbidden: readonly string[]): Step[] {
  const top = join(home, inner)
  const steps: Step[] = [{ kind: 'scratch', at: top }]
  for (const entry of entriesOf(top)) {
    const path = join(top, entry)
    const within = inner === '' ? entry : `${inner}/${entry}`
    const stat = statOf(path)
    if (CACHES.includes(within) || gone.some((one) => one.path === path || one.real === path) || forbidden.includes(path))
      continue
    if (stat?.isSymbolicLink()) steps.push(...link(path))
    else if (stat?.isDirectory() && REBUILT.includes(within)) steps.push(...rebuild(home, within, gone, forbidden))
    else if (stat?.isDirectory() || stat?.isFile()) steps.push({ kind: 'read-only', from: path, at: path })
  }
  return steps
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

function link(path: string): Step[] {
  const to = realPath(path)
  return to === undefined ? [] : [{ kind: 'link', to, at: path }]
}

/** What `--allow` shows although it would not be there: where a program keeps its state, writable. */
function allowances({ hidden, allowed }: LayoutWish): Step[] {
  return hidden
    .filter(({ name }) => allowed.includes(name))
    .map(({ real, writable }) => ({ kind: writable ? 'writable' : 'read-only', from: real, at: real }))
}

function placements({ homes, allowed, sshDirectory: from }: LayoutWish): Step[] {
  if (from === undefined || allowed.includes('ssh')) return []
  return homes.map((home) => ({ kind: 'placed', from, at: join(home, '.ssh') }))
}

/** Each directory on the way to a cover becomes a mount of its own, so that it cannot be renamed away from under it. */
function pins(top: string, covers: readonly Step[]): Step[] {
  const ways = covers.filter(({ at }) => isWithin(at, top)).flatMap(({ at }) => between(top, at))
  return [...new Set(ways)].sort().map((at) => ({ kind: 'writable', from: at, at }))
}

function guards(directory: string): Step[] {
  if (!statOf(join(directory, '.git'))?.isDirectory()) return []
  const paths = GUARDED.map((name) => join(directory, name)).filter((path) => statOf(path)?.isSymbolicLink() === false)
  return paths.map((at) => ({ kind: 'read-only', from: at, at }))
}

/** Covers what must not be seen and still is, under every name it has. */
function masks(steps: readonly Step[], wish: LayoutWish): Step[] {
  const kept = allowances(wish)
  const sockets = wish.sockets.filter((socket) => !kept.some(({ at }) => isWithin(socket, at)))
  const unwanted = [...wish.forbidden, ...shownNot(wish).map(({ real }) => real), ...sockets]
  const all = new Set(unwanted.flatMap((path) => [path, ...aliasesOf(path, wish.mountinfo)]))
  const seen = [...all].filter((path) => isSeen(steps, path) && realPath(path) === path).sort()
  const outermost = seen.filter((path) => !seen.some((other) => other !== path && isWithin(path, other)))
  return outermost.map((at) => ({ kind: statOf(at)?.isDirectory() ? 'masked-directory' : 'masked-file', at }))
}

/** True when the host's file at `path` shows at that path after these steps. */
function isSeen(steps: readonly Step[], path: string): boolean {
  const last = steps.findLast((step) => isWithin(path, step.at))
  return last?.kind === 'read-only' || last?.kind === 'writable' || (last?.kind === 'link' && last.at === path)
}

/** The Unix sockets that are bound to a path which is still there, from the text of /proc/net/unix (unix(7)). */
export function socketsIn(procNetUnix: string): string[] {
  const paths = procNetUnix.split('\n').flatMap((line) => /^(?:\S+ +){7}(\/.*)$/.exec(line)?.[1] ?? [])
  return [...new Set(paths.flatMap((path) => realPath(path) ?? []))]
}
