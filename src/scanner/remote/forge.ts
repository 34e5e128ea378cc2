import { type ReadPages, RemoteError } from './read-pages.ts'

/** What is looked at on a server: all that an organisation, a group or a user has, or one repository. */
export interface RemotePlace {
  /** `acme`, or `acme/app`. */
  readonly path: string
}

/** A list of what people wrote, read page by page; or one text. */
export interface Writings {
  /** As which files it is kept: `issues`. */
  readonly name: string
  readonly url: string
  /** Further writings that a page of it leads to. Attacker-controlled. */
  more?(page: unknown): readonly Writings[]
}

/** How a kind of server says what it has. */
export interface Forge {
  /** Where it is unless another one is named. */
  readonly server: string
  /** Where its API is. */
  api(server: string): string
  /** The full names of the repositories there, `acme/app`. Rejects where they cannot be listed. */
  list(api: string, place: RemotePlace, read: ReadPages): AsyncIterable<string>
  /** What was written in a repository beside its files. */
  writingsIn(api: string, repository: string): readonly Writings[]
  /** What the owner's people wrote in no repository. */
  writingsOf(api: string, place: RemotePlace, read: ReadPages): AsyncIterable<Writings>
}

/** The parts of a name as servers have them: no way up, and the first no option of git. Repositories may be called `.github`. */
export function isName(name: unknown): name is string {
  const isPart = (part: string, at: number): boolean => (at === 0 ? /^\w[\w.-]*$/ : /^(?!\.{1,2}$)[\w.-]+$/).test(part)
  return typeof name === 'string' && name.length <= 500 && name.split('/').every(isPart)
}

/** Throws RemoteError for a name that is none: what it names would not be looked at. Attacker-controlled. */
export function needName(name: unknown): string {
  if (isName(name)) return name
  throw new RemoteError('a name in its list is not understood')
}
