import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Installation, startStint } from './stint.ts'

/** What processes that share a database must have the same. */
export const SHARED_KEYS = ['vault.key', 'token.key', 'ca.key', 'ca.pem']

/** Another Stint beside `first`, with its keys and a data directory of its own. */
export function startSecond(first: Installation, env: Readonly<Record<string, string>>): Promise<Installation> {
  return startStint(env, (home) => {
    mkdirSync(home, { mode: 0o700 })
    for (const name of SHARED_KEYS) copyFileSync(join(first.home, name), join(home, name))
  })
}
