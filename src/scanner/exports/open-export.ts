import type { Content, Located } from '../content.ts'
import { FormatError } from '../formats/member.ts'
import { createCsvSplitter, readColumns, readCsvFields } from './csv.ts'
import type { Recognized } from './index.ts'
import { type Field, MOST_BYTES, type Piece, refuseLarge } from './item.ts'
import { createJsonSplitter, readJsonFields } from './json.ts'
import { createPosition, type Spot } from './position.ts'
import { divide, type Placed, type Section } from './section.ts'

/**
 * Reads an export record by record, its texts as they were typed: a match says which message or comment it stands in, and the line and column
 * of the text that it is in; its own where nothing in that text is escaped. One record tells a secret once. What cannot be told apart is read as it is.
 */
export function openExport({ shapes, separator }: Recognized, openPlain: () => Content, name: string): Content {
  const splitter = separator === undefined ? createJsonSplitter() : createCsvSplitter()
  const position = createPosition()
  let columns: readonly (readonly string[])[] | undefined
  let number = 0
  let plain: { readonly content: Content; readonly from: Spot } | undefined

  function fieldsOf(text: string): Field[] {
    if (separator === undefined) return readJsonFields(text)
    columns ??= readColumns(text.replace(/^\ufeff/, ''), separator)
    return readCsvFields(text, columns, separator)
  }

  function readPiece({ isItem, bytes }: Piece): Located[] {
    refuseLarge({ bytes: bytes.length })
    const text = bytes.toString('utf8')
    const fields = fieldsOf(text)
    if (isItem && fields.length > 0) number += 1
    const found = divide(fields, shapes, isItem, { name, number }).flatMap((section) => readSection(section, text))
    position.pass(text, bytes.length)
    return found
  }

  function readSection({ where, text, fieldAt }: Section, piece: string): Located[] {
    const known = new Set<string>()
    const matches = openPlain().end(Buffer.from(text))
    if (matches.length === 0) return []
    const said = withoutSecrets(
      where,
      matches.flatMap(({ secret, line }) => [fieldAt(line).field.text, Buffer.from(secret, 'latin1').toString('utf8')]),
    )
    return matches.flatMap((match) => {
      if (known.has(match.secret)) return []
      known.add(match.secret)
      const placed = fieldAt(match.line)
      const spot = position.at(piece, placed.field.start)
      return [{ ...match, ...within(spot, placed, match), ...(said !== '' && { where: said }) }]
    })
  }

  /** Reads what no record was made of as it is, from where the first such piece begins. */
  function readAll(pieces: readonly Piece[], rest: Buffer, isLast: boolean): Located[] {
    const found: Located[] = []
    for (const [at, piece] of pieces.entries()) {
      try {
        found.push(...readPiece(piece))
      } catch (thrown) {
        if (!(thrown instanceof FormatError)) throw thrown
        return [...found, ...giveUp(Buffer.concat([...pieces.slice(at).map(({ bytes }) => bytes), rest]), isLast)]
      }
    }
    return found
  }

  function giveUp(bytes: Buffer, isLast: boolean): Located[] {
    plain = { content: openPlain(), from: position.at('', 0) }
    return readPlain(bytes, isLast)
  }

  function readPlain(bytes: Buffer, isLast: boolean): Located[] {
    if (plain === undefined) return []
    const { content, from } = plain
    return (isLast ? content.end(bytes) : content.feed(bytes)).map((match) => ({
      ...match,
      offset: match.offset + from.offset,
      line: match.line + from.line - 1,
      column: match.line === 1 ? match.column + from.column - 1 : match.column,
    }))
  }

  function split(part: Buffer, isLast: boolean): Located[] {
    const pieces = splitter.feed(part)
    if (isLast) return readAll([...pieces, ...splitter.end()], Buffer.alloc(0), true)
    const found = readAll(pieces, splitter.held(), false)
    return plain === undefined && splitter.held().length > MOST_BYTES ? [...found, ...giveUp(splitter.held(), false)] : found
  }

  return {
    feed: (part) => (plain === undefined ? split(part, false) : readPlain(part, false)),
    end: (part) => (plain === undefined ? split(part, true) : readPlain(part, true)),
  }
}

const MOST_WHERE = 200

/** A place for people without the fields that hold a secret, and without the secrets: a name may be one. */
function withoutSecrets(where: string, texts: readonly string[]): string {
  return texts.reduce((left, one) => (one === '' ? left : left.replaceAll(one, '…')), where).slice(0, MOST_WHERE)
}

/** Where a match of a section is in the file, its field being at `spot` there: there as well, where it is in the name or the text is escaped. */
function within(spot: Spot, { field, ...placed }: Placed, { line, column }: Located): Spot {
  const below = line - placed.line
  if (!field.isVerbatim || (below === 0 && column < placed.column)) return spot
  return { ...spot, line: spot.line + below, column: below === 0 ? spot.column + column - placed.column : column }
}
