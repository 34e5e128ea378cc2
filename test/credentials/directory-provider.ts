import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Connector } from '../../src/credentials/connector.ts'
import { http } from '../../src/credentials/connectors/http.ts'
import type { Issued, Minting } from '../../src/credentials/minting.ts'
import { Secret } from '../../src/secret.ts'

/** What a test lets the provider do instead of, or around, what it was asked. */
export interface Quirks {
  /** Called before and after each verb with its name (`before mint`); may throw. */
  at?(moment: string, leaseId: string): void | Promise<void>
  /** It says that it revoked and does not. */
  lies?: boolean
  /** It cannot list what it made. */
  isBlind?: boolean
  /** It cannot revoke: credentials live so long. */
  irrevocableMs?: number
  /** Chooses the secret itself, so that a crash loses it. */
  chooses?: boolean
}

/** A third party that keeps each credential as a file in a directory, so that it outlives any process. */
export function directoryConnector(directory: string, quirks: Quirks = {}, change: Partial<Minting> = {}): Connector {
  const { at = () => undefined } = quirks
  const fileOf = (leaseId: string): string => join(directory, leaseId)
  const around = async <T>(verb: string, leaseId: string, work: () => T): Promise<T> => {
    await at(`before ${verb}`, leaseId)
    const result = work()
    await at(`after ${verb}`, leaseId)
    return result
  }
  const isLive = ({ leaseId, material }: Issued): boolean =>
    existsSync(fileOf(leaseId)) && (material === undefined || readFileSync(fileOf(leaseId), 'utf8') === material.reveal())
  const minting: Minting = {
    settings: {},
    propagationMs: 1,
    ...(quirks.irrevocableMs !== undefined && { maxLifeMs: quirks.irrevocableMs }),
    grant: ({ action }) =>
      action.id === 'directory:none' ? undefined : { key: action.id, reach: [`does ${action.id}`], terms: {} },
    ...(quirks.chooses !== true && {
      prepare: async ({ leaseId }) =>
        around('prepare', leaseId, () => ({ material: new Secret(randomBytes(12).toString('hex')), handle: { file: leaseId } })),
    }),
    mint: (order, prepared) =>
      around('mint', order.leaseId, () => {
        const material = prepared?.material ?? new Secret(randomBytes(12).toString('hex'))
        writeFileSync(fileOf(order.leaseId), material.reveal())
        return { material, handle: { file: order.leaseId } }
      }),
    place: ({ material }) => [{ kind: 'header', name: 'authorization', prefix: 'Bearer ', value: material }],
    revoke: ({ leaseId, expiresAt }) =>
      around('revoke', leaseId, () => {
        if (quirks.irrevocableMs !== undefined) return { irrevocableUntil: expiresAt }
        if (quirks.lies !== true) rmSync(fileOf(leaseId), { force: true })
        return {}
      }),
    probe: (issued) => around('probe', issued.leaseId, () => (isLive(issued) ? 'live' : 'refused')),
    ...(quirks.isBlind !== true && {
      strays: async () => around('strays', '', () => readdirSync(directory).map((leaseId) => ({ leaseId, handle: {} }))),
    }),
    ...change,
  }
  const { obtain: _, ...rest } = http
  return { ...rest, kind: 'directory', minting }
}
