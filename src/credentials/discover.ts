import { StintError } from '../errors.ts'
import type { Target } from '../model.ts'
import { type ProviderVerbs, providerOf } from './issue.ts'
import { leaseIdIn } from './lease-id.ts'
import type { Identity } from './minting.ts'

/** An identity at a target's provider, and the lease that Stint made it for. */
export interface Discovered extends Identity {
  readonly leaseId?: string
}

const LONGEST = 200

/**
 * Lists who can act at a target, usable ones first, then by name. Throws `invalid_argument` where its provider lists nobody,
 * `credential_missing`, and what asking the provider throws.
 */
export async function discover(target: Target, verbs: ProviderVerbs): Promise<readonly Discovered[]> {
  const able = Object.values(verbs.connectors).filter(({ minting }) => minting?.discover !== undefined)
  const list = able.find(({ kind }) => kind === target.connector)?.minting?.discover
  if (list === undefined) {
    const kinds = able.map(({ kind }) => kind).join(', ')
    throw new StintError('invalid_argument', `who can act at a target is told for ${kinds}, and not for ${target.connector}`)
  }
  const standing = target.credentialId === undefined ? undefined : verbs.standing(target.credentialId)
  const identities = await list({ target, standing }, providerOf({ target }, verbs).io)
  return identities.map(discovered).toSorted((a, b) => Number(b.isUsable) - Number(a.isUsable) || compare(a.id, b.id))
}

function discovered(found: Identity): Discovered {
  const leaseId = leaseIdIn(found.id)
  const id = found.id.replaceAll(/\p{C}/gu, '?').slice(0, LONGEST)
  return { ...found, id, ...(leaseId !== undefined && { leaseId }) }
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
