import type { Action, AuthzRequest, Caller, CedarValue, Raise, Scope, Target, Task } from '../model.ts'
import { namesAction } from '../scope.ts'
import { integersOf } from './integers.ts'
import { assessRisk } from './risk.ts'
import { StandingRequest, standingOf } from './standing.ts'

const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const

const ACCESS = wordsOf('Access')
const ENVIRONMENT = wordsOf('Environment')
const PROOF = wordsOf('Proof')
const SENSITIVITY = wordsOf('Sensitivity')
const WEEKDAY = wordsOf('Weekday')

// Records name their members in code unit order, which is how digest.ts spells them.

/** What a task's tree did before, as far as it counts, and who is in it. */
export interface History {
  /** The labels of what it has acted on, sorted; the very same list until there is more. */
  readonly touched: readonly string[]
  /** By what was found about it. */
  readonly raised: readonly Raise[]
  /** The tasks that it was started by, nearest first: it has no more scope than each (G7). */
  readonly above: readonly Task[]
}

export const NO_HISTORY: History = { touched: [], raised: [], above: [] }

/** What Cedar is asked when a task's caller acts on a target. `now` is epoch milliseconds. */
export function requestOnTarget(
  caller: Caller,
  task: Task,
  target: Target,
  action: Action,
  now: number,
  { touched, raised, above }: History = NO_HISTORY,
): AuthzRequest {
  const clock = readClock(now)
  const { environment, sensitivity } = target
  const labels = target.labels.length === 0 ? task.labels : [...task.labels, ...target.labels]
  const risk = assessRisk({
    access: action.access,
    environment,
    sensitivity,
    proof: caller.proof,
    labels,
    touched,
    raised,
    ...clock,
  })
  const context: Record<string, CedarValue> = {
    access: ACCESS(action.access),
    action: action.id,
    actors: caller.actors,
    claims: pairs(caller.claims),
    connector: target.connector,
    depth: above.length,
    environment: ENVIRONMENT(environment),
    inScope: isInScope(task.scope, target.id, action.id) && above.every(({ scope }) => isInScope(scope, target.id, action.id)),
    isChild: task.parentId !== undefined,
    issuer: caller.issuer,
    owner: task.owner,
    parameters: pairs(action.parameters),
    proof: PROOF(caller.proof),
    purpose: task.purpose,
    resource: action.resource,
    risk: risk.score,
    sensitivity: SENSITIVITY(sensitivity),
    supervised: task.supervised,
    targetLabels: target.labels,
    taskId: task.id,
    taskLabels: task.labels,
  }
  const integers = integersOf(action.parameters)
  if (integers !== undefined) context.integers = integers
  if (task.ticket !== undefined) context.ticket = task.ticket
  context.time = timeFacts(clock)
  context.touched = touched
  const asked = { principal: principalOf(caller), action: action.id, resource: { id: target.id, type: 'Target' }, context, risk }
  return new StandingRequest(asked, standingOf(caller, task, target, touched))
}

/** What Cedar is asked when a caller acts on Stint itself. `act.resource` is the path under /v1: `tasks/task_1`. */
export function requestOnStint(caller: Caller, act: Action, now: number): AuthzRequest {
  const clock = readClock(now)
  const risk = assessRisk({ access: act.access, proof: caller.proof, labels: [], ...clock })
  const ownTask = isOwnTask(caller, act.resource)
  const context: Record<string, CedarValue> = {
    access: ACCESS(act.access),
    action: act.id,
    actors: caller.actors,
    claims: pairs(caller.claims),
    inScope: caller.taskId === undefined || ownTask,
    issuer: caller.issuer,
    ownTask,
    parameters: pairs(act.parameters),
    proof: PROOF(caller.proof),
    resource: act.resource,
    risk: risk.score,
    time: timeFacts(clock),
  }
  return { principal: principalOf(caller), action: act.id, resource: { id: 'installation', type: 'Stint' }, context, risk }
}

/** True when the scope names the target, and the action exactly, by `*` or by a prefix that ends in `*`. */
export function isInScope(scope: Scope, targetId: string, actionId: string): boolean {
  if (!scope.targets.includes(targetId)) return false
  return scope.actions.some((one) => namesAction(one, actionId))
}

function isOwnTask(caller: Caller, path: string): boolean {
  if (!caller.taskId) return false
  const own = `tasks/${caller.taskId}`
  return path === own || path.startsWith(`${own}/`)
}

/** Whoever acts under a task is its workload, whatever else is said of it. */
function isOperator({ proof, taskId }: Caller): boolean {
  return proof === 'operator-socket' && taskId === undefined
}

function principalOf(caller: Caller): AuthzRequest['principal'] {
  return { id: caller.id, type: isOperator(caller) ? 'Operator' : 'Workload' }
}

interface Clock {
  readonly epochSeconds: number
  readonly hour: number
  readonly weekday: string
}

function readClock(now: number): Clock {
  const date = new Date(now)
  return { epochSeconds: Math.floor(now / 1000), hour: date.getUTCHours(), weekday: WEEKDAYS[date.getUTCDay()] ?? '' }
}

function timeFacts({ epochSeconds, hour, weekday }: Clock): CedarValue {
  return { epochSeconds, hour, weekday: WEEKDAY(weekday) }
}

/** Values of an enumerated entity type of the schema, each made once. */
function wordsOf(type: string): (id: string) => CedarValue {
  const made = new Map<string, CedarValue>()
  return (id) => {
    const known = made.get(id)
    if (known !== undefined) return known
    const word = { __entity: { id, type } }
    made.set(id, word)
    return word
  }
}

/** `name=value` for each value. The name is attacker-controlled in places, so that its own `=` is escaped. */
function pairs(record: Readonly<Record<string, string | readonly string[]>>): string[] {
  const named = Object.entries(record)
  if (named.length === 0) return []
  return named.flatMap(([name, value]) => {
    const escaped = name.replaceAll('%', '%25').replaceAll('=', '%3D')
    return typeof value === 'string' ? `${escaped}=${value}` : value.map((one) => `${escaped}=${one}`)
  })
}
