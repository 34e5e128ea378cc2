import { isUtf8 } from 'node:buffer'

/** Deeper than this nothing is read. */
const MAX_DEPTH = 64

/**
 * Reads JSON (RFC 8259) that must mean the same to everyone. Attacker-controlled. Throws what `fail` makes of the reason for bytes that are
 * not UTF-8, a byte order mark, text that is not JSON, more than 64 levels, and a name given twice in one object at any level, in whatever
 * case: `JSON.parse` keeps the last, another reader may keep the first, and some (Go's `encoding/json`) take `Name` for `name`.
 */
export function readStrictJson(bytes: Uint8Array, fail: (why: string) => Error): unknown {
  const { text, value } = readJsonText(bytes, fail)
  checkNames(text, fail)
  return value
}

/** What `JSON.parse` makes of it, and the text. Throws what `fail` makes of the reason for bytes that are not UTF-8 and text that is not JSON. */
export function readJsonText(
  bytes: Uint8Array,
  fail: (why: string) => Error,
): { readonly text: string; readonly value: unknown } {
  const text = decode(bytes, fail)
  return { text, value: parse(text, fail) }
}

/** One spelling of a name for readers that do not mind its case: `ſ` is an s to them, and the Kelvin sign a k. */
export function foldName(name: string): string {
  return name.toUpperCase().toLowerCase()
}

function decode(bytes: Uint8Array, fail: (why: string) => Error): string {
  if (!isUtf8(bytes)) throw fail('it is not UTF-8')
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

function parse(text: string, fail: (why: string) => Error): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw fail('it is not JSON')
  }
}

/** Of JSON that is known to be valid: a text before a colon is a name. Reads each character once, however long a text. */
function checkNames(json: string, fail: (why: string) => Error): void {
  const open: Set<string>[] = []
  let text = { start: 0, end: 0 }
  for (let at = 0; at < json.length; at += 1) {
    const char = json[at]
    if (char === '"') {
      text = { start: at, end: endOfText(json, at) }
      at = text.end - 1
    } else if (char === '{' || char === '[') {
      if (open.push(new Set()) > MAX_DEPTH) throw fail(`it has more than ${MAX_DEPTH} levels`)
    } else if (char === '}' || char === ']') open.pop()
    else if (char === ':') {
      const name = foldName(nameIn(json.slice(text.start, text.end)))
      const names = open.at(-1)
      if (names?.has(name)) throw fail('a name is given twice')
      names?.add(name)
    }
  }
}

/** Behind the quote that ends the text that starts here: one behind an even number of backslashes (RFC 8259, section 7). */
function endOfText(json: string, start: number): number {
  for (let quote = json.indexOf('"', start + 1); quote !== -1; quote = json.indexOf('"', quote + 1)) {
    let before = quote
    while (json[before - 1] === '\\') before -= 1
    if ((quote - before) % 2 === 0) return quote + 1
  }
  return json.length
}

function nameIn(quoted: string): string {
  return quoted.includes('\\') ? String(JSON.parse(quoted)) : quoted.slice(1, -1)
}
