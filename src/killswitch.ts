import type { Caller, Revocation, Selector, Task } from './model.ts'
import { nameOf } from './selector.ts'

/** What a revocation did, with timings in milliseconds since it was asked for. */
export interface Receipt {
  readonly revocation: Revocation
  /** Index of the act in the audit log; absent when the log could not be written, which never delays a stop. */
  readonly entry?: number
  /** Every gateway of the installation that enforces it, and when it confirmed. */
  readonly gateways: readonly { readonly id: string; readonly confirmedMs: number }[]
  /** Gateways that did not confirm within their bound: by now each refuses everything by itself, or is gone (G4). */
  readonly unconfirmed: readonly string[]
  readonly cut: number
  readonly endedTasks: readonly string[]
  readonly droppedLeases: number
  readonly timings: { readonly inForceMs: number; readonly cutMs: number; readonly totalMs: number }
}

/** Who demands it, and why. */
export interface Demand {
  /** Without a proof it is Stint itself. */
  readonly by: Pick<Caller, 'id'> & Partial<Pick<Caller, 'proof'>>
  readonly reason: string
  readonly correlationId: string
}

/** Which other gateways took it, after how many milliseconds, and which did not say. */
interface Confirmed {
  readonly confirmed: readonly { readonly id: string; readonly ms: number }[]
  readonly unconfirmed: readonly string[]
}

/** The verbs of the stop, each owned by one folder. */
export interface KillswitchVerbs {
  /** revocations/: durable and in force when it resolves. */
  deny(selector: Selector, reason: string, by: string): Promise<Revocation>
  lift(number: number, by: string): Promise<Revocation>
  /** audit/record.ts. Throws `audit_unavailable`. */
  recordAct(act: {
    caller: Demand['by']
    correlationId: string
    action: string
    subject: string
    reason: string
  }): Promise<number>
  /** store/: waits until every other gateway has taken what was written, or refuses everything. `self` is this one’s id. */
  readonly gateways: { readonly self: string; confirm(): Promise<Confirmed> }
  /** revocations/flows.ts of this gateway: cuts at once. */
  cut(selector: Selector): number
  /** tasks/: the live tasks that die with this selector; none for a target or a credential. */
  tasksUnder(selector: Selector): readonly Task[]
  /** tasks/: ends them all, durably. Throws `store_unavailable`; they are dead all the same. */
  endTasks(ids: readonly string[], reason: string): Promise<unknown>
  /** credentials/obtain.ts: no lease the selector covers is used any more, and the minted ones are revoked from now on. */
  dropLeases(selector: Selector, cause: { readonly why: string; readonly revocation: number }): number
  report(thrown: unknown): void
}

/** THE STOP: see ARCHITECTURE.md. */
export interface Killswitch {
  /** When it resolves, nothing the selector covers is allowed any more, and what was open is cut (G3). Throws `store_unavailable`. */
  revoke(selector: Selector, demand: Demand): Promise<Receipt>
  /** Un-revoking is a new, recorded act; what the revocation ended stays ended. Throws `not_found`, `conflict`, `audit_unavailable`. */
  lift(number: number, demand: Demand): Promise<Revocation>
}

/** The kill switch over the verbs that the folders lend it. */
export function createKillswitch(verbs: KillswitchVerbs): Killswitch {
  return { revoke, lift }

  async function revoke(selector: Selector, demand: Demand): Promise<Receipt> {
    const startedAt = performance.now()
    const since = (): number => Math.round((performance.now() - startedAt) * 100) / 100
    const recorded = record(selector, demand)
    const revocation = await verbs.deny(selector, demand.reason, demand.by.id)
    const inForceMs = since()
    const cut = verbs.cut(selector)
    const cutMs = since()
    const confirming = verbs.gateways.confirm()
    const why = `revocation ${revocation.number}: ${demand.reason}`
    const droppedLeases = verbs.dropLeases(selector, { why, revocation: revocation.number })
    const ended = verbs.tasksUnder(selector).map((task) => task.id)
    await verbs.endTasks(ended, why)
    const entry = await recorded
    const { confirmed, unconfirmed } = await confirming
    const others = confirmed.map(({ id, ms }) => ({ id, confirmedMs: Math.round((cutMs + ms) * 100) / 100 }))
    return {
      revocation,
      ...(entry !== undefined && { entry }),
      gateways: [{ id: verbs.gateways.self, confirmedMs: cutMs }, ...others],
      unconfirmed,
      cut,
      endedTasks: ended,
      droppedLeases,
      timings: { inForceMs, cutMs, totalMs: since() },
    }
  }

  async function lift(number: number, { by: caller, reason, correlationId }: Demand): Promise<Revocation> {
    await verbs.recordAct({ caller, correlationId, action: 'stint:Revocation::lift', subject: String(number), reason })
    return verbs.lift(number, caller.id)
  }

  /** A stop is recorded like every act, but never waits for the log: refusing to stop would be the unsafe answer. */
  async function record(selector: Selector, { by: caller, reason, correlationId }: Demand): Promise<number | undefined> {
    try {
      const subject = nameOf(selector)
      return await verbs.recordAct({ caller, correlationId, action: 'stint:Revocation::create', subject, reason })
    } catch (thrown) {
      verbs.report(thrown)
      return undefined
    }
  }
}
