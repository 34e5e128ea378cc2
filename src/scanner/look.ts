import * as make from './sample.ts'

/** What a run of a look is made of: its class of RegExp, a sample, and a character that is not of it. */
interface Alphabet {
  readonly class: string
  readonly make: (length: number, seed?: number) => string
  readonly foreign: string
}

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

const ALPHABETS: Readonly<Record<string, Alphabet>> = {
  digits: { class: '[0-9]', make: make.digits, foreign: 'a' },
  hex: { class: '[0-9a-f]', make: make.hex, foreign: 'g' },
  HEX: { class: '[0-9A-F]', make: (length, seed) => make.hex(length, seed).toUpperCase(), foreign: 'G' },
  anyhex: { class: '[0-9A-Fa-f]', make: make.hex, foreign: 'g' },
  lower: { class: '[0-9a-z]', make: make.lower, foreign: '_' },
  upper: { class: '[0-9A-Z]', make: make.upper, foreign: '_' },
  base32: { class: '[2-7A-Z]', make: make.base32, foreign: '1' },
  base58: { class: '[1-9A-HJ-NP-Za-km-z]', make: (length, seed) => make.fake(BASE58, length, seed), foreign: 'O' },
  alnum: { class: '[0-9A-Za-z]', make: make.alnum, foreign: '_' },
  base64: { class: '[0-9A-Za-z+/]', make: make.base64, foreign: '_' },
  url: { class: '[0-9A-Za-z_-]', make: make.base64url, foreign: '.' },
}

/** A part of a look: a text as it stands, or a run of so many characters of an alphabet. */
type Part = string | { readonly of: Alphabet; readonly least: number; readonly most: number }

/**
 * How a secret looks, as a source of RegExp without groups. A look is texts as they stand and runs in angle brackets: `glpat-<url 20>`,
 * `<lower 8-12>.<hex 64>`, `<uuid>`. Throws RangeError for an alphabet that is none.
 */
export function sourceOf(look: string): string {
  return readParts(look)
    .map((part) => {
      if (typeof part === 'string') return part.replace(/[^0-9A-Za-z_:/@=-]/g, '\\$&')
      const { of, least, most } = part
      return `${of.class}{${least === most ? least : `${least},${most}`}}`
    })
    .join('')
}

/** Texts that look so: with runs as short and as long as they may be. */
export function examplesOf(look: string): readonly [short: string, long: string] {
  const parts = readParts(look)
  const long = parts.map((part, at) => (typeof part === 'string' ? part : part.of.make(part.most, at + 50)))
  return [parts.map(makePart).join(''), long.join('')]
}

/** Texts that nearly look so: with a run too short or too long, or a character that is none of its alphabet, or drawn out of `x`. */
export function missesOf(look: string): readonly string[] {
  const parts = readParts(look)
  const misses = parts.flatMap((part, at) => {
    if (typeof part === 'string') return []
    const { of, least, most } = part
    const changed = [of.make(least - 1, at), of.make(most + 1, at), replaceMiddle(of.make(least, at), of.foreign)]
    return changed.map((text) => parts.map((other, i) => (i === at ? text : makePart(other, i))).join(''))
  })
  const drawnOut = parts.map((part) => (typeof part === 'string' ? part : 'x'.repeat(part.least))).join('')
  return [...misses, drawnOut]
}

function readParts(look: string): readonly Part[] {
  const plain = look.replaceAll('<uuid>', '<hex 8>-<hex 4>-<hex 4>-<hex 4>-<hex 12>')
  return plain
    .split(/(<[^>]*>)/)
    .filter(Boolean)
    .map(readPart)
}

function readPart(text: string): Part {
  if (!text.startsWith('<')) return text
  const [, alphabet = '', least = '', most = least] = /^<([A-Za-z0-9]+) ([0-9]+)(?:-([0-9]+))?>$/.exec(text) ?? []
  const of = ALPHABETS[alphabet]
  if (of === undefined) throw new RangeError(`${text} is no run of a known alphabet`)
  return { of, least: Number(least), most: Number(most) }
}

function makePart(part: Part, seed: number): string {
  return typeof part === 'string' ? part : part.of.make(part.least, seed)
}

function replaceMiddle(text: string, by: string): string {
  const middle = Math.floor(text.length / 2)
  return text.slice(0, middle) + by + text.slice(middle + 1)
}
