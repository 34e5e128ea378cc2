import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { NOTHING_OWN, type Own } from '../own/own-rules.ts'

const CODE = join(import.meta.dirname, '..')
/** Names the versions of the libraries that read structures. */
const PACKAGE = join(CODE, '../../package.json')

/**
 * A digest of all that decides what is found in an object: this code (with the rules that are in it, as the checks they make), its libraries, what runs it, and
 * `own`, rules that came from elsewhere. Two scans whose digests are the same find the same. What else comes to change what is found goes in here.
 */
export function digestRules(own: Own = NOTHING_OWN): string {
  const digest = createHash('sha256').update(process.version).update(readFileSync(PACKAGE))
  for (const file of readdirSync(CODE, { recursive: true, encoding: 'utf8' }).sort())
    if (file.endsWith('.ts')) digest.update(`\0${file}\0`).update(readFileSync(join(CODE, file)))
  digest.update(`\0${JSON.stringify([own.rules, own.words])}`)
  return digest.digest('hex')
}
