import { UNITS } from '../budget.ts'
import { StintError } from '../errors.ts'
import type { Budget, BudgetState, BudgetUnit } from '../model.ts'
import type { Store } from '../store/store.ts'
import { type BudgetKey, giveBack, insertBudget, type KeptBudget, raiseRow, readBudgets, takePortion } from './budget-rows.ts'

/** A budget that has less left than is needed, and how much more it would take. */
export interface Short extends BudgetKey {
  readonly limit: number
  readonly wants: number
}

/** A task and those above it, nearest first: what the one uses counts against all. */
type Chain = readonly string[]

/**
 * What tasks may still use. Each gateway takes portions of a budget from the store, one transaction each, and counts them down in memory:
 * together they never use more than the limit, whichever of them dies when.
 */
export interface Budgets {
  /** How many are paused. */
  readonly paused: number
  /**
   * Uses all of `cost`, or nothing: undefined when it is used, else the budget that is short and paused from now on. At once while the
   * portions last. Throws `store_unavailable`.
   */
  charge(chain: Chain, cost: Budget): Short | undefined | Promise<Short | undefined>
  /** Whether any of them is bounded in this unit. */
  bounds(chain: Chain, unit: BudgetUnit): boolean
  /** What was charged and not done. */
  refund(chain: Chain, cost: Budget): void
  /** Durable when it resolves, to the limits that they had: they go on, at every gateway. Throws `not_found`, `invalid_argument`, `store_unavailable`. */
  raise(taskId: string, by: Budget): Promise<Budget>
  /** With what other gateways hold counted as used. Throws `store_unavailable`. */
  show(taskId: string): Promise<readonly BudgetState[]>
  /** The tightest limits among these tasks. */
  limits(chain: Chain): Budget
  /** Hears once of each pause, from the gateway that made it. */
  onPause(listener: (short: Short) => void): void
}

/** The budgets as tasks.ts keeps them: known from before a task is live until after it has ended. */
export interface KeptBudgets extends Budgets {
  insert(...args: Parameters<typeof insertBudget>): Promise<void>
  /** Known from now on, and nothing of it used. */
  begin(taskId: string, budget: Budget): void
  /** Knows those of these tasks, or of all that live. */
  load(taskIds?: readonly string[]): Promise<void>
  /** The task is over; what is left of its portions is put back in the background. */
  forget(taskId: string): void
  /** Puts back what is left of all portions. Throws `store_unavailable`. */
  close(): Promise<void>
}

/** A budget in memory, and the portion of it that is held here. */
interface Meter {
  kept: KeptBudget
  held: number
  filling?: Promise<void>
}

const NONE: readonly Meter[] = []

/** None yet: `load` knows those of the store. `report` hears of what could not be put back. */
export function createBudgets(store: Store, report: (thrown: unknown) => void): KeptBudgets {
  const byTask = new Map<string, readonly Meter[]>()
  const listeners: ((short: Short) => void)[] = []
  store.watch('task_budget', async (ids) => {
    for (const kept of await readBudgets(
      store,
      ids.filter((id) => byTask.has(id)),
    ))
      note(kept)
  })
  return {
    get paused() {
      return [...byTask.values()].flat().filter(({ kept }) => kept.wants !== undefined).length
    },
    charge(chain, cost) {
      const meters = metersOf(chain)
      return meters.length === 0 ? undefined : pay(meters, cost)
    },
    bounds: (chain, unit) => metersOf(chain).some(({ kept }) => kept.unit === unit),
    refund(chain, cost) {
      for (const meter of metersOf(chain)) meter.held += cost[meter.kept.unit] ?? 0
    },
    raise,
    async show(taskId) {
      const kept = await readBudgets(store, [taskId])
      return UNITS.flatMap((unit) => kept.find((one) => one.unit === unit) ?? []).map((one) => stateOf(one, heldOf(one)))
    },
    limits(chain) {
      const all = metersOf(chain).map(({ kept }) => kept)
      return Object.fromEntries(
        UNITS.flatMap((unit) => {
          const limits = all.filter((one) => one.unit === unit).map(({ limit }) => limit)
          return limits.length === 0 ? [] : [[unit, Math.min(...limits)]]
        }),
      )
    },
    onPause: (listener) => listeners.push(listener),
    insert: insertBudget,
    begin(taskId, budget) {
      for (const unit of UNITS) {
        const limit = budget[unit]
        if (limit !== undefined) admit({ taskId, unit, step: limit, limit, taken: 0 })
      }
    },
    async load(taskIds) {
      for (const kept of await readBudgets(store, taskIds)) if (!note(kept)) admit(kept)
    },
    forget(taskId) {
      const meters = byTask.get(taskId) ?? NONE
      byTask.delete(taskId)
      putBack(meters).catch(report)
    },
    close: () => putBack([...byTask.values()].flat()),
  }

  function admit(kept: KeptBudget): void {
    byTask.set(kept.taskId, [...(byTask.get(kept.taskId) ?? NONE), { kept, held: 0 }])
  }

  /** False when it is not known. What was read earlier and is heard of later changes nothing: a limit only grows, and only that ends a pause. */
  function note(kept: KeptBudget): boolean {
    const meter = byTask.get(kept.taskId)?.find(({ kept: { unit } }) => unit === kept.unit)
    if (meter === undefined) return false
    const { limit, wants } = meter.kept
    if (kept.limit > limit || (kept.limit === limit && (kept.wants !== undefined || wants === undefined))) meter.kept = kept
    return true
  }

  function metersOf(chain: Chain): readonly Meter[] {
    if (byTask.size === 0) return NONE
    return chain.length === 1 ? (byTask.get(chain[0] ?? '') ?? NONE) : chain.flatMap((id) => byTask.get(id) ?? NONE)
  }

  function heldOf({ taskId, unit }: BudgetKey): number {
    return byTask.get(taskId)?.find(({ kept }) => kept.unit === unit)?.held ?? 0
  }

  /** In one tick where every portion lasts. A request meets every pause; what a request goes on to use, those of its own units. */
  function pay(meters: readonly Meter[], cost: Budget): Short | undefined | Promise<Short | undefined> {
    const paused = meters.find(
      ({ kept }) => kept.wants !== undefined && (cost.requests !== undefined || cost[kept.unit] !== undefined),
    )
    if (paused !== undefined) return shortOf(paused.kept)
    const empty = meters.find(({ kept, held }) => held < (cost[kept.unit] ?? 0))
    if (empty !== undefined) return refill(empty, cost[empty.kept.unit] ?? 0).then(() => pay(meters, cost))
    for (const meter of meters) meter.held -= cost[meter.kept.unit] ?? 0
    return undefined
  }

  /** One at a time for each budget: who waits meanwhile looks again, and may have to take more. */
  function refill(meter: Meter, need: number): Promise<void> {
    meter.filling ??= fill(meter, need).finally(() => {
      delete meter.filling
    })
    return meter.filling
  }

  async function fill(meter: Meter, need: number): Promise<void> {
    const before = meter.kept.wants
    const missing = need - meter.held
    if (missing <= 0) return
    const { budget, portion } = await store.write(async (tx, changed) => {
      const taken = await takePortion(tx, meter.kept, missing)
      if (taken.portion === 0) changed('task_budget', meter.kept.taskId)
      return taken
    })
    meter.held += portion
    note(budget)
    if (portion > 0 || before !== undefined) return
    for (const listener of listeners) listener(shortOf(budget))
  }

  async function raise(taskId: string, by: Budget): Promise<Budget> {
    const raised = await store.write(async (tx, changed) => {
      const rows: KeptBudget[] = []
      for (const unit of UNITS) if (by[unit]) rows.push(await raiseRow(tx, { taskId, unit }, by[unit]))
      if (rows.length === 0) throw new StintError('invalid_argument', 'name a budget to raise, and by how much')
      changed('task_budget', taskId)
      return rows
    })
    for (const kept of raised) note(kept)
    return Object.fromEntries(raised.map(({ unit, limit }) => [unit, limit - (by[unit] ?? 0)]))
  }

  async function putBack(meters: readonly Meter[]): Promise<void> {
    const held = meters.filter((meter) => meter.held > 0)
    if (held.length === 0) return
    const amounts = held.map(({ kept, held: amount }) => ({ kept, amount }))
    for (const meter of held) meter.held = 0
    await store.write(async (tx) => {
      for (const { kept, amount } of amounts) await giveBack(tx, kept, amount)
    })
  }
}

function shortOf({ taskId, unit, limit, wants = 0 }: KeptBudget): Short {
  return { taskId, unit, limit, wants }
}

function stateOf({ unit, limit, taken, wants }: KeptBudget, held: number): BudgetState {
  return { unit, limit, used: taken - held, isPaused: wants !== undefined }
}
