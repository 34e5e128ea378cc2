/** One policy's text and where it starts in its file, in UTF-16 code units. */
export interface Piece {
  readonly text: string
  readonly offset: number
}

/** What may stand before a policy and says nothing: white space and comments. */
const SILENCE = /(?:\s|\/\/[^\n]*(?:\n|$))*/y
/** Up to and including the `;` that ends a policy, over strings and comments that may hold one. */
const POLICY = /(?:"(?:[^"\\]|\\[\s\S])*"|\/\/[^\n]*(?:\n|$)|[^";/]|\/(?!\/))*(?:;|$)/y

/**
 * Cuts Cedar text into its policies. Whatever is not silence lands in exactly one piece, so a wrong cut can only make a
 * piece that Cedar refuses. Lines must end in `\n` alone.
 */
export function splitPolicies(text: string): Piece[] {
  const pieces: Piece[] = []
  let at = match(SILENCE, text, 0, 0)
  while (at < text.length) {
    const end = match(POLICY, text, at, text.length)
    pieces.push({ text: text.slice(at, end), offset: at })
    at = match(SILENCE, text, end, end)
  }
  return pieces
}

function match(pattern: RegExp, text: string, from: number, otherwise: number): number {
  pattern.lastIndex = from
  return pattern.test(text) ? pattern.lastIndex : otherwise
}

/** Line and column, both from 1. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** Makes the function that tells where in the text an offset is. */
export function placesIn(text: string): (offset: number) => Place {
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return (offset) => {
    let [low, high] = [0, starts.length]
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if ((starts[middle] ?? 0) <= offset) low = middle
      else high = middle
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 }
  }
}

/** The UTF-16 offset in `text` of an offset counted in UTF-8 bytes. */
export function fromBytes(text: string, bytes: number): number {
  return Buffer.from(text).subarray(0, bytes).toString().length
}
