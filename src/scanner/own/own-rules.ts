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
}

/** What is to be looked for besides Stint's own rules. */
export interface OwnRules {
  readonly rules: readonly OwnRule[]
}

export const NO_OWN_RULES: OwnRules = { rules: [] }
