import { StintError } from '../../errors.ts'
import type { Access, Action } from '../../model.ts'
import type { HandOutWish } from '../minting.ts'
import { permissionsOfS3 } from './aws-s3.ts'
import { accessOf, findService, permissionsOf } from './aws-services.ts'

const OPERATION = /^aws:([a-z0-9-]+)::([A-Z][A-Za-z0-9]+)$/
const ACCESS: readonly Access[] = ['read', 'write', 'destructive', 'admin']

/**
 * What a program is handed a session for: the operations that the task's scope names, one by one, on whatever they are called for, in
 * the target's regions. Throws `unknown_action` for a scope that names none, and for one it cannot know.
 */
export function handOutForAws({ scope, target }: HandOutWish): Action {
  const named = scope.actions.flatMap((one) => {
    const [, service = '', operation = ''] = OPERATION.exec(one) ?? []
    return service === '' ? [] : [needsOf(service, operation)]
  })
  if (named.length === 0)
    throw new StintError(
      'unknown_action',
      'a session is handed out for operations that the task names: --action aws:s3::GetObject',
    )
  const grants = [...new Set(named.flatMap(({ permissions }) => permissions.map((one) => `${one} *`)))].sort()
  const access = ACCESS[Math.max(...named.map((one) => ACCESS.indexOf(one.access)))] ?? 'admin'
  const region = [target.settings?.regions ?? []].flat()
  return { id: 'aws:Session::use', access, resource: `aws in ${region.join(', ')}`, parameters: { grants, region } }
}

function needsOf(service: string, operation: string): { readonly access: Access; readonly permissions: readonly string[] } {
  if (service === 's3') return permissionsOfS3(operation)
  findService(service)
  return { access: accessOf(service, operation), permissions: permissionsOf(service, operation) }
}
