import type { AuthzRequest, CedarValue, Decision } from '../model.ts'
import { ask, type PolicyJson, renderPolicy } from './cedar.ts'
import type { Decider } from './decide.ts'
import { entitiesOf } from './entities.ts'
import { asTags } from './integers.ts'
import type { Policy } from './policy-set.ts'

export type Finding = 'satisfied' | 'not satisfied' | 'error'

/** One `when` or `unless` of a policy, and whether it held. */
export interface ClauseFinding {
  readonly text: string
  readonly finding: Finding
  readonly message?: string
}

/** One policy whose scope the request matched. */
export interface PolicyFinding {
  readonly id: string
  readonly effect: 'permit' | 'forbid'
  readonly place: string
  readonly reason: string
  readonly finding: Finding
  /** Each by itself; Cedar stops at the first that does not hold. */
  readonly clauses: readonly ClauseFinding[]
}

/** How a decision comes about. */
export interface Explanation {
  readonly decision: Decision
  readonly risk: AuthzRequest['risk']
  readonly request: {
    readonly principal: string
    readonly action: string
    readonly resource: string
    readonly context: Readonly<Record<string, CedarValue>>
  }
  readonly policies: readonly PolicyFinding[]
}

/** Decides again and says for each policy in the slice what became of it. Slow: for people, not for the request path. */
export function explain(decider: Decider, request: AuthzRequest): Explanation {
  const decision = decider.decide(request)
  // What was denied before any policy was asked has none to show.
  const asked = decision.code !== 'out_of_scope' && (decision.code !== 'policy_error' || decision.policies.length > 0)
  return {
    decision,
    risk: request.risk,
    request: {
      principal: sayEntity(request.principal),
      action: sayEntity({ type: 'Action', id: request.action }),
      resource: sayEntity(request.resource),
      context: request.context,
    },
    policies: asked ? decider.sliceOf(request).policies.map((policy) => find(policy, request)) : [],
  }
}

function find(policy: Policy, request: AuthzRequest): PolicyFinding {
  const { effect, conditions } = policy.json
  return {
    id: policy.id,
    effect,
    place: `${policy.file}:${policy.line}`,
    reason: policy.reason,
    finding: test(conditions, request).finding,
    clauses: conditions.map((clause) => ({ text: sayClause(clause), ...test([clause], request) })),
  }
}

type Conditions = PolicyJson['conditions']

const EVERYTHING = { principal: { op: 'All' }, action: { op: 'All' }, resource: { op: 'All' } } as const

/** A permit of just these conditions is allowed exactly when they hold. */
function test(conditions: Conditions, request: AuthzRequest): { finding: Finding; message?: string } {
  const { principal, resource } = request
  const { context, entities: tags } = asTags(request.context)
  const entities = [...entitiesOf(request), ...tags]
  const question = { principal, action: { type: 'Action', id: request.action }, resource, context, entities }
  try {
    const answer = ask([{ effect: 'permit', ...EVERYTHING, conditions }], question)
    const message = answer.errors[0]?.message
    if (message !== undefined) return { finding: 'error', message }
    return { finding: answer.allowed ? 'satisfied' : 'not satisfied' }
  } catch (error) {
    return { finding: 'error', message: String(error) }
  }
}

function sayClause(clause: Conditions[number]): string {
  const text = renderPolicy({ effect: 'permit', ...EVERYTHING, conditions: [clause] })
  const body = text.slice(text.indexOf(')') + 1)
  return body.replace(/;\s*$/, '').replaceAll(/\s+/g, ' ').trim()
}

function sayEntity({ type, id }: AuthzRequest['principal']): string {
  return `${type}::${JSON.stringify(id)}`
}
