import type { Field } from '../exports/item.ts'
import { readJsonFields } from '../exports/json.ts'
import { FormatError } from '../formats/member.ts'
import { isCredential, secretsInUrl } from './credential.ts'
import type { Spot } from './structure.ts'

/** What stands before a credential in a header (RFC 9110, section 11.4). */
const SCHEME = /^(?:bearer|basic|token|apikey|api-key|bot|key)[ :]+/i

/** The credentials in the value of such a name: in an address, in JSON, behind a scheme, or all of it. Attacker-controlled. */
export function* inValue(name: string, text: string): Generator<string> {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return yield* secretsInUrl(text)
  if (/^\s*\{/.test(text)) return yield* inJson(text)
  const value = text.replace(SCHEME, '').trim()
  if (isCredential(value === text.trim() ? name : 'authorization', value)) yield value
}

/** JSON within a variable: headers, or the key of a service account. */
function* inJson(text: string): Generator<string> {
  for (const { path, text: value, isName } of readInner(text))
    if (!isName && !/^\s*\{/.test(value)) yield* inValue(path.at(-1) ?? '', value)
}

function readInner(text: string): readonly Field[] {
  try {
    return readJsonFields(text)
  } catch (thrown) {
    if (thrown instanceof FormatError) return []
    throw thrown
  }
}

/** Of one field, as many are named: each is looked for in it. */
const MOST_SECRETS = 1000

/** Where the secrets of a field stand; where an escape or an encoding keeps one from being seen, the field. */
export function* spotsOf(text: string, { start, text: value, isVerbatim }: Field, secrets: Iterable<string>): Generator<Spot> {
  const there = isVerbatim ? value : text.slice(start, start + value.length * 6)
  let left = MOST_SECRETS
  for (const secret of secrets) {
    if (left === 0) return
    left -= 1
    yield { start: start + Math.max(0, there.indexOf(secret)), secret }
  }
}
