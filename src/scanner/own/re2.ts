import { foldCase, invert, PERL, POSIX, type Ranges, spellByte, spellClass } from './byte-class.ts'

/** Why a pattern is not taken. */
export class PatternError extends Error {}

const MOST_CHARACTERS = 10_000
const MOST_DEPTH = 200
/** What repeats may come to together, as in Go. */
const MOST_REPEATS = 1000

interface Flags {
  readonly i: boolean
  readonly m: boolean
  readonly s: boolean
  readonly U: boolean
}

/** A source of RegExp, and what its repeats come to. */
interface Part {
  readonly source: string
  readonly repeats: number
}

const START = '(?:(?<![^]))'
const END = '(?:(?![^]))'
/** The letters that are no text after a backslash, one character each. */
const CONTROLS: Readonly<Record<string, number>> = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 }

/**
 * A pattern of RE2 (its syntax page, as Go has it) as a RegExp without flags that means the same over text in which each byte is a
 * character: of what is not ASCII a dot and a class match one byte. Throws PatternError for what RE2 has not, and for the classes of Unicode.
 */
export function translateRe2(pattern: string): RegExp {
  if (pattern.length > MOST_CHARACTERS) throw new PatternError(`it is longer than ${MOST_CHARACTERS} characters`)
  const reader = createReader(pattern)
  const { source } = readAlternatives(reader, { i: false, m: false, s: false, U: false }, 0)
  if (!reader.isDone()) throw new PatternError('a parenthesis is closed that was not opened')
  try {
    return new RegExp(source)
  } catch {
    throw new PatternError('it is too large')
  }
}

type Reader = ReturnType<typeof createReader>

function createReader(pattern: string) {
  let at = 0
  return {
    isDone: () => at >= pattern.length,
    peek: () => pattern[at] ?? '',
    /** Passes over what matches here. */
    take(sticky: RegExp): RegExpExecArray | undefined {
      sticky.lastIndex = at
      const match = sticky.exec(pattern) ?? undefined
      if (match !== undefined) at = sticky.lastIndex
      return match
    },
    takeCharacter(): string {
      const character = String.fromCodePoint(pattern.codePointAt(at) ?? 0)
      at += character.length
      return character
    },
  }
}

/** Up to the end, or the parenthesis that closes the group. Flags that are set within hold to there. */
function readAlternatives(reader: Reader, outer: Flags, depth: number): Part {
  if (depth > MOST_DEPTH) throw new PatternError(`its groups are nested more than ${MOST_DEPTH} deep`)
  let flags = outer
  let source = ''
  let repeats = 1
  while (!reader.isDone() && reader.peek() !== ')') {
    const set = reader.take(/\(\?([imsU]*)(-[imsU]+)?\)/y)
    if (set !== undefined) flags = changeFlags(flags, set[1], set[2])
    else if (reader.take(/\|/y)) source += '|'
    else {
      const part = readRepeated(reader, readOne(reader, flags, depth), flags)
      source += part.source
      repeats = Math.max(repeats, part.repeats)
    }
  }
  return { source, repeats }
}

function changeFlags(flags: Flags, on = '', off = ''): Flags {
  const is = (name: keyof Flags): boolean => (flags[name] || on.includes(name)) && !off.includes(name)
  return { i: is('i'), m: is('m'), s: is('s'), U: is('U') }
}

function readRepeated(reader: Reader, one: Part, flags: Flags): Part {
  const sign = reader.take(/[*+?]|\{(\d+)(?:(,)(\d*))?\}/y)
  if (sign === undefined) return one
  const isLazy = (reader.take(/\?/y) !== undefined) !== flags.U
  if (reader.take(/[*+?]|\{\d+(?:,\d*)?\}/y)) throw new PatternError('a repeat is repeated')
  const [text, least = '', comma, most = least] = sign
  const bound = Math.max(Number(least), Number(most))
  if (comma !== undefined && most !== '' && Number(most) < Number(least))
    throw new PatternError(`${text} has its bounds the wrong way round`)
  const repeats = one.repeats * Math.max(1, bound)
  if (repeats > MOST_REPEATS) throw new PatternError(`its repeats come to more than ${MOST_REPEATS}`)
  return { source: `${one.source}${text}${isLazy ? '?' : ''}`, repeats }
}

/** One character, class, group or place. */
function readOne(reader: Reader, flags: Flags, depth: number): Part {
  const single = (source: string): Part => ({ source, repeats: 1 })
  if (reader.take(/[*+?]|\{\d+(?:,\d*)?\}/y)) throw new PatternError('a repeat has nothing before it')
  if (reader.take(/\(/y)) return readGroup(reader, flags, depth)
  if (reader.take(/\[/y)) return single(readClass(reader, flags))
  if (reader.take(/\./y)) return single(flags.s ? '[^]' : '[^\\n]')
  if (reader.take(/\^/y)) return single(flags.m ? '(?:(?<![^\\n]))' : START)
  if (reader.take(/\$/y)) return single(flags.m ? '(?:(?![^\\n]))' : END)
  const quoted = reader.take(/\\Q([\s\S]*?)(?:\\E|$)/y)
  if (quoted !== undefined) return single(spellQuoted(quoted[1] ?? '', flags))
  const place = reader.take(/\\([AzbB])/y)?.[1]
  if (place !== undefined) return single({ A: START, z: END, b: '(?:\\b)', B: '(?:\\B)' }[place] ?? '')
  const perl = readPerl(reader)
  if (perl !== undefined) return single(spellClass(perl))
  return single(spellLiteral(readCode(reader), flags))
}

function readGroup(reader: Reader, outer: Flags, depth: number): Part {
  let flags = outer
  let opening = '('
  const head = reader.take(/\?(?:P?<(\w+)>|([imsU]*)(-[imsU]+)?:)/y)
  if (head === undefined && reader.peek() === '?') throw new PatternError('a group begins as none of RE2 does')
  if (head !== undefined && head[1] === undefined) {
    flags = changeFlags(outer, head[2], head[3])
    opening = '(?:'
  }
  const inner = readAlternatives(reader, flags, depth + 1)
  if (!reader.take(/\)/y)) throw new PatternError('a parenthesis is not closed')
  return { source: `${opening}${inner.source})`, repeats: inner.repeats }
}

function readClass(reader: Reader, { i }: Flags): string {
  const isNegated = reader.take(/\^/y) !== undefined
  const ranges: (readonly [number, number])[] = []
  for (let isFirst = true; isFirst || reader.peek() !== ']'; isFirst = false) {
    if (reader.isDone()) throw new PatternError('a class is not closed')
    ranges.push(...(readNamedClass(reader, i) ?? readPerl(reader) ?? [readRange(reader)]))
  }
  reader.takeCharacter()
  const all = i ? foldCase(ranges) : ranges
  return spellClass(isNegated ? invert(all) : all)
}

function readNamedClass(reader: Reader, i: boolean): Ranges | undefined {
  const named = reader.take(/\[:(\^?)(\w+):\]/y)
  if (named === undefined) return undefined
  const ranges = Object.hasOwn(POSIX, named[2] ?? '') ? POSIX[named[2] ?? ''] : undefined
  if (ranges === undefined) throw new PatternError('it has a class in brackets and colons that RE2 has not')
  const all = i ? foldCase(ranges) : ranges
  return named[1] === '^' ? invert(all) : all
}

function readPerl(reader: Reader): Ranges | undefined {
  const letter = reader.take(/\\([dswDSW])/y)?.[1]
  const ranges = PERL[letter?.toLowerCase() ?? '']
  return ranges !== undefined && letter !== letter?.toLowerCase() ? invert(ranges) : ranges
}

function readRange(reader: Reader): readonly [number, number] {
  const from = readCode(reader)
  const to = reader.take(/-(?!\])/y) ? readCode(reader) : from
  if (to < from) throw new PatternError('a range of a class has its ends the wrong way round')
  if (to > 127) throw new PatternError('a class has characters in it that are not ASCII')
  return [from, to]
}

/** A character as it stands or escaped, as its code point. */
function readCode(reader: Reader): number {
  if (!reader.take(/\\/y)) return codeOf(reader.takeCharacter())
  const hex = reader.take(/x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})/y)
  if (hex !== undefined) return codePoint(Number.parseInt(hex[1] ?? hex[2] ?? '', 16))
  const octal = reader.take(/0[0-7]{0,2}|[1-7][0-7]{1,2}/y)
  if (octal !== undefined) return Number.parseInt(octal[0], 8)
  const control = reader.take(/[aftnrv]/y)
  if (control !== undefined) return CONTROLS[control[0]] ?? 0
  if (reader.take(/[pP]/y)) throw new PatternError('it has a class of Unicode in it')
  if (reader.isDone()) throw new PatternError('it ends in a backslash')
  const character = reader.takeCharacter()
  if (/[0-9A-Za-z]|[^\0-\x7f]/.test(character)) throw new PatternError(`\\${character} means nothing in RE2`)
  return codeOf(character)
}

function codePoint(code: number): number {
  if (code > 0x10ffff) throw new PatternError('a character is beyond Unicode')
  return code
}

function codeOf(character: string): number {
  return character.codePointAt(0) ?? 0
}

/** A character as the bytes of its UTF-8. */
function spellLiteral(code: number, { i }: Flags): string {
  if (code < 128) return i ? spellFolded(code) : spellByte(code)
  if (i) throw new PatternError('it ignores the case of a character that is not ASCII')
  return `(?:${[...Buffer.from(String.fromCodePoint(code))].map(spellByte).join('')})`
}

/** What stands between `\Q` and `\E`. A repeat after it is of its last character. */
function spellQuoted(text: string, flags: Flags): string {
  return text === '' ? '(?:)' : Array.from(text, (one) => spellLiteral(codeOf(one), flags)).join('')
}

function spellFolded(code: number): string {
  const folded = foldCase([[code, code]])
  return folded.length === 1 ? spellByte(code) : spellClass(folded)
}
