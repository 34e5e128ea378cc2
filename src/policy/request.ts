import type { Action, AuthzRequest, Caller, CedarValue, Scope, Target, Task } from '../model.ts'
import { namesAction } from '../scope.ts'
import { assessRisk } from './risk.ts'

const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const

/** What Cedar is asked when a task's caller acts on a target. `now` is epoch milliseconds. */
export function requestOnTarget(caller: Caller, task: Task, target: Target, action: Action, now: number): AuthzRequest {
  const clock = readClock(now)
  const { environment, sensitivity } = target
  const labels = [...task.labels, ...target.labels]
  const risk = assessRisk({ access: action.access, environment, sensitivity, proof: caller.proof, labels, ...clock })
  const context: Record<string, CedarValue> = {
    ...actionFacts(action),
    inScope: isInScope(task.scope, target.id, action.id),
    environment: word('Environment', environment),
    sensitivity: word('Sensitivity', sensitivity),
    connector: target.connector,
    targetLabels: target.labels,
    taskId: task.id,
    purpose: task.purpose,
    taskLabels: task.labels,
    owner: task.owner,
    supervised: task.supervised,
    isChild: task.parentId !== undefined,
    ...callerFacts(caller),
    risk: risk.score,
    time: timeFacts(clock),
  }
  if (task.ticket !== undefined) context.ticket = task.ticket
  return { principal: principalOf(caller), action: action.id, resource: { type: 'Target', id: target.id }, context, risk }
}

/** What Cedar is asked when a caller acts on Stint itself. `act.resource` is the path under /v1: `tasks/task_1`. */
export function requestOnStint(caller: Caller, act: Action, now: number): AuthzRequest {
  const clock = readClock(now)
  const risk = assessRisk({ access: act.access, proof: caller.proof, labels: [], ...clock })
  const ownTask = isOwnTask(caller, act.resource)
  const context = {
    ...actionFacts(act),
    inScope: caller.taskId === undefined || ownTask,
    ownTask,
    ...callerFacts(caller),
    risk: risk.score,
    time: timeFacts(clock),
  }
  return { principal: principalOf(caller), action: act.id, resource: { type: 'Stint', id: 'installation' }, context, risk }
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
  return { type: isOperator(caller) ? 'Operator' : 'Workload', id: caller.id }
}

function actionFacts({ id, access, resource, parameters }: Action) {
  return { action: id, access: word('Access', access), resource, parameters: pairs(parameters) }
}

function callerFacts({ proof, issuer, actors, claims }: Caller) {
  return { proof: word('Proof', proof), issuer, actors, claims: pairs(claims) }
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
  return { epochSeconds, hour, weekday: word('Weekday', weekday) }
}

/** A value of an enumerated entity type of the schema. */
function word(type: string, id: string): CedarValue {
  return { __entity: { type, id } }
}

/** `name=value` for each value. The name is attacker-controlled in places, so that its own `=` is escaped. */
function pairs(record: Readonly<Record<string, string | readonly string[]>>): string[] {
  return Object.entries(record).flatMap(([name, value]) => {
    const escaped = name.replaceAll('%', '%25').replaceAll('=', '%3D')
    return typeof value === 'string' ? `${escaped}=${value}` : value.map((one) => `${escaped}=${one}`)
  })
}
