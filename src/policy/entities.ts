import type { AuthzRequest, CedarValue } from '../model.ts'
import type { EntityId, EntityJson } from './cedar.ts'

/** The groups that principal, action and resource are members of, besides being themselves. */
export interface Groups {
  readonly principal: readonly EntityId[]
  readonly action: readonly EntityId[]
  readonly resource: readonly EntityId[]
}

const STINT: readonly EntityId[] = [{ type: 'Action', id: 'stint' }]
const NONE: readonly EntityId[] = []

/**
 * Reads the groups out of the context, so that the recorded request says them: a caller is in its Proof, a target in its
 * Environment and its Sensitivity, an action in its access class or, on Stint itself, in `stint`.
 */
export function groupsOf({ context, resource }: AuthzRequest): Groups {
  const [proof, environment, sensitivity] = [
    entityIn(context.proof),
    entityIn(context.environment),
    entityIn(context.sensitivity),
  ]
  return {
    principal: proof === undefined ? NONE : [proof],
    action: resource.type === 'Stint' ? STINT : accessGroup(entityIn(context.access)),
    resource: environment === undefined || sensitivity === undefined ? NONE : [environment, sensitivity],
  }
}

function accessGroup(access: EntityId | undefined): readonly EntityId[] {
  return access === undefined ? NONE : [{ type: 'Action', id: access.id }]
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
  return isEntity(entity) ? entity : undefined
}

function isEntity(value: CedarValue | undefined): value is { readonly type: string; readonly id: string } {
  return (
    typeof value === 'object' &&
    'type' in value &&
    typeof value.type === 'string' &&
    'id' in value &&
    typeof value.id === 'string'
  )
}
