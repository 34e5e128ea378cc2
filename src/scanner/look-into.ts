import { type Content, type Located, openContent } from './content.ts'
import type { Detect } from './detector.ts'
import { recognize } from './exports/index.ts'
import { openExport } from './exports/open-export.ts'
import { formatOf } from './formats/index.ts'
import { createRoom, FormatError, MOST_LAYERS, type Room } from './formats/member.ts'
import { createDecoder, utf16Of } from './formats/utf16.ts'

/** Hears what of a content was not looked into: `!` and the names of members as they are nested, nothing for the content itself. */
export type Skip = (member: string, why: string) => void

/** An archive has to be in memory to be opened. */
const ARCHIVE_BYTES = 32 << 20

/** True for a content in which more is to be found than in its bytes as they are. */
export function isPacked(content: Buffer): boolean {
  return formatOf(content) !== undefined || utf16Of(content) !== undefined || recognize(content) !== undefined
}

/** Opens contents, of a name where they have one, for what is in them too: members of archives, what is compressed, text in UTF-16, records of exports. */
export function createOpener(detect: Detect, reach: number): (skip: Skip, name?: string) => Content {
  const openPlain = (): Content => openContent(detect, reach)

  function openText(first: Buffer, name: string): Content {
    const order = utf16Of(first)
    if (order !== undefined) return openUtf16(openPlain(), openPlain(), createDecoder(order))
    const recognized = recognize(first)
    return recognized === undefined ? openPlain() : openExport(recognized, openPlain, name)
  }

  function lookInto(bytes: Buffer, member: string, { room, layers, skip, name }: Depth): Located[] {
    const format = formatOf(bytes)
    if (format === undefined) return named(openText(bytes, member || name).end(bytes), member)
    const found: Located[] = []
    try {
      if (format.open === undefined) throw new FormatError(format.why)
      if (layers === MOST_LAYERS) throw new FormatError('it is packed too deep')
      for (const one of format.open(bytes, room)) {
        const inner = one.name === '' ? member : `${member}!${one.name}`
        if ('why' in one) skip(inner, one.why)
        else found.push(...lookInto(one.bytes, inner, { room, layers: layers + 1, skip, name }))
      }
    } catch (thrown) {
      if (!(thrown instanceof FormatError)) throw thrown
      skip(member, thrown.message)
      if (found.length === 0) return named(openPlain().end(bytes), member)
    }
    return found
  }

  /** Keeps the parts of an archive until it is whole; of one that is too large its bytes are read as they are. */
  function openArchive(skip: Skip, name: string): Content {
    let parts: Buffer[] = []
    let size = 0
    let plain: Content | undefined
    const keep = (part: Buffer): Located[] => {
      if (plain !== undefined) return plain.feed(part)
      parts.push(Buffer.from(part))
      size += part.length
      if (size <= ARCHIVE_BYTES) return []
      skip('', `it is an archive of more than ${ARCHIVE_BYTES >> 20} MB`)
      const opened = openPlain()
      plain = opened
      return parts.splice(0).flatMap((one) => opened.feed(one))
    }
    return {
      feed: keep,
      end(part) {
        if (plain !== undefined) return plain.end(part)
        const whole = parts.length === 0 ? part : Buffer.concat([...parts, part])
        parts = []
        return lookInto(whole, '', { room: createRoom(), layers: 0, skip, name })
      },
    }
  }

  return (skip, name = '') => {
    let way: Content | undefined
    const choose = (first: Buffer): Content => {
      way ??= formatOf(first) === undefined ? openText(first, name) : openArchive(skip, name)
      return way
    }
    return { feed: (part) => choose(part).feed(part), end: (part) => choose(part).end(part) }
  }
}

/** How deep in an archive one is, and what may still be unpacked of it. */
interface Depth {
  readonly room: Room
  readonly layers: number
  /** Of the content itself. */
  readonly name: string
  readonly skip: Skip
}

/** Reads the bytes as they are too: what begins like UTF-16 need not go on so. */
function openUtf16(plain: Content, decoded: Content, decode: (part: Buffer) => Buffer): Content {
  return {
    feed: (part) => [...plain.feed(part), ...decoded.feed(decode(part))],
    end: (part) => [...plain.end(part), ...decoded.end(decode(part))],
  }
}

function named(found: readonly Located[], member: string): Located[] {
  return member === '' ? [...found] : found.map((one) => ({ ...one, member }))
}
