import type { AuthzRequest } from '../model.ts'
import type { EntityId, PolicyJson } from './cedar.ts'
import { groupsOf } from './entities.ts'

/** What a policy's scope asks of the principal or the resource, and of the action: keys that a request must meet one of. */
interface Head {
  readonly principal: string
  readonly actions: readonly string[]
  readonly resource: string
}

const ANY = '*'

/** Finds the items whose policy's scope a request matches. */
export interface HeadIndex<T> {
  find(request: AuthzRequest): T[]
}

/**
 * Indexes policies by scope. A scope is `any`, `== E`, `in E`, `is T` or `is T in E`; a request meets those of its own type and
 * entities and of the groups these are in, exactly as Cedar has it.
 */
export function indexHeads<T extends { readonly json: PolicyJson }>(items: readonly T[]): HeadIndex<T> {
  const index = new Map<string, Map<string, Map<string, T[]>>>()
  for (const item of items) {
    const head = headOf(item.json)
    const byAction = within(within(index, head.resource), head.principal)
    for (const action of new Set(head.actions)) within(byAction, action, () => []).push(item)
  }
  return {
    find(request) {
      const found = new Set<T>()
      const groups = groupsOf(request)
      const principals = keysOf(request.principal, groups.principal)
      const actions = [ANY, `=${request.action}`, `<${request.action}`, ...groups.action.map(({ id }) => `<${id}`)]
      for (const resource of keysOf(request.resource, groups.resource)) {
        const byPrincipal = index.get(resource)
        for (const principal of byPrincipal === undefined ? [] : principals) {
          const byAction = byPrincipal?.get(principal)
          for (const action of actions) for (const item of byAction?.get(action) ?? []) found.add(item)
        }
      }
      return [...found]
    },
  }
}

function within<V>(map: Map<string, V>, key: string, make: () => V): V
function within<V extends Map<string, unknown>>(map: Map<string, V>, key: string): V
function within(map: Map<string, unknown>, key: string, make: () => unknown = () => new Map()): unknown {
  if (!map.has(key)) map.set(key, make())
  return map.get(key)
}

function headOf({ principal, action, resource }: PolicyJson): Head {
  return { principal: keyOf(principal), actions: actionKeys(action), resource: keyOf(resource) }
}

type Constraint = PolicyJson['principal'] | PolicyJson['resource']
type Uid = EntityId | { readonly __entity: EntityId }

function keyOf(constraint: Constraint): string {
  if (constraint.op === 'All') return ANY
  if (constraint.op === 'is') {
    const inside = constraint.in === undefined ? '' : ` <${entityOf(constraint.in)}`
    return `is ${constraint.entity_type}${inside}`
  }
  return `${constraint.op === '==' ? '=' : '<'}${entityOf(constraint)}`
}

function keysOf(self: EntityId, groups: readonly EntityId[]): readonly string[] {
  const inside = [self, ...groups].map(sayEntity)
  return [ANY, `=${sayEntity(self)}`, `is ${self.type}`, ...inside.flatMap((uid) => [`<${uid}`, `is ${self.type} <${uid}`])]
}

/** Types hold no space, so two entities never read the same. */
function sayEntity({ type, id }: EntityId): string {
  return `${type} ${id}`
}

function actionKeys(constraint: PolicyJson['action']): readonly string[] {
  if (constraint.op === 'All') return [ANY]
  if (constraint.op === '==') return [`=${actionId(constraint)}`]
  const uids = 'entities' in constraint ? constraint.entities : [constraint.entity]
  return uids.map((uid) => `<${plain(uid).id}`)
}

function entityOf(constraint: { entity: Uid } | { slot: string }): string {
  if ('slot' in constraint) throw new Error('a template has no scope of its own')
  return sayEntity(plain(constraint.entity))
}

function actionId(constraint: { entity: Uid } | { slot: string }): string {
  if ('slot' in constraint) throw new Error('a template has no scope of its own')
  return plain(constraint.entity).id
}

function plain(uid: Uid): EntityId {
  return '__entity' in uid ? uid.__entity : uid
}
