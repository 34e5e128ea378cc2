import { StintError } from '../errors.ts'
import type { HostRule, Target } from '../model.ts'
import type { Store } from '../store/store.ts'
import { createTurns } from '../store/turns.ts'
import { checkHost, checkPort } from './check-host.ts'
import { checkTarget, type Kinds } from './check-target.ts'
import { createHostTable } from './host-table.ts'

/** A host that may be tunnelled to: its bytes are not read, nothing is injected. `host` is exact or `*.suffix`. */
export interface Tunnel {
  readonly host: string
  readonly port: number
}

/** The declared targets and tunnels, in memory; a change is durable when it resolves. Reads never touch the store. */
export interface Targets {
  /** Throws `invalid_argument`; `conflict` for a taken id, or a host that another target or a tunnel has. */
  add(target: Target): Promise<Target>
  /** Throws `not_found`. */
  remove(id: string): Promise<void>
  /** Throws `not_found`. */
  get(id: string): Target
  /** By id. */
  list(): readonly Target[]
  /** The one target that declares this host, spelled as in a URL: lower case, IPv6 in brackets. */
  match(scheme: string, host: string, port: number): Target | undefined
  /** Throws `invalid_argument`, `conflict`. */
  addTunnel(tunnel: Tunnel): Promise<Tunnel>
  /** Throws `not_found`. */
  removeTunnel(tunnel: Tunnel): Promise<void>
  tunnels(): readonly Tunnel[]
  isTunnel(host: string, port: number): boolean
}

/** Opens the targets of the store. `kinds` are the connectors that a target may name; any when absent. */
export async function createTargets(store: Store, kinds?: Kinds): Promise<Targets> {
  const targets = new Map<string, Target>()
  const tunnels = new Map<string, Tunnel>()
  const hosts = createHostTable<Target>()
  const tunnelHosts = createHostTable<Tunnel>()
  const inTurn = createTurns()
  for (const row of await store.db.selectFrom('targets').select('target_json').orderBy('id').execute())
    admit(parse(row.target_json, kinds))
  for (const row of await store.db.selectFrom('tunnels').select(['host', 'port']).execute()) admitTunnel(row)

  return {
    add: (target) => inTurn(() => add(checkTarget(target, kinds))),
    remove: (id) => inTurn(() => remove(id)),
    get,
    list: () => [...targets.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    match: hosts.find,
    addTunnel: ({ host, port }) => inTurn(() => addTunnel({ host: checkHost(host, true), port: checkPort(port) })),
    removeTunnel: ({ host, port }) => inTurn(() => removeTunnel({ host: checkHost(host, true), port: checkPort(port) })),
    tunnels: () => [...tunnels.values()],
    isTunnel: (host, port) => tunnelHosts.find('https', host, port) !== undefined,
  }

  async function add(target: Target): Promise<Target> {
    if (targets.has(target.id)) throw new StintError('conflict', `target ${target.id} exists; remove it first`)
    for (const rule of target.hosts) refuseTaken(rule)
    await store.write(async (tx, changed) => {
      await tx
        .insertInto('targets')
        .values({ id: target.id, target_json: JSON.stringify(target), at: Date.now() })
        .execute()
      changed('target', target.id)
    })
    admit(target)
    return target
  }

  function refuseTaken(rule: HostRule): void {
    const other = hosts.overlapping(rule)
    if (other !== undefined) throw new StintError('conflict', `${rule.host}:${rule.port} belongs to target ${other.id}`)
    const tunnel = tunnelHosts.overlapping({ ...rule, scheme: 'https' })
    if (tunnel !== undefined)
      throw new StintError('conflict', `${rule.host}:${rule.port} is allowed as a tunnel; remove the tunnel first`)
  }

  async function remove(id: string): Promise<void> {
    const target = get(id)
    await store.write(async (tx, changed) => {
      await tx.deleteFrom('targets').where('id', '=', id).execute()
      changed('target', id)
    })
    targets.delete(id)
    hosts.remove(target)
  }

  function get(id: string): Target {
    const target = targets.get(id)
    if (target === undefined) throw new StintError('not_found', `there is no target ${id}`)
    return target
  }

  async function addTunnel(tunnel: Tunnel): Promise<Tunnel> {
    const { host, port } = tunnel
    if (tunnels.has(keyOf(tunnel))) throw new StintError('conflict', `${host}:${port} is allowed already`)
    const target = hosts.overlapping({ scheme: 'https', host, port }) ?? hosts.overlapping({ scheme: 'http', host, port })
    if (target !== undefined)
      throw new StintError('conflict', `${host}:${port} belongs to target ${target.id}; a tunnel would bypass it`)
    await store.write(async (tx, changed) => {
      await tx.insertInto('tunnels').values({ host, port, at: Date.now() }).execute()
      changed('tunnel', keyOf(tunnel))
    })
    admitTunnel(tunnel)
    return tunnel
  }

  async function removeTunnel(tunnel: Tunnel): Promise<void> {
    const found = tunnels.get(keyOf(tunnel))
    if (found === undefined) throw new StintError('not_found', `there is no tunnel to ${tunnel.host}:${tunnel.port}`)
    await store.write(async (tx, changed) => {
      await tx.deleteFrom('tunnels').where('host', '=', found.host).where('port', '=', found.port).execute()
      changed('tunnel', keyOf(tunnel))
    })
    tunnels.delete(keyOf(tunnel))
    tunnelHosts.remove(found)
  }

  function admit(target: Target): void {
    targets.set(target.id, target)
    for (const rule of target.hosts) hosts.add(rule, target)
  }

  function admitTunnel(tunnel: Tunnel): void {
    tunnels.set(keyOf(tunnel), tunnel)
    tunnelHosts.add({ scheme: 'https', ...tunnel }, tunnel)
  }
}

function keyOf({ host, port }: Tunnel): string {
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
