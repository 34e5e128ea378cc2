import type { Field } from './item.ts'
import { lastBefore } from './position.ts'
import { type Get, joined, lookUp, type RecordPlace, type Shape } from './shape.ts'

/** What one person wrote at once: a message, an issue without its comments, a comment. */
export interface Section {
  /** For people, as the record has it; nothing where it is not known. Attacker-controlled. */
  readonly where: string
  /** Its fields under their names, as they were typed. */
  readonly text: string
  /** The field that a line of the text is of. */
  fieldAt(line: number): Placed
}

/** A field, and where in the text of its section it begins, both from 1. */
export interface Placed {
  readonly field: Field
  readonly line: number
  readonly column: number
}

const COMMENTS = /^(?:comments?|notes)$/i

/** The sections of a record of one of these shapes; all of it is in one of them. */
export function divide(fields: readonly Field[], shapes: readonly Shape[], isRecord: boolean, place: RecordPlace): Section[] {
  const get = lookUp(fields)
  const shape = shapes.find((one) => isRecord && one.where(get, place) !== undefined)
  const where = shape?.where(get, place) ?? ''
  const toTyped = (shape ?? shapes[0])?.unescape ?? String
  const parts = Map.groupBy(fields, ({ path }) => commentOf(path) ?? '')
  return [...parts].map(([comment, ones]) => {
    const spelled = comment === '' ? where : joined(...where.split(', ', 1), numberOf(comment), authorOf(get, comment))
    return sectionOf(spelled, ones, toTyped)
  })
}

/** The path of the comment that a field is of: `fields.comment.comments.0`, of a table `Comment.1`. */
function commentOf(path: readonly string[]): string | undefined {
  const at = path.findIndex((name) => COMMENTS.test(name))
  if (at < 0) return undefined
  const end = path.findIndex((name, i) => i > at && /^\d+$/.test(name))
  if (end > 0) return path.slice(0, end + 1).join('.')
  return path.length === 1 && path[0] === 'Comment' ? 'Comment' : undefined
}

function numberOf(comment: string): string {
  const last = comment.split('.').at(-1) ?? ''
  return `comment ${/^\d+$/.test(last) ? Number(last) + 1 : 1}`
}

/** Jira's tables have `date;author;text` in a cell. */
function authorOf(get: Get, comment: string): string | undefined {
  const names = [
    'author.displayName',
    'author.login',
    'author.username',
    'author.name',
    'user.displayName',
    'user.name',
    'user.login',
    'author',
  ]
  return get(...names.map((name) => `${comment}.${name}`)) ?? /^[^;\n]{6,40};([^;\n]{1,80});/.exec(get(comment) ?? '')?.[1]
}

function sectionOf(where: string, fields: readonly Field[], toTyped: (text: string) => string): Section {
  const placed: Placed[] = []
  const starts: number[] = []
  const pieces: string[] = []
  let [length, line, lineStart] = [0, 1, 0]
  for (const field of fields) {
    const typed = toTyped(field.text)
    const column = length - lineStart + 2 // behind the quotation mark
    placed.push({ field: { ...field, isVerbatim: field.isVerbatim && typed === field.text }, line, column })
    starts.push(line)
    const piece = field.isName ? `"${typed}": ` : `"${typed}"\n`
    for (let at = piece.indexOf('\n'); at >= 0; at = piece.indexOf('\n', at + 1)) {
      line += 1
      lineStart = length + at + 1
    }
    length += piece.length
    pieces.push(piece)
  }
  const text = pieces.join('')
  return { where, text, fieldAt: (of) => placed[lastBefore(starts, of)] ?? { field: NOTHING, line: 1, column: 1 } }
}

const NOTHING: Field = { path: [], text: '', start: 0, isVerbatim: false }
