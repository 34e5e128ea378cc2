import { StintError } from '../errors.ts'
import type { Access, Action, Target, Task } from '../model.ts'
import type { Connector } from './connector.ts'
import type { Grant, HandOutWish, Minting, PlugPoint } from './minting.ts'

/** What the action carries of the one that the credential is for. */
const FOR = 'hand-out'
const FOR_ACCESS = 'hand-out-access'

/**
 * Names the handing out of a credential, `KIND:Credential::hand-out`: an action of its own, of the access of what its holder may do with
 * it, and never less than a write. Throws `denied` where the operator does not allow it for the target, `unknown_action`.
 */
export function describeHandOut(plug: PlugPoint, wish: HandOutWish, { kind, minting }: Connector): Action {
  const { id, handsOut } = wish.target
  if (minting?.handOut === undefined) throw new StintError('denied', `what ${kind} injects is not handed out`)
  if (handsOut !== true)
    throw new StintError(
      'denied',
      `the target ${id} hands nothing out; an operator can allow it: stint target add ${id} --hand-out`,
    )
  const served = minting.handOut[plug]?.(wish)
  if (served === undefined) throw new StintError('unknown_action', `what ${kind} makes is nothing that ${plug} takes`)
  return {
    id: `${kind}:Credential::hand-out`,
    access: served.access === 'read' ? 'write' : served.access,
    resource: served.resource,
    parameters: { ...served.parameters, [FOR]: served.id, [FOR_ACCESS]: served.access },
  }
}

/** What the decided action takes. A lease that is handed out is one of its own and says so. Throws as `grant` does. */
export function grantFor(
  minting: Minting,
  { task, target, action }: { task: Task; target: Target; action: Action },
): Grant | undefined {
  if (action.id !== `${target.connector}:Credential::hand-out`) return minting.grant({ task, target, action })
  const { [FOR]: id, [FOR_ACCESS]: access, ...parameters } = action.parameters
  const served = { ...action, id: String(id), access: String(access) as Access, parameters }
  const grant = minting.grant({ task, target, action: served })
  return grant && { ...grant, key: `handed out: ${grant.key}`, reach: grant.reach.map((one) => `${one}, handed out`) }
}
