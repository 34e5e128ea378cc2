import { hash } from 'node:crypto'
import type { Question, Standing } from './approvals/approvals.ts'
import type { Act, Budget, BudgetUnit, Decided, Decision, Task } from './model.ts'
import type { Budgets, Short } from './tasks/budgets.ts'

/** What affording needs of the rooms. */
export interface AffordVerbs {
  readonly budgets: Pick<Budgets, 'charge' | 'refund' | 'raise'>
  /** tasks/: the live tasks above it, nearest first. */
  above(task: Task): readonly Task[]
  /** approvals/: finds the question or asks it; `taken` is a yes, used up. Throws `store_unavailable`. */
  consent(question: Question): Promise<Standing>
  /** audit/record.ts: a budget is raised by what people said. Throws `audit_unavailable`. */
  recordRaise(task: Task, raised: Short, reason: string): Promise<unknown>
}

/** What an act uses, before it is let through. */
export interface Afford {
  /**
   * Charges the act to its task and every task above it: undefined when all of them can afford it, else the decision that stands in place
   * of the allow. The owner is then asked to raise the budget, and a yes is used up by the next request. Throws `store_unavailable`,
   * `audit_unavailable`.
   */
  charge(decided: Charged): Decision | undefined | Promise<Decision | undefined>
  /** It was not let through after all. */
  refund(decided: Charged): void
}

type Charged = Decided & Act

const ONE: Budget = { requests: 1 }
const ONE_WRITE: Budget = { requests: 1, writes: 1 }

/** Budgets of tasks, and people who may raise them. */
export function createAfford({ budgets, above, consent, recordRaise }: AffordVerbs): Afford {
  return {
    charge(decided) {
      const short = budgets.charge(chainOf(decided.task), costOf(decided))
      return short && settle(decided, short)
    },
    refund: (decided) => budgets.refund(chainOf(decided.task), costOf(decided)),
  }

  async function settle(decided: Charged, charging: Short | Promise<Short | undefined>): Promise<Decision | undefined> {
    const short = await charging
    const task = short && [decided.task, ...above(decided.task)].find(({ id }) => id === short.taskId)
    if (short === undefined || task === undefined) return short && pausedBy(decided.decision, short, [])
    const standing = await consent(questionOf(task, short, decided))
    if (standing.is !== 'taken') return pausedBy(decided.decision, short, sayOf(standing), standing)
    const names = standing.approval.answers.map(({ by }) => by).join(' and ')
    await recordRaise(task, short, `${names} said yes: ${standing.approval.id}`)
    await budgets.raise(short.taskId, { [short.unit]: short.wants })
    return settle(decided, Promise.resolve(budgets.charge(chainOf(decided.task), costOf(decided))))
  }

  function chainOf(task: Task): readonly string[] {
    return [task.id, ...above(task).map(({ id }) => id)]
  }
}

function costOf({ action }: Charged): Budget {
  return action.access === 'read' ? ONE : ONE_WRITE
}

/** One question for each limit that was reached, whichever request reached it. */
function questionOf(task: Task, short: Short, { caller }: Charged): Question {
  const { unit, limit, wants } = short
  return {
    binding: hash('sha256', JSON.stringify(['budget', task.id, unit, limit]), 'hex'),
    approver: 'owner',
    shown: {
      ...{ taskId: task.id, purpose: task.purpose, owner: task.owner, taskExpiresAt: task.expiresAt, callerId: caller.id },
      ...{ targetId: '', action: 'stint:Task::raise', access: 'write', resource: `${unit} by ${wants}`, parameters: {} },
      ...{ line: `raise the budget of ${task.id} by ${wants} ${unit}, from ${limit}` },
      ...{ risk: 0, riskReasons: [], policies: [], reasons: [wordsOf(task.id, unit, limit)] },
    },
  }
}

function wordsOf(taskId: string, unit: BudgetUnit, limit: number): string {
  return `The budget of task ${taskId}, ${limit} ${unit}, has too little left: it is paused.`
}

function sayOf(standing: Exclude<Standing, { is: 'taken' }>): readonly string[] {
  if (standing.is === 'impossible') return [standing.why]
  const { id, answers, owner } = standing.approval
  if (standing.is === 'pending') return [`Its owner, ${owner}, is asked to raise it: ${id}.`]
  const no = answers.find(({ said }) => said === 'no')
  return [`${no?.by ?? 'Somebody'} said no to raising it${no?.reason === undefined ? '' : `, "${no.reason}"`}: ${id}.`]
}

function pausedBy({ policySetHash, policies }: Decision, short: Short, more: readonly string[], standing?: Standing): Decision {
  const reasons = [wordsOf(short.taskId, short.unit, short.limit), ...more]
  const told = { policies, policySetHash, code: 'budget_exceeded', reasons }
  if (standing?.is !== 'pending') return { ...told, effect: 'deny' }
  const { id, taskId, expiresAt } = standing.approval
  return { ...told, effect: 'needs-approval', approver: 'owner', approval: { id, taskId, expiresAt } }
}
