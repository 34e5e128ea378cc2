import type { AuthzRequest, CedarValue } from '../model.ts'
import type { SchemaJson, Type } from './cedar.ts'

/** Says what does not fit, or undefined. Takes any value. */
type Check = (value: unknown, path: string, room: Room) => string | undefined

/** How much text one request may still hold: a bound on what one decision costs. */
interface Room {
  left: number
}

/** UTF-16 code units of text that one request may hold; a push of a thousand refs has a tenth of it. */
export const MAX_TEXT = 262_144

type Namespace = SchemaJson<string>[string]

/** Makes the test of whether a request is one that the schema describes. It answers with a sentence, or undefined for yes. */
export function compileShape(schema: SchemaJson<string>): (request: AuthzRequest) => string | undefined {
  const namespace = schema['']
  const shapes = namespace === undefined ? new Map<string, never>() : shapesOf(namespace)
  return (request) => {
    const shape = shapes.get(request.resource.type)
    if (shape === undefined) return `nothing is known of resources of type ${request.resource.type}`
    if (!shape.principals.has(request.principal.type)) return `nothing is known of principals of type ${request.principal.type}`
    if (!shape.isAction(request.action)) return 'the action is not one of this resource'
    const room = { left: MAX_TEXT - request.principal.id.length - request.action.length - request.resource.id.length }
    return shape.context(request.context, 'context', room) ?? (room.left < 0 ? 'the request is too large' : undefined)
  }
}

/** All actions on one type of resource take one context: the schema gives each type its own. */
function shapesOf(namespace: Namespace) {
  const actions = Object.values(namespace.actions)
  return new Map(
    actions.flatMap(({ appliesTo }) => {
      const context = compile(appliesTo?.context ?? { type: 'Record', attributes: {} }, namespace)
      const principals = new Set(appliesTo?.principalTypes)
      return (appliesTo?.resourceTypes ?? []).map((type) => [type, { principals, context, isAction: actionsOn(type, namespace) }])
    }),
  )
}

/** Connectors name the actions on targets, with any name that the schema does not use; all others are in the schema. */
function actionsOn(resourceType: string, namespace: Namespace): (id: string) => boolean {
  const actions = new Map(Object.entries(namespace.actions))
  if (resourceType === 'Target') return (id) => !actions.has(id)
  return (id) => actions.get(id)?.appliesTo?.resourceTypes.includes(resourceType) === true
}

function compile(type: Type<string>, namespace: Namespace): Check {
  const common = namespace.commonTypes?.[type.type]
  if (common !== undefined) return compile(common, namespace)
  if (isVariant(type, 'Set')) return listOf(compile(type.element, namespace))
  if (isVariant(type, 'Record')) return recordOf(type.attributes, namespace)
  if (isVariant(type, 'Entity')) return entityOf(type.name, namespace)
  return PRIMITIVES.get(type.type) ?? (() => `is of type ${type.type}, which Stint never sends`)
}

type Variants = Extract<Type<string>, { element: unknown } | { attributes: unknown } | { name: string }>

function isVariant<K extends 'Set' | 'Record' | 'Entity'>(type: Type<string>, kind: K): type is Extract<Variants, { type: K }> {
  return type.type === kind
}

const PRIMITIVES: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['String', (value, path, room) => text(value, path, room)],
  ['Long', (value, path) => (Number.isSafeInteger(value) ? undefined : `${path} is not a whole number`)],
  ['Bool', (value, path) => (typeof value === 'boolean' ? undefined : `${path} is not a Boolean`)],
])

function text(value: unknown, path: string, room: Room): string | undefined {
  if (typeof value !== 'string') return `${path} is not a text`
  room.left -= value.length
  return undefined
}

function listOf(element: Check): Check {
  return (value, path, room) => {
    if (!Array.isArray(value)) return `${path} is not a list`
    for (const one of value) {
      const problem = element(one, path, room)
      if (problem !== undefined) return problem
    }
    return undefined
  }
}

function recordOf(attributes: Readonly<Record<string, Type<string> & { required?: boolean }>>, namespace: Namespace): Check {
  const members = Object.entries(attributes).map(([name, type]) => ({
    name,
    check: compile(type, namespace),
    required: type.required !== false,
  }))
  const known = new Map(members.map((member) => [member.name, member]))
  const required = members.filter((member) => member.required)
  return (value, path, room) => {
    if (!isRecord(value)) return `${path} is not a record`
    let found = 0
    for (const name in value) {
      const member = Object.hasOwn(value, name) ? known.get(name) : undefined
      if (member === undefined) return `${path}.${name} is not in the schema`
      const problem = member.check(value[name], name, room)
      if (problem !== undefined) return problem
      if (member.required) found++
    }
    if (found === required.length) return undefined
    return `${path}.${required.find(({ name }) => !Object.hasOwn(value, name))?.name} is missing`
  }
}

/** Words of an enumerated type, or the tags of an entity, which Cedar is given as one. */
function entityOf(name: string, namespace: Namespace): Check {
  const kind = namespace.entityTypes[name]
  if (kind !== undefined && 'tags' in kind && kind.tags !== undefined) return tagsOf(compile(kind.tags, namespace))
  const words = new Set<unknown>(kind !== undefined && 'enum' in kind ? kind.enum : [])
  return (value, path) => {
    const entity = isRecord(value) && countKeys(value) === 1 ? value.__entity : undefined
    const fits = isRecord(entity) && countKeys(entity) === 2 && entity.type === name && words.has(entity.id)
    return fits ? undefined : `${path} is not one of ${name}’s words`
  }
}

function tagsOf(check: Check): Check {
  return (value, path, room) => {
    if (!isRecord(value)) return `${path} is not a record`
    for (const [name, one] of Object.entries(value)) {
      room.left -= name.length
      const problem = check(one, `${path}.${name}`, room)
      if (problem !== undefined) return problem
    }
    return undefined
  }
}

function countKeys(record: object): number {
  let count = 0
  for (const _ in record) count++
  return count
}

function isRecord(value: unknown): value is Readonly<Record<string, CedarValue>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
