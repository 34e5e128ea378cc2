import type { AuthzRequest, CedarValue } from '../model.ts'
import type { EntityId, EntityJson } from './cedar.ts'

/** The groups that principal, action and resource are members of, besides being themselves. */
export interface Groups {
  readonly principal: readonly EntityId[]
  readonly action: readonly EntityId[]
  readonly resource: readonly EntityId[]
}

const STINT: readonly EntityId[] = [{ type: 'Action', id: 'stint' }]

/**
 * Reads the groups out of the context, so that the recorded request says them: a caller is in its Proof, a target in its
 * Environment and its Sensitivity, an action in its access class or, on Stint itself, in `stint`.
 */
export function groupsOf({ context, resource }: AuthzRequest): Groups {
  const access = entityIn(context.access)
  const action = access === undefined ? [] : [{ type: 'Action', id: access.id }]
  return {
    principal: present(entityIn(context.proof)),
    action: resource.type === 'Stint' ? STINT : action,
    resource: [...present(entityIn(context.environment)), ...present(entityIn(context.sensitivity))],
  }
}

/** All the entities Cedar is given: identity and groups. Facts are in the context. */
export function entitiesOf(request: AuthzRequest): EntityJson[] {
  const groups = groupsOf(request)
  const entity = (uid: EntityId, parents: readonly EntityId[]): EntityJson => ({ uid, attrs: {}, parents: [...parents] })
  return [
    entity({ type: 'Action', id: request.action }, groups.action),
    entity(request.principal, groups.principal),
    entity(request.resource, groups.resource),
  ]
}

function entityIn(value: CedarValue | undefined): EntityId | undefined {
  const entity = typeof value === 'object' && '__entity' in value ? value.__entity : undefined
  if (typeof entity !== 'object' || !('type' in entity) || !('id' in entity)) return undefined
  const { type, id } = entity
  return typeof type === 'string' && typeof id === 'string' ? { type, id } : undefined
}

function present(entity: EntityId | undefined): readonly EntityId[] {
  return entity === undefined ? [] : [entity]
}
