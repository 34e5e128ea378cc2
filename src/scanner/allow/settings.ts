import type { Own } from '../own/own-rules.ts'
import type { Allow } from './allow.ts'

/** What files of users and projects say: what is known and meant, and what to look for besides. */
export interface Settings extends Own {
  readonly allows: readonly Allow[]
  /** Places at which a rule does not hold: no findings, whether allow-lists are looked at or not. */
  readonly outside: readonly Allow[]
}

export const NO_SETTINGS: Settings = { allows: [], outside: [], rules: [], words: [] }

/** As many a file may have. */
export const MOST_RULES = 1000

/** What several files say together. */
export function joinSettings(all: readonly Settings[]): Settings {
  return {
    allows: all.flatMap(({ allows }) => allows),
    outside: all.flatMap(({ outside }) => outside),
    rules: all.flatMap(({ rules }) => rules),
    words: all.flatMap(({ words }) => words),
  }
}
