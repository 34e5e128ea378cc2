import type { Kysely } from 'kysely'
import { StintError } from '../errors.ts'
import type { HostRule, Target } from '../model.ts'
import type { Tables } from '../store/tables.ts'
import { checkTarget, type Kinds } from './check-target.ts'
import { createHostTable, type HostTable } from './host-table.ts'
import type { Tunnel } from './targets.ts'

/** The targets and tunnels as they were at one moment, with what finds them by their hosts. */
export interface Declared {
  readonly targets: ReadonlyMap<string, Target>
  /** By `keyOf`. */
  readonly tunnels: ReadonlyMap<string, Tunnel>
  readonly hosts: Pick<HostTable<Target>, 'find' | 'overlapping'>
  readonly tunnelHosts: Pick<HostTable<Tunnel>, 'find' | 'overlapping'>
  /** The stored text of each target: who reads again keeps the object where it is the same. */
  readonly texts: ReadonlyMap<string, string>
}

/** Reads them all. Throws `store_unavailable`, also for a target that is damaged. */
export async function readDeclared(db: Kysely<Tables>, kinds: Kinds | undefined, before?: Declared): Promise<Declared> {
  const targets = new Map<string, Target>()
  const tunnels = new Map<string, Tunnel>()
  const texts = new Map<string, string>()
  const hosts = createHostTable<Target>()
  const tunnelHosts = createHostTable<Tunnel>()
  for (const { id, target_json: text } of await db.selectFrom('targets').select(['id', 'target_json']).orderBy('id').execute()) {
    const known = before?.texts.get(id) === text ? before.targets.get(id) : undefined
    const target = known ?? parse(text, kinds)
    targets.set(target.id, target)
    texts.set(target.id, text)
    for (const rule of target.hosts) hosts.add(rule, target)
  }
  for (const { host, port } of await db.selectFrom('tunnels').select(['host', 'port']).execute()) {
    const tunnel = { host, port }
    tunnels.set(keyOf(tunnel), tunnel)
    tunnelHosts.add({ scheme: 'https', ...tunnel }, tunnel)
  }
  return { targets, tunnels, hosts, tunnelHosts, texts }
}

/** Throws `conflict` where the host belongs to a target or a tunnel already. */
export function refuseTaken({ hosts, tunnelHosts }: Declared, rule: HostRule): void {
  const other = hosts.overlapping(rule)
  if (other !== undefined) throw new StintError('conflict', `${rule.host}:${rule.port} belongs to target ${other.id}`)
  const tunnel = tunnelHosts.overlapping({ ...rule, scheme: 'https' })
  if (tunnel !== undefined)
    throw new StintError('conflict', `${rule.host}:${rule.port} is allowed as a tunnel; remove the tunnel first`)
}

/** The key of a tunnel. */
export function keyOf({ host, port }: Tunnel): string {
  return `${host}:${port}`
}

/** Also one of a connector that is gone: it can still be listed and removed. */
function parse(json: string, kinds: Kinds | undefined): Target {
  try {
    const target: Target = JSON.parse(json)
    return checkTarget(target, kinds !== undefined && Object.hasOwn(kinds, target.connector) ? kinds : undefined)
  } catch (thrown) {
    throw new StintError('store_unavailable', 'a stored target is damaged', { operatorDetail: String(thrown), cause: thrown })
  }
}
