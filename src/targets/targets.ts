import { StintError } from '../errors.ts'
import type { Target } from '../model.ts'
import type { Store } from '../store/store.ts'
import { checkHost, checkPort } from './check-host.ts'
import { checkTarget, type Kinds } from './check-target.ts'
import { keyOf, readDeclared, refuseTaken } from './declared.ts'

/** A host that may be tunnelled to: its bytes are not read, nothing is injected. `host` is exact or `*.suffix`. */
export interface Tunnel {
  readonly host: string
  readonly port: number
}

/** The declared targets and tunnels, in memory; a change is durable when it resolves. Reads never touch the store. */
export interface Targets {
  /** Throws `invalid_argument`; `conflict` for a taken id, or a host that another target or a tunnel has. */
  add(target: Target): Promise<Target>
  /** Puts another declaration in the place of the one of its id. Throws `invalid_argument`, and `conflict` where `before` is not what is declared now. */
  replace(before: Target, after: Target): Promise<Target>
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
  /** Hears the id of every target that was removed or replaced, here or by another process, before the change resolves. */
  onGone(listener: (id: string) => void): void
}

/** Opens the targets of the store and follows them as they change. `kinds` are the connectors that a target may name; any when absent. */
export async function createTargets(store: Store, kinds?: Kinds): Promise<Targets> {
  const listeners: ((id: string) => void)[] = []
  store.watch('target', reload)
  store.watch('tunnel', reload)
  let declared = await readDeclared(store.db, kinds)

  return {
    add: (target) => add(checkTarget(target, kinds)),
    replace: (before, after) => replace(before, checkTarget({ ...after, id: before.id, hosts: before.hosts }, kinds)),
    remove,
    get,
    list: () => [...declared.targets.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    match: (scheme, host, port) => declared.hosts.find(scheme, host, port),
    addTunnel: ({ host, port }) => addTunnel({ host: checkHost(host, true), port: checkPort(port) }),
    removeTunnel: ({ host, port }) => removeTunnel({ host: checkHost(host, true), port: checkPort(port) }),
    tunnels: () => [...declared.tunnels.values()],
    isTunnel: (host, port) => declared.tunnelHosts.find('https', host, port) !== undefined,
    onGone: (listener) => listeners.push(listener),
  }

  async function reload(): Promise<void> {
    const before = declared
    declared = await readDeclared(store.db, kinds, before)
    for (const [id, target] of before.targets) {
      if (declared.targets.get(id) !== target) for (const listener of listeners) listener(id)
    }
  }

  /** What is taken is asked of the store inside the write: another process may have changed it since it was heard of. */
  async function add(target: Target): Promise<Target> {
    await store.write(async (tx, changed) => {
      const there = await readDeclared(tx, kinds, declared)
      if (there.targets.has(target.id)) throw new StintError('conflict', `target ${target.id} exists; remove it first`)
      for (const rule of target.hosts) refuseTaken(there, rule)
      await tx
        .insertInto('targets')
        .values({ id: target.id, target_json: JSON.stringify(target), at: Date.now() })
        .execute()
      changed('target', target.id)
    })
    return target
  }

  async function replace(before: Target, target: Target): Promise<Target> {
    await store.write(async (tx, changed) => {
      const there = (await readDeclared(tx, kinds, declared)).targets.get(target.id)
      if (JSON.stringify(there) !== JSON.stringify(before))
        throw new StintError('conflict', `target ${target.id} was changed meanwhile; look at it again`)
      await tx
        .updateTable('targets')
        .set({ target_json: JSON.stringify(target) })
        .where('id', '=', target.id)
        .execute()
      changed('target', target.id)
    })
    return target
  }

  async function remove(id: string): Promise<void> {
    await store.write(async (tx, changed) => {
      const { numDeletedRows } = await tx.deleteFrom('targets').where('id', '=', id).executeTakeFirstOrThrow()
      if (numDeletedRows === 0n) throw new StintError('not_found', `there is no target ${id}`)
      changed('target', id)
    })
  }

  function get(id: string): Target {
    const target = declared.targets.get(id)
    if (target === undefined) throw new StintError('not_found', `there is no target ${id}`)
    return target
  }

  async function addTunnel(tunnel: Tunnel): Promise<Tunnel> {
    const { host, port } = tunnel
    await store.write(async (tx, changed) => {
      const there = await readDeclared(tx, kinds, declared)
      if (there.tunnels.has(keyOf(tunnel))) throw new StintError('conflict', `${host}:${port} is allowed already`)
      const { hosts } = there
      const target = hosts.overlapping({ scheme: 'https', host, port }) ?? hosts.overlapping({ scheme: 'http', host, port })
      if (target !== undefined)
        throw new StintError('conflict', `${host}:${port} belongs to target ${target.id}; a tunnel would bypass it`)
      await tx.insertInto('tunnels').values({ host, port, at: Date.now() }).execute()
      changed('tunnel', keyOf(tunnel))
    })
    return tunnel
  }

  async function removeTunnel({ host, port }: Tunnel): Promise<void> {
    await store.write(async (tx, changed) => {
      const removal = tx.deleteFrom('tunnels').where('host', '=', host).where('port', '=', port)
      const { numDeletedRows } = await removal.executeTakeFirstOrThrow()
      if (numDeletedRows === 0n) throw new StintError('not_found', `there is no tunnel to ${host}:${port}`)
      changed('tunnel', keyOf({ host, port }))
    })
  }
}
