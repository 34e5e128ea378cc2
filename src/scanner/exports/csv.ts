import { createSplitter, type Field, refuseLarge, type Splitter } from './item.ts'

const [QUOTE, LINE_FEED] = [0x22, 0x0a]

/** Cuts comma-separated values (RFC 4180) into rows: a line feed in quotation marks is part of its cell. */
export function createCsvSplitter(): Splitter {
  let isQuoted = false
  return createSplitter(function* (bytes, from) {
    for (let i = from; i < bytes.length; i += 1) {
      const byte = bytes[i]
      if (byte === QUOTE) isQuoted = !isQuoted
      else if (byte === LINE_FEED && !isQuoted) yield [i + 1, true]
    }
  })
}

/** The names of the columns, in the row that is the first. Of several that are called the same, each after the first has its number too. */
export function readColumns(row: string, separator: string): readonly (readonly string[])[] {
  const counts = new Map<string, number>()
  const names = readCsvFields(row, [], separator).filter(({ isName }) => !isName)
  return names.map(({ text }) => {
    const count = counts.get(text) ?? 0
    counts.set(text, count + 1)
    return count === 0 ? [text] : [text, String(count)]
  })
}

/** The cells of a row under the names of their columns, each after its name. */
export function readCsvFields(row: string, columns: readonly (readonly string[])[], separator: string): Field[] {
  const fields: Field[] = []
  const rowEnd = row.replace(/\r?\n$/, '').length
  const endOfPlain = (from: number): number => {
    const end = row.indexOf(separator, from)
    return end < 0 ? rowEnd : end
  }
  for (let at = 0; at < rowEnd; ) {
    const isQuoted = row[at] === '"'
    const start = isQuoted ? at + 1 : at
    const end = isQuoted ? endOfQuoted(row, start) : endOfPlain(start)
    const path = columns[fields.length / 2] ?? [String(fields.length / 2 + 1)]
    const raw = row.slice(start, end)
    const text = isQuoted ? raw.replaceAll('""', '"') : raw
    fields.push({ path, text: path[0] ?? '', start, isVerbatim: false, isName: true })
    fields.push({ path, text, start, isVerbatim: text === raw })
    refuseLarge({ fields: fields.length })
    at = end + 1
    if (isQuoted && at < rowEnd && row[at] === separator) at += 1
  }
  return fields
}

/** What follows a closing mark without a separator is a cell of its own: nothing of a row is left out. */
function endOfQuoted(row: string, from: number): number {
  for (let end = row.indexOf('"', from); end >= 0; end = row.indexOf('"', end + 2)) if (row[end + 1] !== '"') return end
  return row.length
}
