import { parse, TomlError } from 'smol-toml'
import { type Field, refuseLarge } from '../exports/item.ts'
import { FormatError } from '../formats/member.ts'

/** Each name and value is looked for. */
const MOST_BYTES = 256 << 10

/**
 * The texts of TOML (1.0). Its parser does not say where they stand: each is the first of its kind behind the names that lead to it. Throws
 * FormatError for what is none or too large.
 */
export function readTomlFields(text: string): Field[] {
  if (text.length > MOST_BYTES) throw new FormatError('it is TOML that is too large')
  const fields: Field[] = []
  const add = (value: unknown, path: readonly string[], from: number): void => {
    refuseLarge({ fields: fields.length, depth: path.length })
    if (typeof value === 'string') fields.push(fieldOf(text, value, path, from))
    else if (Array.isArray(value)) for (const [at, item] of value.entries()) add(item, [...path, String(at)], from)
    else if (typeof value === 'object' && value !== null && !(value instanceof Date))
      for (const [name, one] of Object.entries(value)) add(one, [...path, name], Math.max(from, text.indexOf(name, from)))
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
