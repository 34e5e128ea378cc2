/** Ranges of bytes, from and to, in no order. */
export type Ranges = readonly (readonly [from: number, to: number])[]

const DIGIT: Ranges = [[48, 57]]
const UPPER: Ranges = [[65, 90]]
const LOWER: Ranges = [[97, 122]]
const ALPHA: Ranges = [...UPPER, ...LOWER]
const WORD: Ranges = [...DIGIT, ...ALPHA, [95, 95]]
/** Without the vertical tab, which Perl's has and RE2's has not. */
const SPACE: Ranges = [
  [9, 10],
  [12, 13],
  [32, 32],
]

/** What `\d`, `\s` and `\w` are in RE2 (its syntax page, "Perl character classes"): ASCII. */
export const PERL: Readonly<Record<string, Ranges>> = { d: DIGIT, s: SPACE, w: WORD }

/** What `[[:alpha:]]` and the others are ("ASCII character classes"). */
export const POSIX: Readonly<Record<string, Ranges>> = {
  alnum: [...DIGIT, ...ALPHA],
  alpha: ALPHA,
  ascii: [[0, 127]],
  blank: [
    [9, 9],
    [32, 32],
  ],
  cntrl: [
    [0, 31],
    [127, 127],
  ],
  digit: DIGIT,
  graph: [[33, 126]],
  lower: LOWER,
  print: [[32, 126]],
  punct: [
    [33, 47],
    [58, 64],
    [91, 96],
    [123, 126],
  ],
  space: [
    [9, 13],
    [32, 32],
  ],
  upper: UPPER,
  word: WORD,
  xdigit: [...DIGIT, [65, 70], [97, 102]],
}

/** All other bytes. */
export function invert(ranges: Ranges): Ranges {
  const rest: [number, number][] = []
  let next = 0
  for (const [from, to] of ranges.toSorted(([one], [other]) => one - other)) {
    if (from > next) rest.push([next, from - 1])
    next = Math.max(next, to + 1)
  }
  return next > 255 ? rest : [...rest, [next, 255]]
}

/** With both cases of every ASCII letter that they have. */
export function foldCase(ranges: Ranges): Ranges {
  return ranges.flatMap(([from, to]) => [[from, to] as const, ...moved(from, to, 65, 90, 32), ...moved(from, to, 97, 122, -32)])
}

function moved(from: number, to: number, first: number, last: number, by: number): Ranges {
  const [low, high] = [Math.max(from, first), Math.min(to, last)]
  return low > high ? [] : [[low + by, high + by]]
}

/** As a class of RegExp, over text in which each byte is a character. Of no byte at all, one that never matches. */
export function spellClass(ranges: Ranges): string {
  return `[${ranges.map(([from, to]) => (from === to ? spellByte(from) : `${spellByte(from)}-${spellByte(to)}`)).join('')}]`
}

/** One byte as a source of RegExp. */
export function spellByte(byte: number): string {
  const letter = String.fromCharCode(byte)
  return /[0-9A-Za-z_]/.test(letter) ? letter : `\\x${byte.toString(16).padStart(2, '0')}`
}
