import { hash } from 'node:crypto'
import type { Question, Standing } from './approvals/approvals.ts'
import { UNITS } from './budget.ts'
import { StintError } from './errors.ts'
import type { About, Act, Budget, BudgetUnit, CountOut, Decided, Decision, Task } from './model.ts'
import { namesAction } from './scope.ts'
import type { Budgets, Short } from './tasks/budgets.ts'

/** What affording needs of the rooms. */
export interface AffordVerbs {
  readonly budgets: Pick<Budgets, 'bounds' | 'charge' | 'refund' | 'raise'>
  /** tasks/: the live tasks above it, nearest first. */
  above(task: Task): readonly Task[]
  /** approvals/: finds the question or asks it; `taken` is a yes, used up. Throws `store_unavailable`. */
  consent(question: Question): Promise<Standing>
  /** approvals/: nobody needs to answer what is bound to this. Throws nothing. */
  withdraw(binding: string): Promise<void>
  /** audit/record.ts: a budget is raised by what people said. Throws `audit_unavailable`. */
  recordRaise(task: Task, raised: Short, reason: string): Promise<unknown>
}

/** What acts use, before they use it. All throw `store_unavailable` and `audit_unavailable`. */
export interface Afford {
  /**
   * Charges the act to its task and every task above it: undefined when all of them can afford it, else the decision that stands in place
   * of the allow. The owner is then asked to raise the budget, and a yes is used up by whatever next needs it.
   */
  charge(decided: Charged): Decision | undefined | Promise<Decision | undefined>
  /** It was not let through after all. */
  refund(decided: Charged): void
  /** What counts the bytes that the act sends; undefined where no budget bounds them. */
  countOut(act: Act): CountOut | undefined
  /** An operator raises budgets of a task, and nobody is asked to any more. Throws `not_found` and `invalid_argument`, too. */
  raise(taskId: string, by: Budget): Promise<void>
  /** Charges a credential that is about to be made. Throws `budget_exceeded`. */
  mint(about: About): Promise<void>
}

type Charged = Decided & Act
type Charging = Short | undefined | Promise<Short | undefined>

/** A budget that is short, and what there is to the question about it; none where its task is gone. */
interface Refused {
  readonly short: Short
  readonly standing?: Exclude<Standing, { is: 'taken' }>
}

/** Budgets of tasks, and people who may raise them. */
export function createAfford({ budgets, above, consent, withdraw, recordRaise }: AffordVerbs): Afford {
  /** By what they are bound to. */
  const underWay = new Map<string, Promise<Standing>>()
  return {
    charge(decided) {
      const cost = costOf(decided)
      const charging = budgets.charge(chainOf(decided.task), cost)
      return charging && settle(decided, cost, charging).then((refused) => refused && pausedBy(decided.decision, refused))
    },
    refund: (decided) => budgets.refund(chainOf(decided.task), costOf(decided)),
    countOut(act) {
      const chain = chainOf(act.task)
      if (!budgets.bounds(chain, 'bytesOut')) return undefined
      return (bytes) => {
        const charging = budgets.charge(chain, { bytesOut: bytes })
        return charging === undefined || settle(act, { bytesOut: bytes }, charging).then((refused) => refused === undefined)
      }
    },
    async raise(taskId, by) {
      const before = await budgets.raise(taskId, by)
      for (const unit of UNITS) if (before[unit] !== undefined) await withdraw(bindingOf(taskId, unit, before[unit]))
    },
    async mint(about) {
      const cost = { mintedCredentials: 1 }
      const refused = await settle(about, cost, budgets.charge(chainOf(about.task), cost))
      if (refused !== undefined) throw new StintError('budget_exceeded', reasonsOf(refused).join(' '))
    },
  }

  async function settle(about: About, cost: Budget, charging: Charging): Promise<Refused | undefined> {
    const short = await charging
    if (short === undefined) return undefined
    const task = [about.task, ...above(about.task)].find(({ id }) => id === short.taskId)
    if (task === undefined) return { short }
    const question = questionOf(task, short, about)
    const asking = underWay.get(question.binding) ?? ask(task, short, question)
    const standing = await asking
    if (standing.is !== 'taken') return { short, standing }
    return settle(about, cost, budgets.charge(chainOf(about.task), cost))
  }

  /** Once for all that meet the same limit at the same time: when it answers that a yes was taken, the limit is another. */
  function ask(task: Task, short: Short, question: Question): Promise<Standing> {
    const asking = askAndRaise(task, short, question).finally(() => underWay.delete(question.binding))
    underWay.set(question.binding, asking)
    return asking
  }

  async function askAndRaise(task: Task, short: Short, question: Question): Promise<Standing> {
    const standing = await consent(question)
    if (standing.is !== 'taken') return standing
    const names = standing.approval.answers.map(({ by }) => by).join(' and ')
    await recordRaise(task, short, `${names} said yes: ${standing.approval.id}`)
    await budgets.raise(short.taskId, { [short.unit]: short.wants })
    return standing
  }

  function chainOf(task: Task): readonly string[] {
    return task.parentId === undefined ? [task.id] : [task.id, ...above(task).map(({ id }) => id)]
  }
}

const ONE: Budget = { requests: 1 }
const ONE_WRITE: Budget = { requests: 1, writes: 1 }

function costOf({ action, target }: Charged): Budget {
  const cost = action.access === 'read' ? ONE : ONE_WRITE
  return target.prices === undefined ? cost : { ...cost, spend: priceOf(action.id, target.prices) }
}

/** Of all patterns that name the action the longest says what it costs; nothing where none does. */
function priceOf(action: string, prices: Readonly<Record<string, number>>): number {
  const named = Object.keys(prices).filter((pattern) => namesAction(pattern, action))
  const [longest] = named.sort((one, other) => other.length - one.length)
  return (longest === undefined ? undefined : prices[longest]) ?? 0
}

/** One question for each limit that was reached, whatever reached it. */
function bindingOf(taskId: string, unit: BudgetUnit, limit: number): string {
  return hash('sha256', JSON.stringify(['budget', taskId, unit, limit]), 'hex')
}

function questionOf(task: Task, short: Short, { caller }: About): Question {
  const { unit, limit, wants } = short
  return {
    binding: bindingOf(task.id, unit, limit),
    approver: 'owner',
    shown: {
      ...{ taskId: task.id, purpose: task.purpose, owner: task.owner, taskExpiresAt: task.expiresAt, callerId: caller.id },
      ...{ targetId: '', action: 'stint:Task::raise', access: 'write', resource: `${unit} by ${wants}`, parameters: {} },
      ...{ line: `raise the budget of ${task.id} by ${wants} ${unit}, from ${limit}` },
      ...{ risk: 0, riskReasons: [], policies: [], reasons: [wordsOf(short)] },
    },
  }
}

function wordsOf({ taskId, unit, limit }: Short): string {
  return `The budget of task ${taskId}, ${limit} ${unit}, has too little left: it is paused.`
}

function reasonsOf({ short, standing }: Refused): readonly string[] {
  return [wordsOf(short), ...(standing === undefined ? [] : [sayOf(standing)])]
}

function sayOf(standing: Exclude<Standing, { is: 'taken' }>): string {
  if (standing.is === 'impossible') return standing.why
  const { id, answers, owner } = standing.approval
  if (standing.is === 'pending') return `Its owner, ${owner}, is asked to raise it: ${id}.`
  const no = answers.find(({ said }) => said === 'no')
  return `${no?.by ?? 'Somebody'} said no to raising it${no?.reason === undefined ? '' : `, "${no.reason}"`}: ${id}.`
}

function pausedBy({ policySetHash, policies }: Decision, refused: Refused): Decision {
  const told = { policies, policySetHash, code: 'budget_exceeded', reasons: reasonsOf(refused) }
  const { standing } = refused
  if (standing?.is !== 'pending') return { ...told, effect: 'deny' }
  const { id, taskId, expiresAt } = standing.approval
  return { ...told, effect: 'needs-approval', approver: 'owner', approval: { id, taskId, expiresAt } }
}
