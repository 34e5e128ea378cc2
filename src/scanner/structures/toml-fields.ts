import { parse, TomlError } from 'smol-toml'
import { type Field, refuseLarge } from '../exports/item.ts'
import { FormatError } from '../formats/member.ts'

/** Each name and value is looked for. */
const MOST_BYTES = 64 << 10

/**
 * The texts of TOML (1.0). Its parser does not say where they stand: each is the first of its kind behind the names that lead to it. Throws
 * FormatError for what is none or too large.
 */
export function readTomlFields(text: string): Field[] {
  if (text.length > MOST_BYTES) throw new FormatError('it is TOML that is too large')
  const fields: Field[] = []
  /** Answers from where on the next item of a list is looked for. */
  const add = (value: unknown, path: readonly string[], from: number): number => {
    refuseLarge({ fields: fields.length, depth: path.length })
    if (typeof value === 'string') {
      const field = fieldOf(text, value, path, from)
      fields.push(field)
      return field.isVerbatim ? field.start + value.length : from
    }
    if (Array.isArray(value))
      return value.reduce((next: number, item: unknown, at) => add(item, [...path, String(at)], next), from)
    if (typeof value === 'object' && value !== null && !(value instanceof Date))
      for (const [name, one] of Object.entries(value)) add(one, [...path, name], Math.max(from, text.indexOf(name, from)))
    return from
  }
  add(parseToml(text), [], 0)
  return fields
}

function parseToml(text: string): unknown {
  try {
    return parse(text, { maxDepth: 64 })
  } catch (thrown) {
    if (thrown instanceof TomlError) throw new FormatError('it is not TOML')
    throw thrown
  }
}

function fieldOf(text: string, value: string, path: readonly string[], from: number): Field {
  const at = text.indexOf(value, from)
  return { path, text: value, start: at < 0 ? from : at, isVerbatim: at >= 0 }
}
