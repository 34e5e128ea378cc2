import type { Budget, BudgetUnit } from './model.ts'

/** What of a task can be bounded, in the order people are shown it. */
export const UNITS: readonly BudgetUnit[] = ['requests', 'writes', 'bytesOut', 'mintedCredentials', 'spend']

/** How a budget is written, for messages. */
export const BUDGET_TAKES = `takes whole numbers by name, such as requests=100,writes=5; known are ${UNITS.join(', ')}`

const AMOUNT = /^\d{1,15}$/

/** `requests=100,writes=5` as a budget; undefined for anything else, and for a unit that is named twice. */
export function parseBudget(text: string): Budget | undefined {
  const pairs = text.split(',').map((pair) => pair.split('='))
  if (!pairs.every((pair) => pair.length === 2 && AMOUNT.test(pair[1] ?? ''))) return undefined
  const budget = Object.fromEntries(pairs.map(([unit, amount]) => [unit, Number(amount)]))
  return Object.keys(budget).length === pairs.length && isBudget(budget) ? budget : undefined
}

/** A map of whole numbers, 0 or more, by unit. */
export function isBudget(value: unknown): value is Budget {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.entries(value).every(
    ([unit, amount]) => UNITS.some((one) => one === unit) && Number.isSafeInteger(amount) && amount >= 0,
  )
}

/** Says which unit of the budget is more than the bound has of it; undefined when none is. */
export function exceeds(budget: Budget, bound: Budget): string | undefined {
  const unit = UNITS.find((one) => (budget[one] ?? 0) > (bound[one] ?? Number.POSITIVE_INFINITY))
  return unit && `its budget of ${budget[unit]} ${unit} is more than ${bound[unit]}`
}

/** The smaller of both for every unit that either bounds. */
export function tighter(one: Budget, other: Budget): Budget {
  const least = (unit: BudgetUnit): number =>
    Math.min(one[unit] ?? Number.POSITIVE_INFINITY, other[unit] ?? Number.POSITIVE_INFINITY)
  return Object.fromEntries(UNITS.map((unit) => [unit, least(unit)] as const).filter(([, amount]) => Number.isFinite(amount)))
}
