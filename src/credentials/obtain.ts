import { randomBytes } from 'node:crypto'
import { Permit } from '../audit/permit.ts'
import { StintError } from '../errors.ts'
import type { Caller, Decided, Decision, Selector, Target, Task } from '../model.ts'
import { covers } from '../selector.ts'
import type { Connector } from './connector.ts'
import type { Lease } from './lease.ts'
import type { Vault } from './vault.ts'

/** Leases held at once; the oldest task’s go first, and are obtained again when asked for. */
const MAX_LEASES = 20_000

/** Turns a Permit into a Lease, and nothing else does (G1). */
export interface Obtain {
  /**
   * The same lease for the same task, target and credential while it lasts, at once; else a promise. Throws
   * `credential_missing`, `task_not_live`, `revoked` when it was dropped meanwhile; `internal` for what is not a Permit.
   */
  obtain(permit: Permit<Decided>): Lease | Promise<Lease>
  /** Forgets every lease the selector covers, those on their way included; answers how many. */
  drop(selector: Selector): number
  leases(): readonly Lease[]
}

/** What obtaining needs: the vault, the connectors by kind, the clock. */
export interface ObtainVerbs {
  readonly vault: Pick<Vault, 'open' | 'onChange'>
  readonly connectors: Readonly<Record<string, Connector>>
  now(): number
}

interface Allowed extends Decided {
  readonly task: Task
  readonly target: Target
}

interface Holding {
  readonly task: Task
  readonly target: Target
  readonly caller: Caller
  readonly variant: string
  isDropped: boolean
  lease: Lease | undefined
  coming: Promise<Lease> | undefined
}

/** Obtaining over the verbs; a credential that changes drops its leases by itself. */
export function createObtain({ vault, connectors, now }: ObtainVerbs): Obtain {
  const byTask = new Map<string, Holding[]>()
  let count = 0
  vault.onChange((id) => drop({ kind: 'credential', id }))
  return { obtain, drop, leases }

  function obtain(permit: Permit<Decided>): Lease | Promise<Lease> {
    const allowed = allowedBy(permit)
    const connector = connectorOf(allowed.target)
    const variant = connector.variant?.(allowed.action) ?? ''
    const held = find(allowed, variant)
    if (held?.lease !== undefined && lasts(held.lease, allowed.decision)) return held.lease
    if (held?.coming !== undefined) return held.coming.then((lease) => (lasts(lease, allowed.decision) ? lease : obtain(permit)))
    if (allowed.task.expiresAt <= now()) throw new StintError('task_not_live', 'the task expired')
    return begin(connector, allowed, held ?? hold(allowed, variant))
  }

  function find({ task, target }: Allowed, variant: string): Holding | undefined {
    for (const held of byTask.get(task.id) ?? NONE) if (held.target === target && held.variant === variant) return held
    return undefined
  }

  function hold({ task, target, caller }: Allowed, variant: string): Holding {
    const holding: Holding = { task, target, caller, variant, isDropped: false, lease: undefined, coming: undefined }
    if (count >= MAX_LEASES) evict()
    const holdings = byTask.get(task.id)
    if (holdings === undefined) byTask.set(task.id, [holding])
    else holdings.push(holding)
    count += 1
    return holding
  }

  function evict(): void {
    const [oldest] = byTask.keys()
    if (oldest !== undefined) drop({ kind: 'task', id: oldest })
  }

  /** One at a time for each holding: whoever comes meanwhile waits for the same lease. */
  function begin(connector: Connector, allowed: Allowed, holding: Holding): Promise<Lease> {
    holding.coming = mint(connector, allowed).then(
      (lease) => {
        holding.coming = undefined
        if (holding.isDropped) throw new StintError('revoked', 'the credential was withdrawn while it was obtained')
        holding.lease = lease
        return lease
      },
      (thrown) => {
        forget([holding.task.id], (one) => one === holding)
        throw thrown
      },
    )
    return holding.coming
  }

  async function mint(connector: Connector, { task, target, action, decision }: Allowed): Promise<Lease> {
    const { credentialId, hosts, privateNetworks, trustedCa } = target
    const standing = credentialId === undefined ? undefined : vault.open(credentialId)
    if (connector.obtain === undefined) throw new StintError('credential_missing', 'this kind of target has nothing to wrap')
    const { injections, expiresAt = Number.POSITIVE_INFINITY } = await connector.obtain({ task, target, action, standing })
    return {
      id: `lease_${randomBytes(12).toString('base64url')}`,
      taskId: task.id,
      targetId: target.id,
      credentialId,
      hosts,
      privateNetworks,
      trustedCa,
      injections,
      expiresAt: Math.min(task.expiresAt, expiresAt, latest(decision)),
      state: 'active',
    }
  }

  function lasts(lease: Lease, decision: Decision): boolean {
    return lease.expiresAt > now() && (decision.ttlSeconds === undefined || lease.expiresAt <= latest(decision))
  }

  function latest({ ttlSeconds }: Decision): number {
    return ttlSeconds === undefined ? Number.POSITIVE_INFINITY : now() + ttlSeconds * 1000
  }

  function drop(selector: Selector): number {
    const taskIds = selector.kind === 'task' ? [selector.id] : [...byTask.keys()]
    return forget(taskIds, (holding) => covers(selector, holding, () => NONE)) // a task’s descendants end one by one
  }

  function forget(taskIds: readonly string[], which: (holding: Holding) => boolean): number {
    let dropped = 0
    for (const taskId of taskIds) {
      const holdings = byTask.get(taskId) ?? NONE
      const left = holdings.filter((holding) => !which(holding))
      for (const holding of holdings) holding.isDropped ||= !left.includes(holding)
      dropped += holdings.length - left.length
      if (left.length > 0) byTask.set(taskId, left)
      else byTask.delete(taskId)
    }
    count -= dropped
    return dropped
  }

  function leases(): readonly Lease[] {
    return [...byTask.values()].flat().flatMap(({ lease }) => (lease !== undefined && lease.expiresAt > now() ? [lease] : []))
  }

  function connectorOf(target: Target): Connector {
    const connector = Object.hasOwn(connectors, target.connector) ? connectors[target.connector] : undefined
    if (connector === undefined) throw new StintError('credential_missing', 'the target’s connector is not known')
    return connector
  }
}

const NONE: readonly never[] = []

/** Refuses a forged Permit, and one for anything but an allow. */
function allowedBy(permit: Permit<Decided>): Allowed {
  if (!Permit.check(permit)) throw refused('a value that is not a Permit')
  const { decided } = permit
  if (decided.decision.effect !== 'allow') throw refused('a Permit without an allow')
  if (!isWhole(decided)) throw refused('a Permit without a task or a target')
  return decided
}

function isWhole(decided: Decided): decided is Allowed {
  return decided.task !== undefined && decided.target !== undefined
}

function refused(what: string): StintError {
  return new StintError('internal', 'Stint failed; nothing was forwarded', { operatorDetail: `obtain was given ${what}` })
}
