import { StintError } from '../../errors.ts'
import { NO_SETTINGS, type Settings } from './settings.ts'

/**
 * The lines of a `.gitleaksignore`: `commit:file:rule:line` or `file:rule:line`. The rule is gitleaks' own and is not compared. Throws
 * `invalid_argument` for a line that is neither.
 */
export function readGitleaksIgnore(text: string, name: string): Settings {
  const allows = text.split('\n').flatMap((raw, at) => {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) return []
    const [, commit, file = '', number] = /^(?:([0-9a-f]{40}|[0-9a-f]{64}):)?(.+):[^:]+:(\d{1,9})$/.exec(line) ?? []
    if (file === '')
      throw new StintError('invalid_argument', `${name}, line ${at + 1}: not commit:file:rule:line or file:rule:line`)
    const isPath = (path: string): boolean => path === file
    return [
      { isPath, line: Number(number), isOfFile: true, ...(commit !== undefined && { commits: new Set([commit]) }) } as const,
    ]
  })
  return { ...NO_SETTINGS, allows }
}
