import { StintError } from '../errors.ts'
import type { Secret } from '../secret.ts'
import type { Connector } from './connector.ts'
import type { LeaseRecord } from './lease-record.ts'
import type { Entry } from './ledger.ts'
import type { Io, Issued, Minting, MintOrder } from './minting.ts'

/** What a lease needs of its connector, its vault and the world. */
export interface Provider {
  readonly minting: Minting
  readonly io: Io
}

/** What is lent to the parts that speak to providers. */
export interface ProviderVerbs {
  readonly connectors: Readonly<Record<string, Connector>>
  /** vault.ts. Throws `credential_missing`, `state_unsafe`. */
  standing(id: string): Secret
  /** vault.ts: seals minted material for the lease of that id. */
  seal(id: string, material: Secret): string
  /** Throws `state_unsafe`. */
  unseal(id: string, sealed: string): Secret
  /** gateway/io.ts: the way out to a target’s places. */
  io(target: LeaseRecord['target'], minting: Minting): Io
}

/** How the lease’s kind of target mints. Throws `credential_missing` when its connector is gone. */
export function providerOf({ target }: Pick<LeaseRecord, 'target'>, { connectors, io }: ProviderVerbs): Provider {
  const connector = Object.hasOwn(connectors, target.connector) ? connectors[target.connector] : undefined
  if (connector?.minting === undefined)
    throw new StintError('credential_missing', `the connector ${target.connector} cannot make or revoke credentials`)
  return { minting: connector.minting, io: io(target, connector.minting) }
}

/** The order a record stands for, with the standing credential as it is now. */
export function orderOf({ id, target, taskId, owner, grant, expiresAt }: LeaseRecord, verbs: ProviderVerbs): MintOrder {
  const standing = target.credentialId === undefined ? undefined : verbs.standing(target.credentialId)
  return { leaseId: id, target, taskId, owner, grant, standing, expiresAt }
}

/** All that is known of an entry’s object. */
export function issuedOf({ record, sealed }: Entry, verbs: ProviderVerbs): Issued {
  const material = sealed === undefined ? undefined : verbs.unseal(record.id, sealed)
  return { ...orderOf(record, verbs), material, handle: record.handle }
}
