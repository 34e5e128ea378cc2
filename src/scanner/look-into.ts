import { type Content, type Located, openContent } from './content.ts'
import type { Detect } from './detector.ts'
import { formatOf } from './formats/index.ts'
import { createRoom, FormatError, MOST_LAYERS, type Room } from './formats/member.ts'
import { createDecoder, utf16Of } from './formats/utf16.ts'

/** Hears what of a content was not looked into: `!` and the names of members as they are nested, nothing for the content itself. */
export type Skip = (member: string, why: string) => void

/** An archive has to be in memory to be opened. */
const ARCHIVE_BYTES = 32 << 20

/** Opens contents for what is in them too: members of archives, what is compressed, text in UTF-16. */
export function createOpener(detect: Detect, reach: number): (skip: Skip) => Content {
  const openPlain = (): Content => openContent(detect, reach)

  function openText(first: Buffer): Content {
    const order = utf16Of(first)
    return order === undefined ? openPlain() : openUtf16(openPlain(), openPlain(), createDecoder(order))
  }

  function lookInto(bytes: Buffer, member: string, { room, layers, skip }: Depth): Located[] {
    const format = formatOf(bytes)
    if (format === undefined) return named(openText(bytes).end(bytes), member)
    const found: Located[] = []
    try {
      if (format.open === undefined) throw new FormatError(format.why)
      if (layers === MOST_LAYERS) throw new FormatError('it is packed too deep')
      for (const one of format.open(bytes, room)) {
        const inner = one.name === '' ? member : `${member}!${one.name}`
        if ('why' in one) skip(inner, one.why)
        else found.push(...lookInto(one.bytes, inner, { room, layers: layers + 1, skip }))
      }
    } catch (thrown) {
      if (!(thrown instanceof FormatError)) throw thrown
      skip(member, thrown.message)
      if (found.length === 0) return named(openPlain().end(bytes), member)
    }
    return found
  }

  /** Keeps the parts of an archive until it is whole; of one that is too large its bytes are read as they are. */
  function openArchive(skip: Skip): Content {
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
        return lookInto(whole, '', { room: createRoom(), layers: 0, skip })
      },
    }
  }

  return (skip) => {
    let way: Content | undefined
    const choose = (first: Buffer): Content => {
      way ??= formatOf(first) === undefined ? openText(first) : openArchive(skip)
      return way
    }
    return { feed: (part) => choose(part).feed(part), end: (part) => choose(part).end(part) }
  }
}

/** How deep in an archive one is, and what may still be unpacked of it. */
interface Depth {
  readonly room: Room
  readonly layers: number
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
