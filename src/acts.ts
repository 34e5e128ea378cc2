import { type Refusal, refuse } from './broker.ts'
import type { Access, Action, AuthzRequest, Caller, Decision } from './model.ts'

/** An act on Stint itself, asked for through the API. `resource` is the path under /v1. */
export interface Act {
  readonly correlationId: string
  readonly caller: Caller
  readonly action: string
  readonly access: Access
  readonly resource: string
  readonly parameters: Action['parameters']
  /** False for reads, and for acts that record themselves. */
  readonly record: boolean
}

/** The verbs of deciding an act, each owned by one folder. */
export interface ActVerbs {
  request(caller: Caller, act: Action): AuthzRequest
  /** Never throws: an error is a deny (G5). */
  decide(request: AuthzRequest): Decision
  /** audit/record.ts. Throws `audit_unavailable`. */
  recordAct(facts: {
    correlationId: string
    caller: Caller
    action: string
    subject: string
    code: string
    reason?: string
    details: Record<string, string>
  }): Promise<number>
}

/**
 * Decides an act and records it durably before it is done; answers the refusal, or undefined for yes. A refused act is recorded as
 * well, reads included. Throws `audit_unavailable`: what cannot be recorded is not done.
 */
export function createAuthorize(verbs: ActVerbs): (act: Act) => Promise<Refusal | undefined> {
  return async ({ correlationId, caller, action, access, resource, parameters, record }) => {
    const decision = verbs.decide(verbs.request(caller, { id: action, access, resource, parameters }))
    const isAllowed = decision.effect === 'allow'
    if (record || !isAllowed) {
      const details = Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, String(value)]))
      const [reason] = decision.reasons
      const facts = { correlationId, caller, action, subject: resource, code: decision.code, details }
      await verbs.recordAct(reason === undefined ? facts : { ...facts, reason })
    }
    return isAllowed ? undefined : refuse(correlationId, decision)
  }
}
