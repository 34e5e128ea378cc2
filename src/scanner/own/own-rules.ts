import type { Confidence } from '../rule.ts'

/** A rule that a user or a project wrote: data, which a worker is given. Attacker-controlled. */
export interface OwnRule {
  readonly id: string
  /** The file that it stands in. */
  readonly provider: string
  readonly title: string
  /** A source of RegExp without flags, over text in which each byte is a character. */
  readonly pattern: string
  /** The number of the group that is the secret; 0 for the first that holds anything, or the whole match where there is none. */
  readonly secretGroup: number
  /** In bits for each character; the secret has more. */
  readonly entropy?: number
  /** Lower-case ASCII. Where none of them stands in a content, the pattern is not tried; without any it always is. */
  readonly keywords: readonly string[]
  readonly confidence: Confidence
  /** What else its file says of it. */
  readonly tags?: string
  /** What its matches are marked with, where it holds at some paths only. */
  readonly mark?: string
}

/** What an entry of an allow-list wants to stand in a match. A match in which it does is marked; what else the entry wants is looked at later. */
export interface OwnWords {
  readonly mark: string
  /** Where the entry stands. */
  readonly name: string
  /** Rules whose matches it is about; all where absent. */
  readonly rules?: readonly string[]
  readonly target: 'secret' | 'match' | 'line'
  /** Sources of RegExp as in a rule, one of which is to be found. */
  readonly patterns: readonly string[]
  /** In small letters, one of which is to stand in the secret in whatever case. */
  readonly stopwords: readonly string[]
  /** A pattern and a stopword, where there are both; else one of either. */
  readonly wantsAll: boolean
}

/** What to look for besides Stint's own rules, and what to mark. */
export interface Own {
  readonly rules: readonly OwnRule[]
  readonly words: readonly OwnWords[]
}

export const NOTHING_OWN: Own = { rules: [], words: [] }
