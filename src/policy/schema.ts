import { readFileSync } from 'node:fs'
import type { SchemaJson } from './cedar.ts'
import { compileShape } from './shape.ts'

/** The schema this version of Stint asks by. It comes with the package and is never read from elsewhere. */
export const SCHEMA_FILE = new URL('../../policies/schema.cedarschema', import.meta.url)

/** The schema as text. */
export const schemaText = readFileSync(SCHEMA_FILE, 'utf8')

/** The schema as Cedar reads it, every type name resolved. Reading it takes Cedar longer than its policies: made by scripts/generate.ts. */
export const schema: SchemaJson<string> = JSON.parse(readFileSync(new URL('schema.json', import.meta.url), 'utf8'))

/** Why a request is not one that the schema describes, or undefined. */
export const misfit = compileShape(schema)

const words = new Set(Object.entries(schema['']?.entityTypes ?? {}).flatMap(([name, kind]) => ('enum' in kind ? name : [])))

/** True for the enumerated entity types, such as `Environment`. */
export function isWord(entityType: string): boolean {
  return words.has(entityType)
}
