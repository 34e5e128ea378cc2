import { createHash } from 'node:crypto'
import { StintError } from '../../errors.ts'
import { isMembers } from '../../members.ts'

/** Characters of one value that are told; what is longer is told by its start, its length and its SHA-256. */
const MAX_VALUE = 256
/** Characters of all names and values together: an entry of the log must hold them. */
const MAX_ALL = 6000

type Parameters = Record<string, string | readonly string[]>

/**
 * A tool's or prompt's arguments as parameters, each value under its place as a JSON Pointer (RFC 6901) without the positions in lists:
 * `arguments/paths` has what is in the list. Attacker-controlled. Throws `body_too_large` where they are too many to decide about.
 */
export function flattenArguments(value: unknown): Parameters {
  const found = new Map<string, string[]>()
  let size = 0
  visit('arguments', value)
  return Object.fromEntries(found)

  function visit(place: string, one: unknown): void {
    if (Array.isArray(one)) for (const item of one) visit(place, item)
    else if (isMembers(one)) for (const [name, below] of Object.entries(one)) visit(`${place}/${escapeName(name)}`, below)
    else if (one !== undefined) add(place, shown(String(one)))
  }

  function add(place: string, text: string): void {
    size += place.length + text.length
    if (size > MAX_ALL) throw new StintError('body_too_large', 'the arguments are too many to decide about')
    const before = found.get(place)
    if (before === undefined) found.set(place, [text])
    else before.push(text)
  }
}

function escapeName(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}

function shown(text: string): string {
  if (text.length <= MAX_VALUE) return text
  const digest = createHash('sha256').update(text).digest('hex')
  return `${text.slice(0, MAX_VALUE)}… (${text.length} characters, SHA-256 ${digest})`
}
