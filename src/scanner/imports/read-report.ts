import { StintError } from '../../errors.ts'
import { IMPORTS, type Told } from './shapes.ts'

/**
 * What the report of another scanner tells: gitleaks, TruffleHog, Kingfisher or SARIF, told by what it holds. Attacker-controlled. Throws
 * `invalid_argument`, with the line, for what is none; nothing of it is quoted, since it holds secrets.
 */
export function readReport(text: string, name: string): Told[] {
  const whole = parse(text)
  const documents = 'value' in whole ? [whole.value] : parseLines(text, name, whole.line)
  if (documents.length === 0) return []
  for (const { read, recordsOf } of Object.values(IMPORTS)) {
    const records = documents.length > 1 ? documents : recordsOf(documents[0])
    const told = records?.map(read)
    if (told?.every((one) => one !== undefined)) return told.flat()
  }
  throw new StintError('invalid_argument', `${name} is no report of gitleaks, trufflehog or kingfisher, and no SARIF`)
}

/** JSON Lines. Where not even the first line is JSON, the whole was meant to be: `line` is where that ends. */
function parseLines(text: string, name: string, line: number): unknown[] {
  const lines = text.split('\n')
  return lines.flatMap((one, at) => {
    if (one.trim() === '') return []
    const parsed = parse(one)
    if ('value' in parsed) return [parsed.value]
    const isFirst = lines.slice(0, at).every((other) => other.trim() === '')
    throw new StintError('invalid_argument', `${name} is not JSON, nor JSON Lines: line ${isFirst ? line : at + 1}`)
  })
}

/** The value, or the line at which it is none. */
function parse(text: string): { readonly value: unknown } | { readonly line: number } {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch (thrown) {
    const position = Number(/position (\d+)/.exec(String(thrown))?.[1] ?? text.length)
    return { line: text.slice(0, position).split('\n').length }
  }
}
