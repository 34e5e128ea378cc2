import { BUDGET_TAKES, parseBudget } from '../budget.ts'
import { StintError } from '../errors.ts'
import type { Budget, BudgetState } from '../model.ts'

/** What an option says of a budget. Throws `invalid_argument`. */
export function readBudget(text: string, option: string): Budget {
  const budget = parseBudget(text)
  if (budget === undefined) throw new StintError('invalid_argument', `${option} ${BUDGET_TAKES}`)
  return budget
}

/** One budget in a line. */
export function describeBudget({ unit, limit, used, isPaused }: BudgetState): string {
  return `${unit}: ${used} of ${limit} used${isPaused ? '; paused, since a request needed more' : ''}`
}
