/** A place in a content. */
export interface Spot {
  /** In bytes. */
  readonly offset: number
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 code units. */
  readonly column: number
}

/** Follows a content that is read in pieces of text. */
export function createPosition() {
  let from: Spot = { offset: 0, line: 1, column: 1 }
  let known: { readonly text: string; readonly lines: readonly number[] } = { text: '', lines: [0] }
  const at = (text: string, index: number): Spot => {
    if (known.text !== text) known = { text, lines: linesOf(text) }
    const below = lastBefore(known.lines, index)
    const column = index - (known.lines[below] ?? 0)
    return { offset: from.offset, line: from.line + below, column: below === 0 ? from.column + column : column + 1 }
  }
  return {
    /** Where the character at `index` of the piece that comes next is; its offset is that of the piece. */
    at,
    /** This piece is behind. */
    pass(text: string, bytes: number): void {
      from = { ...at(text, text.length), offset: from.offset + bytes }
    },
  }
}

/** Where the lines of a text begin. */
function linesOf(text: string): number[] {
  const lines = [0]
  for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) lines.push(i + 1)
  return lines
}

/** The number of the last of ascending `starts` that is not above `value`, the first being 0. */
export function lastBefore(starts: readonly number[], value: number): number {
  let [low, high] = [0, starts.length - 1]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((starts[middle] ?? 0) <= value) low = middle
    else high = middle - 1
  }
  return low
}
