import { StintError } from '../errors.ts'
import type { Page, PageRequest } from './verbs.ts'

/** One page of a list that is whole in memory, ordered by `keyOf`. A cursor that is not ours is `invalid_argument`. */
export function pageOver<T>(all: readonly T[], keyOf: (item: T) => string, { limit, cursor }: PageRequest): Page<T> {
  const after = cursor === undefined ? undefined : decode(cursor)
  const ordered = all.map((item) => ({ key: keyOf(item), item })).sort((a, b) => compare(a.key, b.key))
  const rest = after === undefined ? ordered : ordered.filter((one) => compare(one.key, after) > 0)
  const page = rest.slice(0, limit)
  const last = page.at(-1)
  const items = page.map((one) => one.item)
  return last !== undefined && rest.length > limit ? { items, next: encode(last.key) } : { items }
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

const encode = (key: string): string => Buffer.from(`after:${key}`).toString('base64url')

function decode(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString()
  if (text.startsWith('after:')) return text.slice('after:'.length)
  throw new StintError('invalid_argument', '`cursor` takes the `next` of the page before')
}
