import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Connector } from '../../src/credentials/connector.ts'
import { fileKeys } from '../../src/credentials/keys/file.ts'
import { createLeaseSeal } from '../../src/credentials/lease-seal.ts'
import { openLeases } from '../../src/credentials/leases.ts'
import { createObtain } from '../../src/credentials/obtain.ts'
import type { UndertakerVerbs } from '../../src/credentials/undertaker.ts'
import { openVault } from '../../src/credentials/vault.ts'
import { createDial } from '../../src/gateway/dial.ts'
import { createIo } from '../../src/gateway/io.ts'
import type { Target, Task } from '../../src/model.ts'
import { Secret } from '../../src/secret.ts'
import { openStore } from '../../src/store/store.ts'
import { TASK } from '../../test/credentials/permit.ts'

/** Obtaining, leases and their store as Stint joins them, in a directory of their own, over one target. */
export interface LeaseWorld {
  readonly leases: Awaited<ReturnType<typeof openLeases>>
  readonly obtain: ReturnType<typeof createObtain>['obtain']
  readonly drop: ReturnType<typeof createObtain>['drop']
  close(): Promise<void>
}

/** Over a connector that mints, for one target. `told` hears of every step of every lease. */
export async function openLeaseWorld(
  connector: Connector,
  target: Target,
  standing: string,
  told: UndertakerVerbs['told'] = () => undefined,
): Promise<LeaseWorld> {
  const directory = mkdtempSync(join(tmpdir(), 'stint-bench-'))
  const store = await openStore(join(directory, 'state.db'))
  const vault = await openVault(store, { current: 'file', sources: { file: fileKeys(join(directory, 'vault.key')) } })
  const dial = createDial({ connectTimeoutMs: 5000 })
  const connectors = { [target.connector]: connector }
  const shared = { connectors, now: Date.now, report: fail }
  const leases = await openLeases(store, {
    ...shared,
    ...createLeaseSeal(await vault.innerKey('leases')),
    ...{ told, self: 'bench', others: async () => [], ancestors: () => [], targets: () => [target] },
    standing: () => new Secret(standing),
    io: ({ hosts, privateNetworks, trustedCa }) => createIo(dial, hosts, { privateNetworks, trustedCa }, Date.now),
  })
  const { obtain, drop } = createObtain({
    ...shared,
    vault,
    leases,
    isAllowed: () => true,
    usableUntil: () => Number.POSITIVE_INFINITY,
  })
  return {
    ...{ leases, obtain, drop },
    async close() {
      await leases.close()
      await store.close()
      rmSync(directory, { recursive: true })
    },
  }
}

/** A task that lives for an hour. */
export function newTask(): Task {
  const id = `task_${randomBytes(8).toString('hex')}`
  return { ...TASK, id, scope: { targets: ['*'], actions: ['*'] }, expiresAt: Date.now() + 3_600_000 }
}

/** The connector with a grant of its own for each of an action’s parameters `name`: so that one task has as many leases as are wanted. */
export function manyGrants(connector: Connector): Connector {
  const minting = connector.minting ?? fail(`${connector.kind} mints nothing`)
  const grant: typeof minting.grant = (input) => {
    const granted = minting.grant(input)
    return granted && { ...granted, key: `${granted.key} ${input.action.parameters.name}` }
  }
  return { ...connector, minting: { ...minting, grant } }
}

function fail(thrown: unknown): never {
  throw thrown
}
