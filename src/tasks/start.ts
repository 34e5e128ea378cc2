import { StintError } from '../errors.ts'
import type { Budget, Scope, Task, WorkloadProof } from '../model.ts'
import { widens } from './narrow.ts'
import { newTaskId } from './task-id.ts'

/** What a new task is asked to be. The caller’s part (`workload`, `proof`, `keyThumbprint`) is verified already; the rest is attacker-controlled. */
export interface StartTask {
  readonly purpose: string
  readonly owner: string
  readonly workload: string
  readonly proof: WorkloadProof
  readonly keyThumbprint: string
  readonly scope: Scope
  readonly ttlSeconds?: number
  readonly ticket?: string
  readonly labels?: readonly string[]
  readonly parentId?: string
  readonly supervised?: boolean
  readonly budget?: Budget
}

/** Bounds on how long a task lives, and the clock. */
export interface TaskLimits {
  readonly defaultTtlSeconds: number
  readonly maxTtlSeconds: number
  now(): number
}

const MAX_SCOPE = 200
const MAX_LABELS = 32
const TARGET = /^[a-z0-9][a-z0-9._-]{0,62}$/
const ACTION = /^(?:\*|[\x21-\x29\x2b-\x7e]{1,200}\*?)$/
const LABEL = /^[a-z0-9][a-z0-9._:/-]{0,63}$/
const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/
/** Controls, bidirectional overrides and other invisible characters: people read these texts when they decide. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu

/**
 * The task that `input` asks for; a child has its parent’s labels besides its own. Throws `invalid_argument`; `scope_exceeded` above the cap,
 * wider than `parent`, or of another owner.
 */
export function draftTask(input: StartTask, parent: Task | undefined, limits: TaskLimits): Task {
  const startedAt = limits.now()
  const scope = checkScope(input.scope)
  const expiresAt = startedAt + 1000 * checkTtl(input.ttlSeconds, parent, limits)
  const excess = parent && widens(parent, { scope, expiresAt })
  if (excess !== undefined) throw new StintError('scope_exceeded', excess)
  if (parent !== undefined && input.owner !== parent.owner)
    throw new StintError('scope_exceeded', 'its owner is not its parent’s')
  if (!THUMBPRINT.test(input.keyThumbprint))
    throw invalid('keyThumbprint takes an RFC 7638 SHA-256 thumbprint, 43 characters of base64url')
  return {
    id: newTaskId(startedAt),
    purpose: checkText('purpose', input.purpose, 500),
    owner: checkText('owner', input.owner, 200),
    workload: checkText('workload', input.workload, 2048),
    proof: input.proof,
    keyThumbprint: input.keyThumbprint,
    scope,
    ...(input.ticket !== undefined && { ticket: checkText('ticket', input.ticket, 200) }),
    labels: checkList('labels', [...(parent?.labels ?? []), ...(input.labels ?? [])], LABEL, { min: 0, max: MAX_LABELS }),
    ...(parent !== undefined && { parentId: parent.id }),
    startedAt,
    expiresAt,
    state: 'live',
    supervised: input.supervised ?? false,
  }
}

function checkScope(scope: Scope): Scope {
  const bounds = { min: 1, max: MAX_SCOPE }
  return {
    targets: checkList('targets', scope.targets, TARGET, bounds),
    actions: checkList('actions', scope.actions, ACTION, bounds),
  }
}

function checkTtl(asked: number | undefined, parent: Task | undefined, limits: TaskLimits): number {
  if (asked === undefined) {
    const left = parent === undefined ? Number.POSITIVE_INFINITY : (parent.expiresAt - limits.now()) / 1000
    return Math.min(limits.defaultTtlSeconds, limits.maxTtlSeconds, left)
  }
  if (!Number.isInteger(asked) || asked < 1) throw invalid('ttlSeconds takes a whole number of seconds, 1 or more')
  if (asked > limits.maxTtlSeconds) {
    throw new StintError('scope_exceeded', `ttlSeconds may be ${limits.maxTtlSeconds} at most (maxTtlSeconds)`)
  }
  return asked
}

/** A reason as it can be kept and shown. It never fails: no text may stand in the way of an end. */
export function printable(reason: string): string {
  return reason.replace(UNPRINTABLE, ' ').slice(0, 500)
}

function checkText(name: string, value: unknown, max: number): string {
  if (typeof value === 'string' && value.length <= max && value.trim() !== '' && value.search(UNPRINTABLE) === -1) return value
  throw invalid(`${name} takes 1 to ${max} printable characters on one line`)
}

function checkList(
  name: string,
  values: unknown,
  pattern: RegExp,
  { min, max }: { min: number; max: number },
): readonly string[] {
  if (!Array.isArray(values) || values.length < min || values.length > max)
    throw invalid(`${name} takes ${min} to ${max} entries`)
  const wrong = values.findIndex((one) => typeof one !== 'string' || !pattern.test(one))
  if (wrong !== -1) throw invalid(`${name}[${wrong}] does not match ${pattern.source}`)
  return [...new Set<string>(values)]
}

function invalid(detail: string): StintError {
  return new StintError('invalid_argument', detail)
}
