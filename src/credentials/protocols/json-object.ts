import type { StintError } from '../../errors.ts'
import { foldName, readJsonText } from './strict-json.ts'

/**
 * Reads a body that must be one JSON object (RFC 8259) and mean the same to everyone. Attacker-controlled. Throws what `fail` makes of
 * the reason for bytes that are not UTF-8, text that is not one object, and a key given twice, in whatever case: `JSON.parse` keeps the
 * last, another server may keep the first.
 */
export function readJsonObject(body: Uint8Array, fail: (why: string) => StintError): Readonly<Record<string, unknown>> {
  const { text, value } = readJsonText(body, fail)
  if (!isObject(value)) throw fail('it is not one JSON object')
  const keys = topLevelKeys(text)
  if (new Set(keys).size !== keys.length) throw fail('a key is given twice')
  return value
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Of JSON that is known to be valid. */
function topLevelKeys(json: string): string[] {
  const tokens = json.match(/"(?:\\.|[^"\\])*"|[{}[\]:]/g) ?? []
  let depth = 0
  return tokens
    .filter((token, at) => {
      if (token === '{' || token === '[') depth += 1
      if (token === '}' || token === ']') depth -= 1
      return depth === 1 && token.startsWith('"') && tokens[at + 1] === ':'
    })
    .map((token) => foldName(String(JSON.parse(token))))
}
