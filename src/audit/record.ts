import { type EntryOf, LIMITS } from './entry.ts'
import { type CallerFacts, type DecisionFacts, spell, spellCaller, spellDecision, spellTarget, spellTask } from './parts.ts'
import { Permit } from './permit.ts'
import { cut, cutList, cutOrNull, systemEntry, timestamp, whole } from './spell.ts'

/** What was asked, as far as an entry needs to look into it; the whole of it is named by its digest. */
interface Request {
  readonly risk: { readonly score: number; readonly reasons: readonly string[] }
}

/** What a decision entry is made from. The broker's `Decided` has this shape. Texts may be attacker-controlled: each is cut to LIMITS. */
export interface Decidable<R extends Request = Request> {
  readonly correlationId: string
  readonly caller: CallerFacts
  readonly task: { readonly id: string; readonly owner: string } | undefined
  readonly target: { readonly id: string } | undefined
  readonly action: { readonly id: string; readonly access: EntryOf<'decision'>['access']; readonly resource: string }
  readonly request: R
  readonly decision: DecisionFacts
}

/** A request that never reached a decision. */
export interface AttemptFacts {
  readonly correlationId: string
  readonly caller?: { readonly id: string; readonly proof: string; readonly taskId?: string } | undefined
  readonly code: string
  readonly detail: string
}

/** Something done to Stint itself. `action` names it (`task.start`, `target.add`, `revoke`), `subject` what it was done to. */
export interface ActFacts {
  readonly action: string
  readonly correlationId?: string | undefined
  readonly caller?: { readonly id: string; readonly proof?: string } | undefined
  readonly owner?: string | undefined
  readonly task?: string | undefined
  readonly target?: string | undefined
  readonly subject?: string | undefined
  /** `done` unless given; an error code when it was refused. */
  readonly code?: string | undefined
  readonly reason?: string | undefined
  /** Flat facts. Never a secret. */
  readonly details?: Readonly<Record<string, string>> | undefined
}

/** Writes what happened, durable before it answers. Everything rejects with `audit_unavailable` when that cannot be. */
export interface Recorder<R extends Request = Request> {
  /** A Permit for an allow and for nothing else, once the entry is durable (G1). */
  record<T extends Decidable<R>>(decided: T): Promise<Permit<T> | undefined>
  recordAttempt(attempt: AttemptFacts): Promise<void>
  /** Resolves to the entry's index. */
  recordAct(act: ActFacts): Promise<number>
  recordSystem(code: string, detail: string): Promise<number>
}

/** What a recorder needs beside the log. */
export interface RecorderOptions<R extends Request> {
  /** Epoch milliseconds. */
  now(): number
  /** What names a request in its entry, at most 128 characters. */
  digest(request: R): string
}

/** A recorder on `log`. */
export function createRecorder<R extends Request = Request>(
  log: { append(entry: string): Promise<number> },
  { now, digest }: RecorderOptions<R>,
): Recorder<R> {
  return {
    async record(decided) {
      const isAllowed = decided.decision.effect === 'allow'
      const index = await log.append(decisionEntry(decided, digest(decided.request), now()))
      return isAllowed ? Permit.grant(index, decided) : undefined
    },
    async recordAttempt(attempt) {
      await log.append(attemptEntry(attempt, now()))
    },
    recordAct: (act) => log.append(actEntry(act, now())),
    recordSystem: (code, detail) => log.append(systemEntry(now(), code, detail)),
  }
}

function decisionEntry(decided: Decidable, digest: string, at: number): string {
  const { caller, task, target, action, request, decision } = decided
  const head = spell<'decision'>({
    v: 1,
    kind: 'decision',
    at: timestamp(at),
    correlationId: cut(decided.correlationId, LIMITS.id),
  })
  const act = spell<'decision'>({
    action: cut(action.id, LIMITS.name),
    access: action.access,
    resource: cut(action.resource, LIMITS.resource),
  })
  const asked = spell<'decision'>({
    risk: whole(request.risk.score),
    riskReasons: cutList(request.risk.reasons, LIMITS.reasons, LIMITS.id),
    requestDigest: cut(digest, LIMITS.id),
  })
  return `{${head},${spellCaller(caller)},${spellTask(task)},${spellTarget(target)},${act},${spellDecision(decision)},${asked}}`
}

// The object literals below name their fields in the order of FIELDS.

function attemptEntry(attempt: AttemptFacts, at: number): string {
  const entry: EntryOf<'attempt'> = {
    v: 1,
    kind: 'attempt',
    at: timestamp(at),
    correlationId: cut(attempt.correlationId, LIMITS.id),
    caller: cutOrNull(attempt.caller?.id, LIMITS.caller),
    proof: cutOrNull(attempt.caller?.proof, LIMITS.id),
    task: cutOrNull(attempt.caller?.taskId, LIMITS.id),
    code: cut(attempt.code, LIMITS.id),
    detail: cut(attempt.detail, LIMITS.detail),
  }
  return JSON.stringify(entry)
}

function actEntry(act: ActFacts, at: number): string {
  const entry: EntryOf<'act'> = {
    v: 1,
    kind: 'act',
    at: timestamp(at),
    correlationId: cutOrNull(act.correlationId, LIMITS.id),
    caller: cutOrNull(act.caller?.id, LIMITS.caller),
    proof: cutOrNull(act.caller?.proof, LIMITS.id),
    owner: cutOrNull(act.owner, LIMITS.name),
    task: cutOrNull(act.task, LIMITS.id),
    target: cutOrNull(act.target, LIMITS.id),
    action: cut(act.action, LIMITS.name),
    subject: cutOrNull(act.subject, LIMITS.caller),
    code: cut(act.code ?? 'done', LIMITS.id),
    reason: cutOrNull(act.reason, LIMITS.detail),
    details: cutMap(act.details ?? {}),
  }
  return JSON.stringify(entry)
}

function cutMap(map: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.entries(map).slice(0, LIMITS.details)
  return Object.fromEntries(kept.map(([key, value]) => [cut(key, LIMITS.id), cut(value, LIMITS.name)]))
}
