import type { Rule } from '../rule.ts'

/** Secrets that are known by where they stand in a file of some shape, wherever that file lies: in git's objects nothing has a name. */
export interface Structure extends Pick<Rule, 'id' | 'provider' | 'title' | 'confidence' | 'keywords' | 'source'> {
  /** Secrets in a whole text of that shape, each byte of it a character; nothing where it is of another. Attacker-controlled. */
  find(text: string): Iterable<Spot>
}

/** A secret, and where it begins. */
export interface Spot {
  readonly start: number
  readonly secret: string
}
