import { exceeds, tighter } from './budget.ts'
import { StintError } from './errors.ts'
import type { Budget, Caller, ChildWish, Scope, Task, TaskWish, WorkloadProof } from './model.ts'
import { namesAction } from './scope.ts'

/** The bounds an issuer's rule puts on the tasks of the workload it admits. */
export interface Caps {
  readonly workload: string
  readonly owner: string
  readonly targets: readonly string[]
  readonly actions: readonly string[]
  readonly maxTtlSeconds: number
  readonly maxBudget?: Budget
}

/** What a task may use whose start does not say, and at most: the settings. */
export interface BudgetBounds {
  readonly usual: Budget
  readonly most: Budget
}

/** A wish with everything filled in, for tasks/. */
export interface TaskDraft extends Omit<TaskWish, 'targets' | 'actions' | 'owner' | 'proof'> {
  readonly owner: string
  readonly workload: string
  readonly proof: WorkloadProof
  readonly scope: Scope
  readonly parentId?: string
}

/** Who an operator's local runs act as: the machine's user, who also answers for them. */
export interface LocalUser {
  readonly name: string
  readonly workload: string
}

/**
 * The task that this caller may start: an operator's as wished, for a local workload; a federated caller's within the caps of the
 * rule that admitted it. Throws `scope_exceeded`, `not_operator`, `unauthenticated`.
 */
export function admit(wish: TaskWish, caller: Caller, caps: Caps | undefined, user: LocalUser, bounds: BudgetBounds): TaskDraft {
  const { targets, actions, owner, ...more } = wish
  const rest = { ...more, budget: boundBudget(wish.budget ?? {}, bounds, caps?.maxBudget ?? {}) }
  const scope = { targets, actions }
  switch (caller.proof) {
    case 'operator-socket':
      return { ...rest, scope, owner: owner ?? user.name, workload: user.workload, proof: wish.proof ?? 'run-secret' }
    case 'federated':
      return { ...rest, ...capped(wish, scope, caps), keyThumbprint: provedKey(wish, caller), proof: 'federated' }
    default:
      throw new StintError('not_operator', 'a task is started by an operator or a federated caller')
  }
}

/**
 * The child that `parent` starts, or an operator below it. It acts as the same workload for the same owner. What is known of its holder is
 * that they have its token and its key, wherever the parent runs: that is the proof it has.
 */
export function delegate({ targets, actions, ...wish }: ChildWish, parent: Task): TaskDraft {
  const { id: parentId, owner, workload } = parent
  const proof = parent.proof === 'federated' ? 'federated' : 'run-secret'
  return { ...wish, scope: { targets, actions }, parentId, owner, workload, proof }
}

/** A unit that is not named is bounded as the settings and the rule say. */
function boundBudget(budget: Budget, { usual, most }: BudgetBounds, rule: Budget): Budget {
  const bound = tighter(most, rule)
  const excess = exceeds(budget, bound)
  if (excess !== undefined) throw new StintError('scope_exceeded', `${excess}, the most that it may have`)
  return { ...tighter(usual, bound), ...budget }
}

/** A key is bound to a task only by whoever showed that they hold it: anybody can copy a thumbprint. */
function provedKey({ keyThumbprint }: TaskWish, caller: Caller): string {
  if (caller.keyThumbprint === keyThumbprint) return keyThumbprint
  throw new StintError('unauthenticated', 'send a DPoP proof of the key that the task shall be bound to')
}

function capped(
  wish: TaskWish,
  scope: Scope,
  caps: Caps | undefined,
): Pick<TaskDraft, 'owner' | 'workload' | 'scope' | 'ttlSeconds'> {
  if (caps === undefined) throw new StintError('unauthenticated', 'no rule admits this caller')
  if (wish.owner !== undefined && wish.owner !== caps.owner)
    throw new StintError('scope_exceeded', `the issuer’s rule says that ${caps.owner} answers for it`)
  const target = scope.targets.find((one) => !caps.targets.includes(one))
  if (target !== undefined) throw new StintError('scope_exceeded', `the issuer’s rule does not allow target ${target}`)
  const action = scope.actions.find((one) => !caps.actions.some((cap) => namesAction(cap, one)))
  if (action !== undefined) throw new StintError('scope_exceeded', `the issuer’s rule does not allow action ${action}`)
  const ttlSeconds = wish.ttlSeconds ?? caps.maxTtlSeconds
  if (ttlSeconds > caps.maxTtlSeconds)
    throw new StintError('scope_exceeded', `the issuer’s rule allows ${caps.maxTtlSeconds} seconds at most`)
  return { owner: caps.owner, workload: caps.workload, scope, ttlSeconds }
}
