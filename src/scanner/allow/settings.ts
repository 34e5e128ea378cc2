import type { OwnRule } from '../own/own-rules.ts'
import type { Allow } from './allow.ts'

/** What files of users and projects say: what is known and meant, and what to look for besides. */
export interface Settings {
  readonly allows: readonly Allow[]
  readonly rules: readonly OwnRule[]
}

/** As many a file may have. */
export const MOST_RULES = 1000

/** What several files say together. */
export function joinSettings(all: readonly Settings[]): Settings {
  return { allows: all.flatMap(({ allows }) => allows), rules: all.flatMap(({ rules }) => rules) }
}
