import { type EntryOf, LIMITS } from './entry.ts'

/** A text cut to `max` code units. */
export function cut(value: string, max: number): string {
  return value.length <= max ? value : `${value.slice(0, max - 1)}…`
}

/** `cut` for what may be absent. */
export function cutOrNull(value: string | undefined, max: number): string | null {
  return value === undefined ? null : cut(value, max)
}

/** A list cut to `items` texts of `max` code units; when texts were dropped the last says how many. */
export function cutList(values: readonly string[], items: number, max: number): readonly string[] {
  if (values.length <= items && values.every((value) => value.length <= max)) return values
  const kept = values.slice(0, values.length > items ? items - 1 : items).map((value) => cut(value, max))
  return values.length > items ? [...kept, `… and ${values.length - kept.length} more`] : kept
}

/** A number as an entry holds it: whole, not negative, safe. */
export function whole(value: number): number {
  return Number.isFinite(value) ? Math.min(Math.max(0, Math.round(value)), 999_999_999_999_999) : 0
}

/** RFC 3339 in UTC with milliseconds. */
export function timestamp(epochMs: number): string {
  const ms = ((epochMs % 1000) + 1000) % 1000
  if (epochMs - ms !== second) {
    secondText = new Date(epochMs - ms).toISOString().slice(0, -4)
    second = epochMs - ms
  }
  return `${secondText}${ms < 10 ? '00' : ms < 100 ? '0' : ''}${ms}Z`
}
/** Spelling a date takes long, and most entries are of the same second. */
let second = Number.NaN
let secondText = ''

/** A `system` entry as canonical text. */
export function systemEntry(epochMs: number, code: string, detail: string): string {
  const entry: EntryOf<'system'> = {
    v: 1,
    kind: 'system',
    at: timestamp(epochMs),
    code: cut(code, LIMITS.id),
    detail: cut(detail, LIMITS.detail),
  }
  return JSON.stringify(entry)
}
