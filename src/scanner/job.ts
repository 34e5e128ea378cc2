import type { Sighting } from './finding.ts'
import type { Own } from './own/own-rules.ts'
import type { PackWork } from './packs/skim.ts'

/** What a worker is given to begin with. Rules are functions and patterns, so that it makes them itself. */
export interface WorkerSetup {
  readonly key: Uint8Array
  /** Whether the secrets themselves are told, to be verified. */
  readonly tellsSecrets: boolean
  /** What to look for besides Stint's own rules. */
  readonly own: Own
  readonly work: Work
}

export type Work = GitWork | PackWork | FileWork | TextWork | InputWork

/** Objects of a repository. Workers take slices of `ids` by counting `next` up, so that each has work until none is left. */
export interface GitWork {
  readonly kind: 'git'
  readonly repository: string
  /** What its paths begin with in reports, where it is one of several. */
  readonly name?: string
  /** Object ids as bytes, `width` each. Shared. */
  readonly ids: SharedArrayBuffer
  readonly width: number
  /** They are all that the repository has: in the order of its packs, in which git is quick, or by their ids. */
  readonly all?: 'by-pack' | 'by-id'
  /** Where objects that no commit has yet are to be. */
  readonly paths?: ReadonlyMap<string, readonly string[]>
  /** One Int32: the first slice that nobody has taken. Shared. */
  readonly next: SharedArrayBuffer
}

/** Files. Workers take one after the other in the same way. */
export interface FileWork {
  readonly kind: 'files'
  readonly root: string
  /** Relative to the root. */
  readonly paths: readonly string[]
  readonly next: SharedArrayBuffer
}

/** Texts that are at hand. Workers take one after the other in the same way. */
export interface TextWork {
  readonly kind: 'texts'
  readonly texts: readonly NamedText[]
  readonly next: SharedArrayBuffer
}

export interface NamedText {
  readonly path: string
  /** What is read before it, as a rule may want it, and is no part of the place. One line, without its end. */
  readonly lead: string
  readonly text: string
}

/** What one worker is given on its standard input. */
export interface InputWork {
  readonly kind: 'input'
  /** What the place is called. */
  readonly path: string
}

/** What was not looked into, and why. */
export interface Skipped {
  /** Of git, that it is in. */
  readonly object?: string
  readonly what: string
  readonly why: string
}

/** What a worker says. */
export type WorkerReport =
  | { readonly kind: 'found'; readonly sightings: readonly Sighting[] }
  /** Once for each worker and secret, and only where it was asked for. */
  | { readonly kind: 'secret'; readonly fingerprint: string; readonly secret: string }
  | { readonly kind: 'skipped'; readonly skipped: Skipped }
  /** An object of git that could not be read at all. */
  | { readonly kind: 'unread'; readonly object: string; readonly why: string }
  /** A user's rule, or an entry of an allow-list, that this worker does not try any more. */
  | { readonly kind: 'given-up'; readonly skipped: Skipped }
  /** Since the last time. */
  | { readonly kind: 'progress'; readonly items: number; readonly bytes: number }
