import type { Json, Name, RecipeRequest } from './recipe.ts'

/** Values by the name that a template calls them. */
export type Values = Readonly<Partial<Record<Name, string>>>

const HOLE = /\{\{(.*?)\}\}/g

/** The names between `{{` and `}}`; `?` for braces that are left over. */
export function namesIn(text: string): readonly string[] {
  const names = [...text.matchAll(HOLE)].map(([, name = '']) => name)
  return /\{\{|\}\}/.test(text.replaceAll(HOLE, '')) ? [...names, '?'] : names
}

/** The text with every name replaced by its value, as `spell` writes it. A value is put in once and never read as a template. */
export function fill(text: string, values: Values, spell: (value: string) => string): string {
  return text.replaceAll(HOLE, (_, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name as Name] : undefined
    if (value === undefined) throw new TypeError(`a template has no value for ${name}`)
    return spell(value)
  })
}

/** JSON with its strings filled: a value becomes part of one string, whatever it holds. */
export function fillJson(json: Json, values: Values): Json {
  if (typeof json === 'string') return fill(json, values, (value) => value)
  if (Array.isArray(json)) return json.map((one) => fillJson(one, values))
  if (typeof json !== 'object' || json === null) return json
  return Object.fromEntries(Object.entries(json).map(([name, one]) => [name, fillJson(one, values)]))
}

/** Every text of a request that may hold names, and where it is. */
export function textsOf({ url, headers = {}, body }: RecipeRequest): readonly (readonly [where: string, text: string])[] {
  const fields = Object.entries(headers).map(([name, text]) => [`headers.${name}`, text] as const)
  return [['url', url], ...fields, ...stringsOf('body', body ?? null)]
}

function stringsOf(where: string, json: Json): readonly (readonly [string, string])[] {
  if (typeof json === 'string') return [[where, json]]
  if (typeof json !== 'object' || json === null) return []
  return Object.entries(json).flatMap(([name, one]) => stringsOf(`${where}.${name}`, one))
}
