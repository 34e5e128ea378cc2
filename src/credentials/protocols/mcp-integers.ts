import { isMembers, type Members } from '../../members.ts'
import type { Target } from '../../model.ts'
import { listOf } from './setting.ts'
import { foldName } from './strict-json.ts'

/** How deep in a schema a whole number is looked for. */
const MAX_DEPTH = 8
/** Names that stand in a setting as they are. */
const NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,99}$/

/** How `integer_arguments` has one: `TOOL=NAME`, or `TOOL=OUTER/NAME` for one inside an object. */
export const INTEGER_ARGUMENT = /^[\x21-\x7e]{1,200}=[A-Za-z][A-Za-z0-9_.-]{0,99}(?:\/[A-Za-z][A-Za-z0-9_.-]{0,99}){0,7}$/

/**
 * The arguments that a tool's definition says are whole numbers (`"type": "integer"`, JSON Schema 2020-12), as `integer_arguments` has
 * them. What a schema says in another way (`anyOf`, `$ref`, lists, fractions) is none. Attacker-controlled.
 */
export function integersIn({ name, inputSchema }: Members): readonly string[] {
  if (typeof name !== 'string') return []
  const found: string[] = []
  visit(inputSchema, [])
  return found.filter((one) => INTEGER_ARGUMENT.test(one))

  function visit(schema: unknown, path: readonly string[]): void {
    if (!isMembers(schema) || path.length > MAX_DEPTH) return
    if (schema.type === 'integer' && path.length > 0) found.push(`${name}=${path.join('/')}`)
    if (!isMembers(schema.properties)) return
    for (const [below, one] of Object.entries(schema.properties)) if (NAME.test(below)) visit(one, [...path, below])
  }
}

/**
 * Which of them a call gives, each a whole number that is counted exactly, or the error that `fail` makes: what a server might take for
 * a number, and no policy would see as one, is not let through.
 */
export function readIntegers(tool: string, given: unknown, target: Target, fail: (why: string) => Error): readonly string[] {
  const typed = listOf(target, 'integer_arguments').filter((one) => one.slice(0, one.lastIndexOf('=')) === tool)
  const names = typed.map((one) => one.slice(one.lastIndexOf('=') + 1))
  return names.filter((name) => {
    const value = valueAt(given, name.split('/'), fail)
    if (value !== undefined && !Number.isSafeInteger(value))
      throw fail(`the argument ${name} is no whole number between -9007199254740991 and 9007199254740991`)
    return value !== undefined
  })
}

/** Undefined where it is left out. A name in another case would be the same to some servers. */
function valueAt(given: unknown, path: readonly string[], fail: (why: string) => Error): unknown {
  let value = given
  for (const name of path) {
    if (value === undefined) return undefined
    if (!isMembers(value)) throw fail(`what holds the argument ${path.join('/')} is no object`)
    if (Object.keys(value).some((one) => one !== name && foldName(one) === foldName(name)))
      throw fail(`the argument ${path.join('/')} is spelled in another case`)
    value = Object.hasOwn(value, name) ? value[name] : undefined
  }
  return value
}
