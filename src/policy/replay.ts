import type { Action, Caller, Target, Task } from '../model.ts'
import type { Decider } from './decide.ts'
import { digestOf } from './digest.ts'
import { type Explanation, explain } from './explain.ts'
import { type History, requestOnStint, requestOnTarget } from './request.ts'

/** What the log and the state still know of a decision. `at` is epoch milliseconds. */
export interface Recorded {
  readonly caller: Caller
  /** For an act on a target; absent for an act on Stint. */
  readonly on?: { readonly task: Task; readonly target: Target; readonly history: History }
  readonly action: Action
  readonly at: number
  readonly digest: string
  readonly policySetHash: string
}

/** An explanation of a past decision, and how far it can be trusted to be about the same thing. */
export interface Replay extends Explanation {
  /** The rebuilt request has the recorded digest: nothing about it has changed since. */
  readonly sameRequest: boolean
  /** The set in force is the one that decided then. */
  readonly samePolicies: boolean
}

/** Rebuilds the request as of then and decides it by the set in force now. */
export function replay(decider: Decider, { caller, on, action, at, digest, policySetHash }: Recorded): Replay {
  const request =
    on === undefined ? requestOnStint(caller, action, at) : requestOnTarget(caller, on.task, on.target, action, at, on.history)
  const explanation = explain(decider, request)
  return {
    ...explanation,
    sameRequest: digestOf(request) === digest,
    samePolicies: explanation.decision.policySetHash === policySetHash,
  }
}
