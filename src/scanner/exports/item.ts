import { FormatError } from '../formats/member.ts'

/** A text in an item of an export: a string of JSON, a cell of a table. Attacker-controlled. */
export interface Field {
  /** The names that lead to it, of lists the number: `comments`, `0`, `body`. */
  readonly path: readonly string[]
  /** Without the escapes of its file. */
  readonly text: string
  /** Where it begins in its item, in UTF-16 code units. */
  readonly start: number
  /** It stands in the file as it is: what is in it has its own place there. */
  readonly isVerbatim: boolean
  /** It is the name of the field after it. */
  readonly isName?: true
}

/** A larger item is not told apart from what is around it. */
export const MOST_BYTES = 4 << 20
const MOST_FIELDS = 100_000
const MOST_DEPTH = 64

/** Throws FormatError for an item that would take too much memory. */
export function refuseLarge({ bytes = 0, fields = 0, depth = 0 }): void {
  if (bytes > MOST_BYTES || fields > MOST_FIELDS || depth > MOST_DEPTH) throw new FormatError('an item of it is too large')
}

/** Bytes of an export: an item, or what is between items and belongs to none. */
export interface Piece {
  readonly isItem: boolean
  readonly bytes: Buffer
}

/** Cuts an export into its pieces, in order and with nothing left out. */
export interface Splitter {
  /** Adds a part; gives the pieces that are whole. */
  feed(part: Buffer): Piece[]
  /** What came last. */
  end(): Piece[]
  /** What was fed and is in no piece yet. */
  held(): Buffer
}

/** A splitter that keeps what `cut` does not take: `cut` finds ends of pieces from `from` on, and says so as `[end, isItem]`. */
export function createSplitter(
  cut: (bytes: Buffer, from: number) => Iterable<readonly [end: number, isItem: boolean]>,
): Splitter {
  let held: Buffer = Buffer.alloc(0)
  return {
    feed(part) {
      const seen = held.length
      held = seen === 0 ? Buffer.from(part) : Buffer.concat([held, part])
      const pieces: Piece[] = []
      let start = 0
      for (const [end, isItem] of cut(held, seen)) {
        if (end > start) pieces.push({ isItem, bytes: held.subarray(start, end) })
        start = end
      }
      held = held.subarray(start)
      return pieces
    },
    end() {
      const last = held
      held = Buffer.alloc(0)
      return last.length === 0 ? [] : [{ isItem: true, bytes: last }]
    },
    held: () => held,
  }
}
