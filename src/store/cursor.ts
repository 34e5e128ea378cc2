import { StintError } from '../errors.ts'

/** The row that a page of a list ended with, newest first. `at` is epoch milliseconds. */
export interface Cursor {
  readonly at: number
  readonly id: string
}

/** How a page says where the next one begins. */
function spellCursor({ at, id }: Cursor): string {
  return `${at}.${id}`
}

/** A page of what was read, one row more than `limit` where there are so many: that one is where the next page begins. */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number,
  make: (row: Row) => Item,
  cursorOf: (row: Row) => Cursor,
): { items: Item[]; next?: string } {
  const last = rows.length > limit ? rows[limit - 1] : undefined
  return { items: rows.slice(0, limit).map(make), ...(last !== undefined && { next: spellCursor(cursorOf(last)) }) }
}

/** Attacker-controlled. Throws `invalid_argument` for what `spellCursor` did not spell. */
export function readCursor(cursor: string): Cursor {
  const [, at, id] = /^([0-9]{1,16})\.([a-z0-9_]{1,64})$/.exec(cursor) ?? []
  if (at !== undefined && id !== undefined) return { at: Number(at), id }
  throw new StintError('invalid_argument', '`cursor` takes the `next` of the page before')
}
