import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileKeys } from '../../src/credentials/keys/file.ts'
import { createLeaseSeal } from '../../src/credentials/lease-seal.ts'
import { type Leases, openLeases } from '../../src/credentials/leases.ts'
import type { Minting } from '../../src/credentials/minting.ts'
import { openVault } from '../../src/credentials/vault.ts'
import { StintError } from '../../src/errors.ts'
import type { Target } from '../../src/model.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { TARGET } from '../targets/fixture.ts'
import { directoryConnector, type Quirks } from './directory-provider.ts'
import { CALLER, TASK } from './permit.ts'

const { credentialId: _, ...bare } = TARGET
export const MINTED: Target = { ...bare, connector: 'directory', placement: { kind: 'none' } }

/** Leases on a store and a provider in one directory, opened again as often as a test kills them. */
export interface Rig {
  readonly leases: Leases
  readonly store: Store
  /** Every step that was told: `revoke lease_…`. */
  readonly told: string[]
  readonly reported: unknown[]
  /** What exists at the provider. */
  objects(): readonly string[]
  /** The provider forgets one by itself. */
  remove(leaseId: string): void
  ask(change?: Partial<Parameters<Leases['issue']>[0]>): ReturnType<Leases['issue']>
  close(): Promise<void>
}

/** Opens what the directory holds. */
export async function openRig(
  directory: string,
  quirks: Quirks = {},
  minting: Partial<Minting> = {},
  gateways = { self: 'local', others: async (): Promise<readonly string[]> => [] },
): Promise<Rig> {
  const objects = join(directory, 'provider')
  mkdirSync(objects, { recursive: true })
  const store = await openStore(join(directory, 'state.db'))
  const vault = await openVault(store, { current: 'file', sources: { file: fileKeys(join(directory, 'vault.key')) } })
  const connector = directoryConnector(objects, quirks, minting)
  const told: string[] = []
  const reported: unknown[] = []
  const leases = await openLeases(store, {
    ...createLeaseSeal(await vault.innerKey('leases')),
    connectors: { directory: connector },
    standing: vault.open,
    io: () => ({ now: Date.now, connect: refuse, secure: refuse, exchange: refuse }),
    ...gateways,
    targets: () => [MINTED],
    ancestors: () => [],
    now: Date.now,
    told: (step, { id }) => told.push(`${step} ${id}`),
    report: (thrown) => reported.push(thrown),
  })
  return {
    ...{ leases, store, told, reported },
    objects: () => readdirSync(objects),
    remove: (leaseId) => rmSync(join(objects, leaseId)),
    ask: (change) => {
      const grant = { key: 'read', reach: ['reads'], terms: {} }
      return leases.issue({ caller: CALLER, task: TASK, target: MINTED, grant, expiresAt: Date.now() + 600_000, ...change })
    },
    async close() {
      await leases.close()
      await store.close()
    },
  }
}

async function refuse(): Promise<never> {
  throw new StintError('upstream_failed', 'the provider of this test is a directory')
}
