import { asStintError, StintError } from '../errors.ts'
import type { Action, AuthzRequest, Caller, Decision, Target, Task } from '../model.ts'
import { makePolicySetApart } from './apart.ts'
import { createDecider, type Decider } from './decide.ts'
import { readPolicyFiles, readSettledFiles } from './directory.ts'
import { type Explanation, explain } from './explain.ts'
import { makePolicySet, type PolicyProblem, type PolicySet, sayProblem } from './policy-set.ts'
import { type Recorded, type Replay, replay } from './replay.ts'
import { type History, requestOnStint, requestOnTarget } from './request.ts'
import { watchDirectory } from './watch.ts'

/** What is in force, and why something newer is not. Times are epoch milliseconds. */
export interface PolicyStatus {
  readonly policySetHash: string
  readonly policies: number
  readonly loadedAt: number
  readonly refused?: string
}

export interface PolicyOptions {
  /** A set was refused (`policy_invalid`) and the old one keeps serving, or Cedar gave no answer and the request was denied. */
  onError(error: StintError): void
  /** Another set is in force. */
  onReload(status: PolicyStatus): void
  now?(): number
}

/** MAY THEY? The policies of one directory, in force. */
export interface OpenPolicy {
  request(caller: Caller, task: Task, target: Target, action: Action, history: History): AuthzRequest
  /** For acts on Stint itself; `act.resource` is the path under /v1. */
  requestOnStint(caller: Caller, act: Action): AuthzRequest
  /** Never throws: an error or an unknown is a deny (G5). */
  decide(request: AuthzRequest): Decision
  explain(request: AuthzRequest): Explanation
  /** Rebuilds a recorded request and decides it again by the set in force. */
  replay(recorded: Recorded): Replay
  status(): PolicyStatus
  /** Throws `policy_invalid`; the old set keeps serving. */
  reload(): Promise<PolicyStatus>
  close(): void
}

/** Opens a directory of policies and follows its changes. Throws `policy_invalid` with each place that is wrong. */
export async function openPolicy(directory: string, options: PolicyOptions): Promise<OpenPolicy> {
  const now = options.now ?? Date.now
  const onFailure = (error: unknown): void => options.onError(asStintError(error))
  // Nothing is served yet, so this one may take its time here.
  let set: PolicySet = accept(makePolicySet(await readPolicyFiles(directory)))
  let decider: Decider = createDecider(set, onFailure)
  let loadedAt = now()
  let refused: string | undefined
  let closed = false

  const status = (): PolicyStatus => ({
    policySetHash: set.hash,
    policies: set.policies.length,
    loadedAt,
    ...(refused === undefined ? {} : { refused }),
  })
  const take = (next: PolicySet): void => {
    refused = undefined
    if (closed || next.hash === set.hash) return
    set = next
    decider = createDecider(next, onFailure)
    loadedAt = now()
    options.onReload(status())
  }
  const reloadOnce = async (): Promise<PolicyStatus> => {
    try {
      take(accept(await makePolicySetApart(await readSettledFiles(directory))))
      return status()
    } catch (error) {
      refused = asStintError(error).detail
      throw error
    }
  }
  // One at a time, so that the newest reading is the one that stays.
  let last: Promise<unknown> = Promise.resolve()
  const reload = (): Promise<PolicyStatus> => {
    const next = last.then(reloadOnce, reloadOnce)
    last = next.catch(() => undefined)
    return next
  }
  const stopWatching = watchDirectory(directory, () => void reload().catch((error) => closed || onFailure(error)))

  return {
    request: (caller, task, target, action, history) => requestOnTarget(caller, task, target, action, now(), history),
    requestOnStint: (caller, act) => requestOnStint(caller, act, now()),
    decide: (request) => decider.decide(request),
    explain: (request) => explain(decider, request),
    replay: (recorded) => replay(decider, recorded),
    status,
    reload,
    close() {
      closed = true
      stopWatching()
    },
  }
}

function accept(made: PolicySet | { readonly problems: readonly PolicyProblem[] }): PolicySet {
  if ('problems' in made) throw new StintError('policy_invalid', made.problems.map(sayProblem).join('\n'))
  return made
}
