import { FormatError } from '../formats/member.ts'
import { createSplitter, type Field, refuseLarge, type Splitter } from './item.ts'

const [QUOTE, BACKSLASH, COMMA, OPEN_LIST, CLOSE_LIST, OPEN, CLOSE] = [0x22, 0x5c, 0x2c, 0x5b, 0x5d, 0x7b, 0x7d]

/** What lists of records are called where they are not the whole of an answer. */
const LISTS = /"(?:issues|nodes|items|messages|data|values|results|records|rows|entries|tickets|posts|cells)"\s*:\s*$/i
const NAME_BYTES = 80

/** Cuts JSON (RFC 8259), one value or one after the other, into its records: the elements of a list that is all of it or called so, else whole values. */
export function createJsonSplitter(): Splitter {
  let depth = 0
  /** How deep the elements of the list lie that is being read; 0 outside of any. */
  let listDepth = 0
  let hadList = false
  let isText = false
  let isEscaped = false
  return createSplitter(function* (bytes, from) {
    for (let i = from; i < bytes.length; i += 1) {
      const byte = bytes[i]
      if (isText) {
        if (isEscaped) isEscaped = false
        else if (byte === BACKSLASH) isEscaped = true
        else if (byte === QUOTE) isText = false
      } else if (byte === QUOTE) isText = true
      else if (byte === OPEN || byte === OPEN_LIST) {
        depth += 1
        if (byte === OPEN || listDepth > 0 || depth > MOST_SPINE || !isListed(bytes, i, depth)) continue
        listDepth = depth
        hadList = true
        yield [i + 1, false]
      } else if (byte === CLOSE || byte === CLOSE_LIST) {
        const isListEnd = byte === CLOSE_LIST && depth === listDepth
        if (isListEnd) yield [i, true]
        if (isListEnd) listDepth = 0
        depth -= 1
        if (depth > 0) continue
        yield [i + 1, !hadList]
        hadList = false
      } else if (byte === COMMA && depth === listDepth && depth > 0) yield [i + 1, true]
    }
  })
}

/** A list of records is not found deeper: `{"data":{"issues":{"nodes":[`. */
const MOST_SPINE = 4

function isListed(bytes: Buffer, at: number, depth: number): boolean {
  return depth === 1 || LISTS.test(bytes.toString('latin1', Math.max(0, at - NAME_BYTES), at))
}

/** A mark of structure, or what stands between two: a text begins with its quotation mark and is found by `endOfText`. */
const TOKEN = /[{}[\]:,"]|[^\s{}[\]:,"]+/g
const LITERAL = /^(?:true|false|null|-?\d{1,64}(?:\.\d{1,64})?(?:[eE][+-]?\d{1,3})?)$/

/** The texts and numbers of a piece of JSON, whose ends need not fit each other. Names are texts as well. Throws FormatError for what is none. */
export function readJsonFields(text: string): Field[] {
  const fields: Field[] = []
  const path: string[] = []
  let at = 0
  TOKEN.lastIndex = 0
  const add = (field: Field): void => {
    fields.push(field)
    refuseLarge({ fields: fields.length, depth: path.length })
  }
  for (let token = TOKEN.exec(text); token !== null; token = TOKEN.exec(text)) {
    const [mark] = token
    at = token.index
    if (mark === '"') {
      const end = endOfText(text, at + 1)
      TOKEN.lastIndex = end + 1
      const raw = text.slice(at + 1, end)
      const said = readText(raw)
      const isName = isFollowedByColon(text, end + 1)
      if (isName) path[Math.max(0, path.length - 1)] = said
      add({ path: [...path], text: said, start: at + 1, isVerbatim: said === raw, ...(isName && { isName }) })
    } else if (mark === '{') path.push('')
    else if (mark === '[') path.push('0')
    else if (mark === '}' || mark === ']') path.pop()
    else if (mark === ',') countUp(path)
    else if (mark !== ':') {
      if (!LITERAL.test(mark)) throw new FormatError('it is not JSON')
      add({ path: [...path], text: mark, start: at, isVerbatim: true })
    }
  }
  return fields
}

/** The next element of a list; in an object the next name takes the place of this one. */
function countUp(path: string[]): void {
  const last = path.at(-1)
  if (last !== undefined && /^\d{1,9}$/.test(last)) path[path.length - 1] = String(Number(last) + 1)
}

/** Where the text that begins at `from` has its closing quotation mark. Throws FormatError where it has none. */
export function endOfText(text: string, from: number): number {
  for (let end = text.indexOf('"', from); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0
    while (end - slashes > from && text[end - slashes - 1] === '\\') slashes += 1
    if (slashes % 2 === 0) return end
  }
  throw new FormatError('it ends in the middle of a text')
}

function readText(raw: string): string {
  if (/^[^\\\n\r]*$/.test(raw)) return raw
  try {
    return String(JSON.parse(`"${raw}"`))
  } catch {
    throw new FormatError('it is not JSON')
  }
}

function isFollowedByColon(text: string, from: number): boolean {
  let at = from
  while (/\s/.test(text[at] ?? '')) at += 1
  return text[at] === ':'
}
