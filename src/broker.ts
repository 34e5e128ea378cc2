import type { Permit } from './audit/permit.ts'
import type { Lease } from './credentials/lease.ts'
import { asStintError, type ErrorCode, StintError } from './errors.ts'
import type {
  About,
  Act,
  Action,
  ApprovalAsked,
  AuthzRequest,
  Caller,
  Decided,
  Decision,
  Effect,
  Exact,
  Flow,
  Outcome,
  Target,
  Task,
} from './model.ts'

/** What an entrance (proxy, MCP, wire protocol) hands over: who seems to ask, for what, and how to carry it out. */
export interface Attempt<Proof> {
  readonly correlationId: string
  readonly proof: Proof
  /** Names target and action. Throws StintError `target_unknown` or `unknown_action`; unknown is denied. */
  describe(task: Task): { readonly target: Target; readonly action: Action }
  /**
   * Reads all that would be sent, which is then what `carryOut` sends. Asked for only where a person must consent; without it a consent
   * covers what `describe` says. Throws StintError `body_too_large`.
   */
  exact?(task: Task, flow: Pick<Flow, 'isCut'>): Promise<Exact>
  /** Present where the caller would rather wait for people than be refused at once. */
  readonly hold?: { readonly seconds: number; onGone(gone: () => void): void }
  /**
   * Moves the bytes with the lease until `flow` is cut. Called once at most, and only after the decision is durable. Throws only
   * while nothing has been sent to the caller; later failures are its Outcome.
   */
  carryOut(permit: Permit<Decided>, lease: Lease, flow: Flow): Promise<Outcome>
}

/** A refusal, for the entrance to render. `approver` names who could consent. */
export interface Refusal {
  readonly code: ErrorCode
  readonly detail: string
  readonly reasons: readonly string[]
  readonly correlationId: string
  readonly approver?: string
  /** The question that waits for their answer. */
  readonly approval?: ApprovalAsked
  /** That question is the caller's own task's, which may look how far it is. */
  readonly isOwn?: true
}

export type Served = { readonly outcome: Outcome } | { readonly refusal: Refusal }

/** What was decided about an act on a target, under a live task. */
type OnTarget = Decided & { readonly task: Task; readonly target: Target }
type Charging = Decision | undefined | Promise<Decision | undefined>
type Hold = NonNullable<Attempt<unknown>['hold']>

/** The verbs the request needs, each owned by one folder; main.ts joins them. */
export interface BrokerVerbs<Proof> {
  /** identity/verify.ts. Throws StintError (401, 503). */
  verify(proof: Proof): Caller | Promise<Caller>
  /** tasks/: the live task this caller may act under, from memory. */
  liveTask(caller: Caller): Task | undefined
  /** revocations/flows.ts: registers what is about to happen, so that a revocation from now on cuts it. */
  open(about: Act): Flow
  /** policy/request.ts. */
  request(caller: Caller, task: Task, target: Target, action: Action): AuthzRequest
  /** policy/decide.ts, after revocations are asked. Never throws: an error is a deny (G5). */
  decide(request: AuthzRequest, about: About): Decision
  /**
   * afford.ts: counts what is not denied against the budgets of its task and of those above it; where one has too little left, the
   * decision that stands in its place. Undefined at once where no budget bounds it. Throws `store_unavailable`, `audit_unavailable`.
   */
  charge(decided: OnTarget): Charging
  /** afford.ts: what was charged is not let through. */
  refund(decided: OnTarget): void
  /** approvals/, for what needs approval: an allow by a consent that is used up with it, or why there is none yet (G6). Throws `store_unavailable`. */
  consent(decided: OnTarget, exact: Exact | undefined): Promise<Decision>
  /** approvals/: waits until the question has its answer; false when it took too long, was cut, or the client is gone. */
  answered(id: string, hold: Hold): Promise<boolean>
  /**
   * tasks/labels.ts: an allowed act takes in the labels of its target. Called in the tick in which it is allowed, so that every later
   * decision knows; what an earlier one opened is decided again.
   */
  touch(decided: Decided): void
  /** audit/record.ts: durable before it answers (G1); a Permit for an allow and for nothing else. Throws `audit_unavailable`. */
  record(decided: Decided): Promise<Permit<Decided> | undefined>
  /** audit/record.ts: an attempt that never reached a decision. */
  recordAttempt(attempt: { correlationId: string; caller?: Caller; code: ErrorCode; detail: string }): Promise<void>
  /** tasks/labels.ts: what was touched counts everywhere, and durably, when it resolves. Undefined where it does already. */
  keepTouched(permit: Permit<Decided>): Promise<void> | undefined
  /** credentials/obtain.ts: takes a Permit and nothing else. */
  obtain(permit: Permit<Decided>): Lease | Promise<Lease>
  /** audit/settle.ts: the outcome, after the fact. */
  settle(permit: Permit<Decided>, outcome: Outcome, lease?: Lease): void
  /** The operator's log: what the caller is not shown. */
  report(correlationId: string, thrown: unknown): void
}

/** THE REQUEST: see ARCHITECTURE.md. Every byte that leaves Stint for a target passes `serve`. */
export interface Broker<Proof> {
  /** Answers a refusal (a value) or the outcome. Throws nothing. */
  serve(attempt: Attempt<Proof>): Promise<Served>
  /** Records, as an attempt, what failed before it could be served, and answers its refusal. Throws nothing. */
  refuseUndecided(correlationId: string, caller: Caller | undefined, error: StintError): Promise<Refusal>
}

/** The broker over the verbs that the folders lend it. */
export function createBroker<Proof>(verbs: BrokerVerbs<Proof>): Broker<Proof> {
  return { serve, refuseUndecided }

  async function serve(attempt: Attempt<Proof>): Promise<Served> {
    const { correlationId } = attempt
    let caller: Caller | undefined
    let flow: Flow | undefined
    try {
      caller = await verbs.verify(attempt.proof)
      const task = verbs.liveTask(caller)
      if (task === undefined) throw new StintError('task_not_live', 'the task ended, expired or was revoked')
      const { target, action } = attempt.describe(task)
      flow = verbs.open({ caller, task, target, action }) // before the decision: a revocation finds it, or the decision finds the revocation
      const request = verbs.request(caller, task, target, action)
      const asked = {
        correlationId,
        caller,
        task,
        target,
        action,
        request,
        decision: verbs.decide(request, { caller, task, target }),
      }
      const over = asked.decision.effect === 'deny' ? undefined : verbs.charge(asked)
      const isSettled = over === undefined && asked.decision.effect !== 'needs-approval'
      const decision = isSettled ? asked.decision : await resolve(attempt, asked, over, flow)
      const decided = { ...asked, decision }
      if (decision.effect === 'allow') verbs.touch(decided)
      const permit = await verbs.record(decided)
      if (permit === undefined) return { refusal: refuse(correlationId, decision, task) }
      return await perform(attempt, permit, flow)
    } catch (thrown) {
      return { refusal: await refuseUndecided(correlationId, caller, asStintError(thrown)) }
    } finally {
      flow?.close()
    }
  }

  /** What is afforded, once people said yes to it where they must; what they did not is not used. */
  async function resolve(attempt: Attempt<Proof>, asked: OnTarget, charging: Charging, flow: Flow): Promise<Decision> {
    const short = await charging
    if (short !== undefined) return afford(attempt, asked, short, flow)
    if (asked.decision.effect !== 'needs-approval') return asked.decision
    let decision: Decision | undefined
    try {
      decision = await ask(attempt, asked, flow)
      return decision
    } finally {
      if (decision?.effect !== 'allow') verbs.refund(asked)
    }
  }

  /** Who would rather wait until people have said whether a budget is raised is then decided, and charged, anew; in all for as long as they wait. */
  async function afford(attempt: Attempt<Proof>, asked: OnTarget, short: Decision, flow: Flow): Promise<Decision> {
    const { hold } = attempt
    const startedAt = performance.now()
    if (hold === undefined || !(await isAnswered(short, hold, flow))) return short
    const again = decideAgain(asked)
    const seconds = Math.max(hold.seconds - (performance.now() - startedAt) / 1000, 0)
    const charging = again.decision.effect === 'deny' ? undefined : verbs.charge(again)
    return resolve({ ...attempt, hold: { ...hold, seconds } }, again, charging, flow)
  }

  /** After its body was read, and after people have answered, it is decided anew; what was revoked meanwhile uses no consent up. */
  async function ask(attempt: Attempt<Proof>, asked: OnTarget, flow: Flow): Promise<Decision> {
    const exact = await attempt.exact?.(asked.task, flow)
    const decided = exact === undefined ? asked : decideAgain(asked)
    if (decided.decision.effect !== 'needs-approval') return decided.decision
    const decision = await consent(decided, exact, flow)
    const { hold } = attempt
    if (hold === undefined || !(await isAnswered(decision, hold, flow))) return decision
    const again = decideAgain(decided)
    return again.decision.effect === 'needs-approval' ? consent(again, exact, flow) : again.decision
  }

  async function isAnswered({ approval }: Decision, hold: Hold, flow: Flow): Promise<boolean> {
    const onGone = (gone: () => void): void => {
      hold.onGone(gone)
      flow.onCut(gone)
    }
    return approval !== undefined && verbs.answered(approval.id, { seconds: hold.seconds, onGone })
  }

  function decideAgain(decided: OnTarget): OnTarget {
    const { caller, task, target, action } = decided
    const request = verbs.request(caller, task, target, action)
    return { ...decided, request, decision: verbs.decide(request, { caller, task, target }) }
  }

  async function consent(decided: OnTarget, exact: Exact | undefined, flow: Flow): Promise<Decision> {
    if (flow.isCut) throw new StintError('revoked', 'it was revoked before anything was sent')
    return verbs.consent(decided, exact)
  }

  async function perform(attempt: Attempt<Proof>, permit: Permit<Decided>, flow: Flow): Promise<Served> {
    const startedAt = performance.now()
    let lease: Lease | undefined
    try {
      await verbs.keepTouched(permit)
      lease = await verbs.obtain(permit)
      if (flow.isCut) throw new StintError('revoked', 'it was revoked before anything was sent')
      const outcome = await attempt.carryOut(permit, lease, flow)
      verbs.settle(permit, outcome, lease)
      return { outcome }
    } catch (thrown) {
      const { code, detail } = asStintError(thrown)
      verbs.settle(permit, { result: 'failed', code, bytesIn: 0, bytesOut: 0, durationMs: performance.now() - startedAt }, lease)
      verbs.report(attempt.correlationId, thrown)
      return { refusal: { code, detail, reasons: [], correlationId: attempt.correlationId } }
    }
  }

  async function refuseUndecided(correlationId: string, caller: Caller | undefined, error: StintError): Promise<Refusal> {
    const { code, detail } = error
    verbs.report(correlationId, error)
    try {
      await verbs.recordAttempt({ correlationId, ...(caller && { caller }), code, detail })
    } catch (thrown) {
      verbs.report(correlationId, thrown)
    }
    return { code, detail, reasons: [], correlationId }
  }
}

const REFUSAL_CODES: Readonly<Record<Exclude<Effect, 'allow'>, ErrorCode>> = {
  deny: 'denied',
  'needs-approval': 'needs_approval',
}

/** Reasons of Stint itself, which a refusal names as they are. */
const OWN_CODES = ['revoked', 'cut_off', 'budget_exceeded', 'sealed'] as const

/** The refusal that a decision other than allow becomes, about a request of this task. */
export function refuse(correlationId: string, decision: Decision, task?: Pick<Task, 'id'>): Refusal {
  const { effect, reasons, approver, approval } = decision
  if (effect === 'allow') throw new StintError('internal', 'an allow was not recorded')
  const code = OWN_CODES.find((one) => one === decision.code) ?? REFUSAL_CODES[effect]
  const detail = reasons[0] ?? 'no policy permits it'
  return {
    code,
    detail,
    reasons,
    correlationId,
    ...(approver !== undefined && { approver }),
    ...(approval !== undefined && { approval, ...(approval.taskId === task?.id && { isOwn: true }) }),
  }
}
