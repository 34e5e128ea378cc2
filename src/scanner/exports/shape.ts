import type { Field } from './item.ts'

/** One kind of export, known by what its records hold and not by its name. */
export interface Shape {
  /** All of them are in the beginning of such an export: names of JSON's members. */
  readonly members?: readonly RegExp[]
  /** All of them are columns of such a table, in lower case. */
  readonly columns?: readonly string[]
  /** A text as it was typed. */
  unescape(text: string): string
  /** Where a record is, for people; undefined where it is none of this shape. */
  where(get: Get, place: RecordPlace): string | undefined
}

/** The text of a field by the names that lead to it, `user.login`, of those the first that there is; undefined where none is. */
export type Get = (...paths: readonly string[]) => string | undefined

export interface RecordPlace {
  /** Of the file, as far as it is known; attacker-controlled. */
  readonly name: string
  /** Which record of the file it is, from 1. */
  readonly number: number
}

/** A name of JSON's members as it stands in a file. */
export function member(...names: readonly string[]): RegExp {
  return new RegExp(`"(?:${names.join('|')})"\\s*:`)
}

/** Looks fields up. Of two with one path the first counts. */
export function lookUp(fields: readonly Field[]): Get {
  const texts = new Map<string, string>()
  for (const { path, text, isName } of fields) {
    const key = path.join('.')
    if (!isName && text !== '' && text !== 'null' && !texts.has(key)) texts.set(key, text)
  }
  return (...paths) => {
    for (const path of paths) {
      const text = texts.get(path)
      if (text !== undefined) return text
    }
    return undefined
  }
}

/** Parts of a place for people, without those that are missing. */
export function joined(...parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '').join(', ')
}
