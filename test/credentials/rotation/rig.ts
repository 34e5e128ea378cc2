import { join } from 'node:path'
import { fileKeys } from '../../../src/credentials/keys/file.ts'
import { createLeaseSeal } from '../../../src/credentials/lease-seal.ts'
import type { HttpRequest, Io } from '../../../src/credentials/minting.ts'
import type { Recipe } from '../../../src/credentials/rotation/recipe.ts'
import type { RotationRecord } from '../../../src/credentials/rotation/rotation-record.ts'
import { openRotations, type Rotations, type RotationVerbs } from '../../../src/credentials/rotation/rotations.ts'
import { openVault, type Vault } from '../../../src/credentials/vault.ts'
import { createDial } from '../../../src/gateway/dial.ts'
import { createIo } from '../../../src/gateway/io.ts'
import type { Target } from '../../../src/model.ts'
import { Secret } from '../../../src/secret.ts'
import { openStore, type Store } from '../../../src/store/store.ts'
import { TARGET } from '../../targets/fixture.ts'
import { recipeAt } from './recipe-example.ts'

export const FIRST = 'first-key-of-the-account'
export const KEY = 'legacy-key'

/** Rotations on a store in one directory, opened again as often as a test kills them. */
export interface Rig {
  readonly rotations: Rotations
  readonly store: Store
  readonly vault: Vault
  /** Acts that were recorded: `make`, `store`, … */
  readonly told: string[]
  readonly reported: unknown[]
  value(): string
  /** Begins one by a recipe of the system at `origin`, declared here. */
  begin(change?: Partial<Recipe>): Promise<RotationRecord>
  newest(): Promise<RotationRecord>
  close(): Promise<void>
}

/** Hears of every moment: `before make`, `after make`, `told dead`, `before store`, `after store`. May throw, or never answer. */
export type At = (moment: string) => void | Promise<void>

/** Opens what the directory holds, with a target at the port. */
export async function openRig(
  directory: string,
  port: number,
  { at = () => undefined, ...more }: Partial<RotationVerbs> & { readonly at?: At } = {},
): Promise<Rig> {
  const store = await openStore(join(directory, 'state.db'))
  const vault = await openVault(store, { current: 'file', sources: { file: fileKeys(join(directory, 'vault.key')) } })
  if (vault.list().length === 0) await vault.add(KEY, new Secret(FIRST))
  const host = { scheme: 'http', host: '127.0.0.1', port } as const
  const target: Target = { ...TARGET, id: 'legacy', hosts: [host], privateNetworks: ['127.0.0.0/8'], credentialId: KEY }
  const told: string[] = []
  const reported: unknown[] = []
  const { seal, unseal } = createLeaseSeal(await vault.innerKey('rotations'))
  const dial = createDial({ connectTimeoutMs: 5000 })
  const rotations = openRotations(store, {
    ...{ seal, unseal, self: 'local', others: async () => [], now: Date.now },
    vault: { ...vault, replace: (id, value, version) => around('store', () => vault.replace(id, value, version)) },
    target: () => target,
    io: () => watched(createIo(dial, [host], target, Date.now)),
    everyoneHas: async () => undefined,
    async told(act) {
      await at(`told ${act}`)
      told.push(act)
    },
    report: (thrown) => reported.push(thrown),
    ...more,
  })
  return {
    ...{ rotations, store, vault, told, reported },
    value: () => vault.open(KEY).reveal(),
    async begin(change) {
      await rotations.declare(KEY, recipeAt(`http://127.0.0.1:${port}`, change), undefined)
      return rotations.begin(KEY, 'operator')
    },
    async newest() {
      const [newest] = await rotations.list(KEY, 1)
      if (newest === undefined) throw new Error('there is no rotation')
      return newest
    },
    async close() {
      await rotations.close()
      await store.close()
    },
  }

  async function around<T>(what: string, act: () => Promise<T>): Promise<T> {
    await at(`before ${what}`)
    const result = await act()
    await at(`after ${what}`)
    return result
  }

  function watched(io: Io): Io {
    return { ...io, exchange: (request) => around(callOf(request), () => io.exchange(request)) }
  }
}

function callOf({ method, url }: HttpRequest): string {
  if (url.includes('/v1/me')) return 'probe'
  return method === 'POST' ? 'make' : method === 'DELETE' ? 'retire' : 'find'
}
