import { createCache } from '../cache.ts'
import type { AuthzRequest, Decision } from '../model.ts'
import { joinObligations } from './obligations.ts'
import type { Policy, PolicySet } from './policy-set.ts'
import { isWord, misfit } from './schema.ts'
import { createSlices, type Slice, type Verdict } from './slice.ts'

/** Two generations of this many answers. */
const REMEMBERED = 4096

/** Answers requests from one policy set. */
export interface Decider {
  /** Never throws: an error or an unknown is a deny (G5). */
  decide(request: AuthzRequest): Decision
  sliceOf(request: AuthzRequest): Slice<Policy>
}

/**
 * Makes the decider of a set. `onFailure` hears of what should not happen: Cedar giving no answer. Out of scope is denied
 * here and not only in policy, so that no policy can widen a task.
 */
export function createDecider(set: PolicySet, onFailure: (error: unknown) => void): Decider {
  const sliceOf = createSlices(set.policies, set.hash, isWord)
  const answers = createCache<Decision>(REMEMBERED)
  const say = (code: Deny, reasons: readonly string[], policies: readonly string[] = []): Decision =>
    freeze({ effect: 'deny', code, reasons, policies, policySetHash: set.hash })

  const evaluate = (slice: Slice<Policy>, request: AuthzRequest): Decision => {
    const key = slice.keyOf(request)
    const known = answers.get(key)
    if (known !== undefined) return known
    const decision = weigh(slice.evaluate(request), say, set.hash)
    answers.set(key, decision)
    return decision
  }
  return {
    sliceOf,
    decide(request) {
      try {
        const wrong = misfit(request)
        if (wrong !== undefined) return say('policy_error', [`The request does not fit the schema: ${wrong}.`])
        if (request.context.inScope !== true)
          return say('out_of_scope', ['The task’s scope does not name this target and action.'])
        return evaluate(sliceOf(request), request)
      } catch (error) {
        tell(onFailure, error)
        return say('policy_error', ['The policies could not be evaluated.'])
      }
    },
  }
}

/** Whoever listens may throw; the decision stands. */
function tell(onFailure: (error: unknown) => void, error: unknown): void {
  try {
    onFailure(error)
  } catch {}
}

type Deny = 'no_policy_permits' | 'forbidden_by_policy' | 'policy_error' | 'out_of_scope' | 'unknown_obligation'
type Say = (code: Deny, reasons: readonly string[], policies?: readonly string[]) => Decision

function weigh(verdict: Verdict<Policy>, say: Say, policySetHash: string): Decision {
  const { allowed, determining, errors } = verdict
  const ids = determining.map(({ id }) => id)
  const erring = errors.map(({ policy }) => policy.id)
  if (errors.length > 0) return say('policy_error', errors.map(asSentence), erring)
  if (!allowed && ids.length === 0) return say('no_policy_permits', ['No policy permits this.'])
  const reasons = determining.map(({ reason }) => reason)
  if (!allowed) return say('forbidden_by_policy', reasons, ids)
  const { unknown, approver, ttlSeconds } = joinObligations(determining.map(({ obligations }) => obligations))
  if (unknown.length > 0) return say('unknown_obligation', [`A policy asks for @${unknown[0]}, which Stint does not know.`], ids)
  const ttl = ttlSeconds === undefined ? {} : { ttlSeconds }
  if (approver === undefined) return freeze({ effect: 'allow', code: 'allowed', reasons, policies: ids, policySetHash, ...ttl })
  const asking = determining.filter(({ obligations }) => obligations.approver !== undefined)
  const why = [...asking, ...determining.filter((policy) => !asking.includes(policy))].map(({ reason }) => reason)
  return freeze({
    effect: 'needs-approval',
    code: 'needs_approval',
    reasons: why,
    policies: ids,
    policySetHash,
    approver,
    ...ttl,
  })
}

function asSentence({ policy, message }: Verdict<Policy>['errors'][number]): string {
  return `Policy ${policy.id} could not be evaluated: ${message}.`
}

/** Answers are shared by all requests of equal inputs, so nobody may change one. */
function freeze(decision: Decision): Decision {
  Object.freeze(decision.policies)
  Object.freeze(decision.reasons)
  return Object.freeze(decision)
}
