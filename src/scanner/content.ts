import type { Detect, Match } from './detector.ts'

/** A match, and where in its content it is. */
export interface Located extends Match {
  /** Of the secret's first byte, in the whole content. */
  readonly offset: number
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 code units; in bytes where the line began in an earlier part. */
  readonly column: number
  /** `!` and the name of the member that it stands in, as archives are nested. */
  readonly member?: string
  /** Which message, issue or comment of an export it stands in, for people. Attacker-controlled. */
  readonly where?: string
}

/** Reads one content, whole or in parts of any size; every match once, wherever the parts are cut. */
export interface Content {
  /** A part that is followed by others. It is not kept. */
  feed(part: Buffer): Located[]
  /** The last part, or all of it. */
  end(part: Buffer): Located[]
}

/** On the line of a secret it says that this one is known and meant. */
const ALLOWED = /\b(?:gitleaks|stint):allow\b/
/** Of a line, this much around a secret is looked at for `gitleaks:allow`. */
const LINE_BYTES = 4096

/** Reads contents with `detect`, whose matches and their surroundings take `reach` bytes at most. */
export function openContent(detect: Detect, reach: number): Content {
  let held: Buffer = Buffer.alloc(0)
  /** Of `held`, in the whole content: where it begins, which line that is, and where that line begins. */
  let at = { offset: 0, line: 1, lineStart: 0 }
  /** Matches that begin before are reported. */
  let reportedTo = 0

  function read(part: Buffer, isLast: boolean): Located[] {
    const bytes = held.length === 0 ? part : Buffer.concat([held, part])
    const sure = isLast ? bytes.length : Math.max(0, bytes.length - reach)
    const found = detect(bytes, 0, bytes.length).filter(({ start }) => start < sure && at.offset + start >= reportedTo)
    const located = locate(found, bytes, at).filter(({ start, end }) => !isAllowed(bytes, start, end))
    reportedTo = at.offset + sure
    if (isLast) return located
    const from = Math.max(0, sure - reach)
    at = advance(at, bytes, from)
    held = Buffer.from(bytes.subarray(from))
    return located
  }

  return { feed: (part) => read(part, false), end: (part) => read(part, true) }
}

interface Position {
  readonly offset: number
  readonly line: number
  readonly lineStart: number
}

/** The position `by` bytes after the start of `bytes`, which begin at `from`. */
function advance(from: Position, bytes: Buffer, by: number): Position {
  let { line, lineStart } = from
  for (let i = bytes.indexOf(10); i >= 0 && i < by; i = bytes.indexOf(10, i + 1)) {
    line += 1
    lineStart = from.offset + i + 1
  }
  return { offset: from.offset + by, line, lineStart }
}

function locate(found: readonly Match[], bytes: Buffer, start: Position): Located[] {
  let position = start
  return found.map((match) => {
    position = advance(position, bytes.subarray(position.offset - start.offset), match.start - (position.offset - start.offset))
    const { offset, line, lineStart } = position
    const inside = lineStart - start.offset
    const before = inside < 0 ? offset - lineStart : bytes.toString('utf8', inside, match.start).length
    return { ...match, offset, line, column: before + 1 }
  })
}

function isAllowed(bytes: Buffer, start: number, end: number): boolean {
  const from = Math.max(bytes.lastIndexOf(10, start) + 1, start - LINE_BYTES)
  const newline = bytes.indexOf(10, end)
  const to = Math.min(newline < 0 ? bytes.length : newline, end + LINE_BYTES)
  return ALLOWED.test(bytes.toString('latin1', from, start)) || ALLOWED.test(bytes.toString('latin1', end, to))
}
