import { StintError } from '../../errors.ts'

/** A path segment that holds escaped slashes: its name in the pattern, and its text with everything unescaped. */
export interface SlashSegment {
  readonly name: string
  readonly text: string
}

/**
 * Finds the segment that may hold `%2F` in patterns like `/api/v4/projects/{project}/**`: the braces name it, `*` is any one
 * segment, `**` at the end any number. Undefined for a path with no such segment, or with `%2F` in another one too.
 * Attacker-controlled: the path, which is canonical.
 */
export function createSlashFinder(patterns: readonly string[]): (path: string) => SlashSegment | undefined {
  const rows = patterns.map((pattern) => pattern.split('/'))
  return (path) => {
    const parts = path.split('/')
    const at = parts.findIndex((part) => part.includes('%2F'))
    if (at === -1 || at !== parts.findLastIndex((part) => part.includes('%2F'))) return undefined
    const row = rows.find((one) => nameIn(one[at]) !== undefined && fits(one, parts))
    const name = nameIn(row?.[at])
    return name === undefined ? undefined : { name, text: decodeSegment(parts[at] ?? '') }
  }
}

/** A path segment with everything unescaped. Throws `malformed_request` for escapes that are none. */
export function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw new StintError('malformed_request', 'the path holds a percent escape that is incomplete or not UTF-8')
  }
}

function nameIn(part: string | undefined): string | undefined {
  return /^\{([a-z]+)\}$/.exec(part ?? '')?.[1]
}

function fits(row: readonly string[], parts: readonly string[]): boolean {
  const isOpen = row.at(-1) === '**'
  const fixed = isOpen ? row.slice(0, -1) : row
  if (isOpen ? parts.length < fixed.length : parts.length !== fixed.length) return false
  return fixed.every((part, i) => part === '*' || nameIn(part) !== undefined || part === parts[i])
}
