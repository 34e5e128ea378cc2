import type { Action, CedarValue } from '../model.ts'

/**
 * The whole numbers among an action's parameters, by name: those that `integers` names, each at `arguments/NAME`. So they are in the digest,
 * and bound to a consent, as the parameters are. Undefined where there are none, as for nearly every request.
 */
export function integersOf(parameters: Action['parameters']): Readonly<Record<string, number>> | undefined {
  const { integers } = parameters
  if (integers === undefined) return undefined
  const found = [integers].flat().flatMap((name): [string, number][] => {
    const [text, ...more] = [parameters[`arguments/${name}`] ?? []].flat()
    const value = Number(text)
    return text !== undefined && more.length === 0 && Number.isSafeInteger(value) ? [[name, value]] : []
  })
  return found.length === 0 ? undefined : Object.fromEntries(found)
}

const INTEGERS = { type: 'Integers', id: 'call' } as const

/** What Cedar is given in their place, since only an entity has tags: members whose names no schema knows. */
export function asTags(context: Readonly<Record<string, CedarValue>>) {
  const { integers, ...others } = context
  if (integers === undefined) return { context, entities: [] }
  const tags = integers as Record<string, number>
  return { context: { ...others, integers: { __entity: INTEGERS } }, entities: [{ uid: INTEGERS, attrs: {}, parents: [], tags }] }
}
