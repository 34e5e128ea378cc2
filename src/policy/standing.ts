import type { AuthzRequest, Caller, Target, Task } from '../model.ts'

/** One caller under one task, which has touched this much, on one target: what does not change between its requests, and so need not be worked out for each. */
export interface Standing {
  readonly caller: Caller
  readonly task: Task
  readonly target: Target
  /** The very same list until more is touched. */
  readonly touched: readonly string[]
}

const standings = new WeakMap<Caller, Standing>()

/** The same value every time, as long as the caller keeps to one task and target and nothing more is touched. */
export function standingOf(caller: Caller, task: Task, target: Target, touched: readonly string[]): Standing {
  const last = standings.get(caller)
  if (last?.task === task && last.target === target && last.touched === touched) return last
  const standing = { caller, task, target, touched }
  standings.set(caller, standing)
  return standing
}

/** A request that knows its standing, as request.ts makes it. A copy does not know, so that what was changed in one is looked at. */
export class StandingRequest implements AuthzRequest {
  readonly principal: AuthzRequest['principal']
  readonly action: AuthzRequest['action']
  readonly resource: AuthzRequest['resource']
  readonly context: AuthzRequest['context']
  readonly risk: AuthzRequest['risk']
  readonly #standing: Standing

  constructor({ principal, action, resource, context, risk }: AuthzRequest, standing: Standing) {
    this.principal = principal
    this.action = action
    this.resource = resource
    this.context = context
    this.risk = risk
    this.#standing = standing
  }

  /** Undefined for a copy, and for a request that has no standing. */
  static standing(request: AuthzRequest): Standing | undefined {
    return #standing in request ? request.#standing : undefined
  }
}
