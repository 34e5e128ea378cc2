import { randomBytes } from 'node:crypto'
import { Permit } from '../audit/permit.ts'
import { StintError } from '../errors.ts'
import type { About, Caller, Decided, Decision, Selector, Target, Task } from '../model.ts'
import { covers } from '../selector.ts'
import type { Connector } from './connector.ts'
import { grantFor } from './hand-out.ts'
import type { Lease } from './lease.ts'
import type { Cause } from './lease-record.ts'
import type { Leases } from './leases.ts'
import type { Grant } from './minting.ts'
import type { Vault } from './vault.ts'

/** Leases held at once; the oldest task’s go first, and are obtained again when asked for. */
const MAX_LEASES = 150_000
/** A minted lease that is this near its end is renewed while it still serves. */
const RENEW_MS = 30_000
/** After a renewal that failed. */
const RENEW_AGAIN_MS = 5000
/** A target that refuses everything is no reason to ask the provider each time. */
const DOUBT_AGAIN_MS = 10_000

/** Turns a Permit into a Lease, and nothing else does (G1). */
export interface Obtain {
  /**
   * The same lease for the same task, target and credential while it lasts, at once; else a promise. Throws
   * `credential_missing`, `task_not_live`, `revoked` when it was dropped meanwhile; `internal` for what is not a Permit.
   */
  obtain(permit: Permit<Decided>): Lease | Promise<Lease>
  /** Ends every lease the selector covers, those on their way included: none is used again, and the minted ones are revoked. Answers how many. */
  drop(selector: Selector, cause: Cause): number
  /** Its target refused it: when its provider does so too, the next one who obtains it gets another. Looks now and then only. */
  doubt(lease: Lease): void
  leases(): readonly Lease[]
}

/** What obtaining needs: the vault, the connectors by kind, the clock. */
export interface ObtainVerbs {
  readonly vault: Pick<Vault, 'open' | 'onChange'>
  readonly connectors: Readonly<Record<string, Connector>>
  readonly leases: Pick<Leases, 'issue' | 'end' | 'endOne' | 'doubt'>
  /** Whether the task lives and no revocation covers what it asks for. */
  isAllowed(about: About): boolean
  /**
   * Epoch milliseconds until which the target's credential may be used; Infinity for one that is not sealed. Throws `sealed` where it
   * is and no opening is for this task: no policy reaches it. From memory.
   */
  usableUntil(about: Pick<About, 'task' | 'target'>): number
  now(): number
  /** Leases held at once; 150,000 unless given. */
  readonly maxLeases?: number
  /** A renewal that nobody waits for failed. */
  report(thrown: unknown): void
}

interface Allowed extends Decided {
  readonly task: Task
  readonly target: Target
}

interface Holding {
  readonly task: Task
  readonly target: Target
  readonly caller: Caller
  /** The key of its grant, or the shape of what it wraps. */
  readonly variant: string
  grant: Grant | undefined
  isDropped: boolean
  renewAt: number
  doubtAgainAt: number
  lease: Lease | undefined
  coming: Promise<Lease> | undefined
}

/** Obtaining over the verbs; a credential that changes drops its leases by itself. */
export function createObtain({
  vault,
  connectors,
  leases: minted,
  isAllowed,
  usableUntil,
  now,
  report,
  maxLeases = MAX_LEASES,
}: ObtainVerbs): Obtain {
  const byTask = new Map<string, Holding[]>()
  let count = 0
  vault.onChange((id) => void forgetUnder({ kind: 'credential', id })) // what it minted stays, and is revoked by its new value
  return { obtain, drop, doubt, leases }

  function obtain(permit: Permit<Decided>): Lease | Promise<Lease> {
    const allowed = allowedBy(permit)
    usableUntil(allowed)
    const connector = connectorOf(allowed.target)
    const grant = connector.minting && grantFor(connector.minting, allowed)
    const variant = grant?.key ?? connector.variant?.(allowed.action) ?? ''
    const held = find(allowed, variant)
    if (held?.lease !== undefined && lasts(held.lease, allowed.decision)) {
      if (held.renewAt <= now()) renew(connector, allowed, held, held.lease)
      return held.lease
    }
    if (held?.coming !== undefined) return held.coming.then((lease) => (lasts(lease, allowed.decision) ? lease : obtain(permit)))
    if (allowed.task.expiresAt <= now()) throw new StintError('task_not_live', 'the task expired')
    return begin(connector, allowed, held ?? hold(allowed, variant, grant))
  }

  function find({ task, target }: Allowed, variant: string): Holding | undefined {
    for (const held of byTask.get(task.id) ?? NONE) if (held.target === target && held.variant === variant) return held
    return undefined
  }

  function hold({ task, target, caller }: Allowed, variant: string, grant: Grant | undefined): Holding {
    const renewAt = Number.POSITIVE_INFINITY
    const holding: Holding = {
      task,
      target,
      caller,
      variant,
      grant,
      renewAt,
      doubtAgainAt: 0,
      isDropped: false,
      lease: undefined,
      coming: undefined,
    }
    if (count >= maxLeases) evict()
    const holdings = byTask.get(task.id)
    if (holdings === undefined) byTask.set(task.id, [holding])
    else holdings.push(holding)
    count += 1
    return holding
  }

  function evict(): void {
    const [oldest] = byTask.keys()
    if (oldest !== undefined) forgetUnder({ kind: 'task', id: oldest })
  }

  /** One at a time for each holding: whoever comes meanwhile waits for the same lease. */
  function begin(connector: Connector, allowed: Allowed, holding: Holding): Promise<Lease> {
    holding.coming = make(connector, allowed, holding).then(
      (lease) => {
        holding.coming = undefined
        if (holding.isDropped) throw new StintError('revoked', 'the credential was withdrawn while it was obtained')
        take(holding, lease)
        return lease
      },
      (thrown) => {
        forget([holding.task.id], (one) => one === holding)
        throw thrown
      },
    )
    return holding.coming
  }

  function take(holding: Holding, lease: Lease): void {
    holding.lease = lease
    const isRenewed = holding.grant !== undefined && lease.expiresAt < holding.task.expiresAt
    const left = lease.expiresAt - now()
    holding.renewAt = isRenewed ? lease.expiresAt - Math.min(RENEW_MS, left / 2) : Number.POSITIVE_INFINITY
  }

  /** While the old one serves on, until it expires. */
  function renew(connector: Connector, allowed: Allowed, holding: Holding, { id }: Lease): void {
    holding.renewAt = now() + RENEW_AGAIN_MS
    make(connector, allowed, holding, id).then((lease) => {
      if (!holding.isDropped) take(holding, lease)
    }, report)
  }

  async function make(connector: Connector, allowed: Allowed, holding: Holding, instead?: string): Promise<Lease> {
    const { task, target, caller, action, decision } = allowed
    const { grant } = holding
    const latestEnd = Math.min(task.expiresAt, latest(decision), usableUntil(allowed))
    if (grant !== undefined) {
      const { record, injections } = await minted.issue({ caller, task, target, grant, expiresAt: latestEnd, instead })
      if (holding.isDropped || !isAllowed(allowed)) {
        await minted.endOne(record.id, { why: 'it was withdrawn while it was made' })
        throw new StintError('revoked', 'the credential was withdrawn while it was obtained')
      }
      holding.grant = record.grant // which it has in common with others
      return leaseOf(allowed, record.id, injections, record.expiresAt)
    }
    if (connector.minting !== undefined) return wrappingOf(allowed, [], latestEnd)
    if (connector.obtain === undefined) throw new StintError('credential_missing', 'this kind of target has nothing to wrap')
    const standing = target.credentialId === undefined ? undefined : vault.open(target.credentialId)
    const { injections, expiresAt = Number.POSITIVE_INFINITY } = await connector.obtain({ task, target, action, standing })
    return wrappingOf(allowed, injections, Math.min(latestEnd, expiresAt))
  }

  /** A lease of what was not made for it: a wrapped credential, or none. */
  function wrappingOf(allowed: Allowed, injections: Lease['injections'], expiresAt: number): Lease {
    return leaseOf(allowed, `lease_${randomBytes(12).toString('base64url')}`, injections, expiresAt)
  }

  function leaseOf({ task, target }: Allowed, id: string, injections: Lease['injections'], expiresAt: number): Lease {
    const { credentialId, hosts, privateNetworks, trustedCa } = target
    const places = { credentialId, hosts, privateNetworks, trustedCa }
    const program = connectorOf(target).programOf?.(target)
    return { id, taskId: task.id, targetId: target.id, ...places, injections, program, expiresAt, state: 'active' }
  }

  function lasts(lease: Lease, decision: Decision): boolean {
    return lease.expiresAt > now() && (decision.ttlSeconds === undefined || lease.expiresAt <= latest(decision))
  }

  function latest({ ttlSeconds }: Decision): number {
    return ttlSeconds === undefined ? Number.POSITIVE_INFINITY : now() + ttlSeconds * 1000
  }

  function drop(selector: Selector, cause: Cause): number {
    const dropped = new Set(forgetUnder(selector))
    for (const id of minted.end(selector, cause)) dropped.add(id)
    return dropped.size
  }

  function doubt(lease: Lease): void {
    const held = (byTask.get(lease.taskId) ?? NONE).find((one) => one.lease === lease)
    if (held?.grant === undefined || held.doubtAgainAt > now()) return
    held.doubtAgainAt = now() + DOUBT_AGAIN_MS
    minted.doubt(lease.id).then((isGone) => {
      if (isGone) forget([lease.taskId], (one) => one === held)
    }, report)
  }

  /** Answers the ids of those that were there. */
  function forgetUnder(selector: Selector): readonly string[] {
    const taskIds = selector.kind === 'task' ? [selector.id] : [...byTask.keys()]
    return forget(taskIds, (holding) => covers(selector, holding, () => NONE)) // a task’s descendants end one by one
  }

  function forget(taskIds: readonly string[], which: (holding: Holding) => boolean): readonly string[] {
    const dropped: string[] = []
    for (const taskId of taskIds) {
      const holdings = byTask.get(taskId) ?? NONE
      const left = holdings.filter((holding) => !which(holding))
      for (const holding of holdings) {
        if (left.includes(holding)) continue
        holding.isDropped = true
        dropped.push(holding.lease?.id ?? `coming ${dropped.length}`)
      }
      count -= holdings.length - left.length
      if (left.length > 0) byTask.set(taskId, left)
      else byTask.delete(taskId)
    }
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
