import type { Secret } from '../secret.ts'
import type { Membership, Outage } from './gateways.ts'
import { refuseMoved } from './moved.ts'
import { openStore, type Store } from './store.ts'

/** Where the state is: in this file, unless a database is named. */
export interface StatePlace {
  readonly path: string
  readonly databaseUrl: Secret | undefined
}

/** Who shares it, if it is in a database. */
export interface Sharing {
  readonly self: string
  readonly boundMs: number
  readonly onOutage: Outage
}

/**
 * Opens the state, and this process's part among those that share it: it has not joined them yet. PostgreSQL's driver is loaded where it
 * is needed. Throws `invalid_config`, `store_unavailable`, `state_unsafe`; `conflict` for one that was moved away.
 */
export async function openState(place: StatePlace, sharing: Sharing): Promise<{ store: Store; gateways: Membership }> {
  if (place.databaseUrl === undefined) return { store: await unlessMoved(await openStore(place.path)), gateways: ALONE }
  const [{ openSharedStore }, { createMembership }] = await Promise.all([import('./postgres-store.ts'), import('./gateways.ts')])
  const store = await unlessMoved(await openSharedStore(place.databaseUrl))
  return { store, gateways: createMembership(store, sharing.self, sharing.boundMs, sharing.onOutage) }
}

async function unlessMoved<S extends Store>(store: S): Promise<S> {
  try {
    await refuseMoved(store.db)
    return store
  } catch (thrown) {
    await store.close()
    throw thrown
  }
}

const nothing = (): void => undefined
const nothingLater = async (): Promise<void> => undefined

/** The one process of a state in a file: what it does not know did not happen. */
export const ALONE: Membership = {
  self: 'local',
  isShared: false,
  isCurrent: () => true,
  onCutOff: nothing,
  isHere: () => false,
  others: async () => [],
  confirm: async () => ({ confirmed: [], unconfirmed: [] }),
  join: nothingLater,
  leave: nothingLater,
}
