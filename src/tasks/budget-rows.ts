import type { Transaction } from 'kysely'
import { UNITS } from '../budget.ts'
import { StintError } from '../errors.ts'
import type { Budget, BudgetUnit } from '../model.ts'
import type { Store } from '../store/store.ts'
import type { BudgetRow, Tables } from '../store/tables.ts'

type Tx = Transaction<Tables>

/** Which budget of which task. */
export interface BudgetKey {
  readonly taskId: string
  readonly unit: BudgetUnit
}

/** A budget as it is kept. */
export interface KeptBudget extends BudgetKey {
  /** What it was at first, and what a raise is asked for in. */
  readonly step: number
  readonly limit: number
  /** What gateways have taken of it to use; what one of them never used, because it died, counts as used. */
  readonly taken: number
  /** Present while it is paused: how much more is asked for. */
  readonly wants?: number
}

/** Of what is left a gateway takes this part at a time, so that a budget costs few writes, and a gateway that dies loses little. */
const PORTION = 16

/** The rows of a new task. */
export async function insertBudget(tx: Tx, taskId: string, budget: Budget): Promise<void> {
  for (const unit of UNITS) {
    const limit = budget[unit]
    if (limit === undefined) continue
    await tx
      .insertInto('task_budgets')
      .values({ task_id: taskId, unit, step: limit, most: limit, taken: 0, wants: null })
      .execute()
  }
}

/** The budgets of these tasks; of all that are live where none are named. */
export async function readBudgets({ db }: Pick<Store, 'db'>, taskIds?: readonly string[]): Promise<readonly KeptBudget[]> {
  const all = db.selectFrom('task_budgets').selectAll('task_budgets')
  if (taskIds !== undefined) return taskIds.length === 0 ? [] : (await all.where('task_id', 'in', taskIds).execute()).map(fromRow)
  const live = all.innerJoin('tasks', 'tasks.id', 'task_budgets.task_id').where('tasks.state', '=', 'live')
  return (await live.execute()).map(fromRow)
}

/**
 * Takes a portion of what is left, `need` at least, or pauses the budget where less is left; one that is paused stays so. Answers the
 * budget as it is then, and what was taken. Throws `not_found`.
 */
export async function takePortion(tx: Tx, key: BudgetKey, need: number): Promise<{ budget: KeptBudget; portion: number }> {
  const budget = await readOne(tx, key)
  if (budget.wants !== undefined) return { budget, portion: 0 }
  const left = budget.limit - budget.taken
  if (left < need) {
    const wants = budget.step === 0 ? need : budget.step * Math.ceil((need - left) / budget.step)
    await update(tx, budget, { wants })
    return { budget: { ...budget, wants }, portion: 0 }
  }
  const portion = Math.max(need, Math.floor(left / PORTION))
  const taken = budget.taken + portion
  await update(tx, budget, { taken })
  return { budget: { ...budget, taken }, portion }
}

/** Raises the limit, by which a paused one goes on. Throws `not_found` where the task has no such budget, `invalid_argument` beyond all counting. */
export async function raiseRow(tx: Tx, key: BudgetKey, by: number): Promise<KeptBudget> {
  const { wants: _, ...budget } = await readOne(tx, key)
  const limit = budget.limit + by
  if (!Number.isSafeInteger(limit)) throw new StintError('invalid_argument', `a budget of ${limit} ${key.unit} cannot be counted`)
  await update(tx, budget, { most: limit, wants: null })
  return { ...budget, limit }
}

/** Puts back what was taken and is not used. */
export async function giveBack(tx: Tx, key: BudgetKey, amount: number): Promise<void> {
  const budget = await readOne(tx, key)
  await update(tx, budget, { taken: budget.taken - amount })
}

async function readOne(tx: Tx, { taskId, unit }: BudgetKey): Promise<KeptBudget> {
  const row = await tx
    .selectFrom('task_budgets')
    .selectAll()
    .where('task_id', '=', taskId)
    .where('unit', '=', unit)
    .executeTakeFirst()
  if (row === undefined) throw new StintError('not_found', `task ${taskId} has no budget of ${unit}`)
  return fromRow(row)
}

/** Compare and set: nothing else wrote since it was read, or nothing is written. Throws `store_unavailable`. */
async function update(tx: Tx, read: KeptBudget, change: Partial<Pick<BudgetRow, 'most' | 'taken' | 'wants'>>): Promise<void> {
  const { numUpdatedRows } = await tx
    .updateTable('task_budgets')
    .set(change)
    .where('task_id', '=', read.taskId)
    .where('unit', '=', read.unit)
    .where('taken', '=', read.taken)
    .where('most', '=', read.limit)
    .executeTakeFirst()
  if (numUpdatedRows !== 1n) throw new StintError('store_unavailable', 'a budget changed while it was being changed')
}

function fromRow({ task_id: taskId, unit: name, step, most: limit, taken, wants }: BudgetRow): KeptBudget {
  const unit = UNITS.find((one) => one === name)
  if (unit === undefined)
    throw new StintError('store_unavailable', 'a stored budget is damaged', { operatorDetail: `unit ${name} of ${taskId}` })
  return { taskId, unit, step, limit, taken, ...(wants !== null && { wants }) }
}
