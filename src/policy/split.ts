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

/** Line and column, both from 1, of an offset. */
export function placeOf(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset).split('\n')
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
}

/** The UTF-16 offset in `text` of an offset counted in UTF-8 bytes. */
export function fromBytes(text: string, bytes: number): number {
  return Buffer.from(text).subarray(0, bytes).toString().length
}
