import type { Permit } from './audit/permit.ts'
import type { Lease } from './credentials/lease.ts'
import { asStintError, type ErrorCode, StintError } from './errors.ts'
import type { Action, AuthzRequest, Caller, Decided, Decision, Operation, Outcome, Target, Task } from './model.ts'

/** What an entrance (proxy, MCP, wire protocol, API) hands over: who seems to ask, for what, and how to carry it out. */
export interface Attempt<Proof> {
  readonly correlationId: string
  readonly proof: Proof
  /** Names target and action. Throws StintError `target_unknown` or `unknown_action`; unknown is denied. */
  describe(): { readonly target: Target; readonly action: Action }
  /** Moves the bytes with the lease. Called once, and only after the decision is durable. */
  carryOut(permit: Permit<Decided>, lease: Lease): Promise<Outcome>
}

/** A refusal, for the entrance to render. `needsApproval` names who could consent. */
export interface Refusal {
  readonly code: ErrorCode
  readonly detail: string
  readonly reasons: readonly string[]
  readonly correlationId: string
  readonly approver?: string
}

export type Served = { readonly outcome: Outcome } | { readonly refusal: Refusal }

/** The verbs the request needs, each owned by one folder; main.ts joins them. */
export interface BrokerVerbs<Proof> {
  /** identity/verify.ts. Throws StintError (401, 503). */
  verify(proof: Proof): Caller | Promise<Caller>
  /** tasks/: the live task this caller may act under, from memory. */
  liveTask(caller: Caller): Task | undefined
  /** policy/request.ts. */
  request(caller: Caller, task: Task, target: Target, action: Action): AuthzRequest
  /** policy/decide.ts; revocations are asked first. Never throws: an error is a deny (G5). */
  decide(request: AuthzRequest, about: { caller: Caller; task: Task; target: Target }): Decision
  /** audit/record.ts: durable before it answers (G1); a Permit for an allow and for nothing else. Throws `audit_unavailable`. */
  record(decided: Decided): Promise<Permit<Decided> | undefined>
  /** audit/record.ts: an attempt that never reached a decision. */
  recordAttempt(attempt: { correlationId: string; caller?: Caller; code: ErrorCode; detail: string }): Promise<void>
  /** credentials/obtain.ts. */
  obtain(permit: Permit<Decided>): Lease | Promise<Lease>
  /** audit/settle.ts: the outcome, after the fact. */
  settle(permit: Permit<Decided>, outcome: Outcome, lease?: Lease): void
}
