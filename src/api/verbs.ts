import type { Terms } from '../approvals/answering.ts'
import type { Approval, Before } from '../approvals/approval.ts'
import type { ApprovalFilter } from '../approvals/list.ts'
import type { EntryFilter } from '../audit/search.ts'
import type { Refusal } from '../broker.ts'
import type { Discovered } from '../credentials/discover.ts'
import type { LeaseRecord } from '../credentials/lease-record.ts'
import type { LeaseFilter } from '../credentials/ledger.ts'
import type { PlugPoint } from '../credentials/minting.ts'
import type { Recipe } from '../credentials/rotation/recipe.ts'
import type { DeclaredRecipe } from '../credentials/rotation/rotation-ledger.ts'
import type { RotationRecord } from '../credentials/rotation/rotation-record.ts'
import type { SignedHead } from '../credentials/webhook-signature.ts'
import type { Finding } from '../detections/finding.ts'
import type { FindingFilter } from '../detections/finding-rows.ts'
import type { ErrorCode } from '../errors.ts'
import type { OpeningWish, SealListing } from '../glass/glass.ts'
import type { Opening } from '../glass/opening.ts'
import type { OpeningFilter } from '../glass/rows.ts'
import type { Seal, SealWish } from '../glass/seal.ts'
import type { Demand, Receipt } from '../killswitch.ts'
import type {
  Access,
  Budget,
  BudgetState,
  Caller,
  ChildWish,
  IssuerRule,
  Preset,
  Revocation,
  Selector,
  Target,
  Task,
  TaskWish,
} from '../model.ts'
import type { Secret } from '../secret.ts'

/** A minted credential as anyone may see it: never its material. */
export interface LeaseListing extends Omit<LeaseRecord, 'target' | 'grant' | 'coveredBy'> {
  readonly targetId: string
  readonly connector: string
  readonly reach: readonly string[]
}

/** A credential to seal. */
export interface SealOrder extends SealWish {
  readonly targetId: string
  /** Of a new credential; absent for one that is in the vault. */
  readonly value?: Secret
  /** A person gives it a new value after each opening, since no recipe does. */
  readonly byHand?: boolean
}

/** What was noticed about a task. */
export type FindingListing = Finding

/** Who can act at a target. */
export type IdentityListing = Discovered

/** A rotation as anyone may see it: never its keys. */
export interface RotationListing extends Omit<RotationRecord, 'target' | 'recipe' | 'version'> {
  readonly targetId: string
}

/** Something that a task did; the first that the log says of it is `entry`. */
interface DoneThing {
  readonly entry: number
  /** RFC 3339. */
  readonly at: string
  readonly target: string
  readonly did: Named
}
/** An action as policies name it. */
interface Named {
  readonly id: string
  readonly resource: string
}

/** What a task changed, newest first: what can be undone, and what cannot and why. `digest` names the steps. */
export interface UndoPlan {
  readonly taskId: string
  readonly digest: string
  readonly steps: readonly (DoneThing & { readonly undoes: Named; readonly isUndone: boolean })[]
  readonly others: readonly (DoneThing & { readonly why: string })[]
}

/** What became of undoing. The entries of steps; nothing was tried after the one that it stopped at. */
export interface Undoing {
  readonly taskId: string
  /** The task that it was done in; absent where there was nothing left to do. */
  readonly undoTaskId?: string
  readonly done: readonly number[]
  readonly stopped?: { readonly entry: number; readonly why: string }
  /** Steps that are still to do. */
  readonly left: number
}

/** How an API request proves its caller; identity/verify.ts checks it. Attacker-controlled but for `pid`. */
export type Proof =
  | { readonly kind: 'operator'; readonly pid: number | undefined }
  | { readonly kind: 'dpop'; readonly token: string; readonly dpop: string; readonly method: string; readonly url: string }
  /** `possession` is an RFC 9449 proof of the key that the caller wants its task bound to. */
  /** A message to the webhook `name`, signed with its secret; `pid` is the peer on the operator's socket. */
  | {
      readonly kind: 'webhook'
      readonly name: string
      readonly head: SignedHead
      readonly body: string
      readonly pid: number | undefined
    }
  | { readonly kind: 'federated'; readonly token: string; readonly possession?: { dpop: string; method: string; url: string } }

/** What a webhook answers. `handle` came with the question. Attacker-controlled. */
export interface WebhookAnswer extends Terms {
  readonly handle: string
  readonly said: 'yes' | 'no'
  readonly reason?: string
}

/** What is asked of Cedar before a handler runs. `resource` is the path under /v1: `tasks/task_1`. */
export interface Asked {
  readonly correlationId: string
  readonly caller: Caller
  /** Cedar action id: `stint:Task::start`. */
  readonly action: string
  readonly access: Access
  readonly resource: string
  /** What the caller sent, flat; secrets are `[secret]`. */
  readonly parameters: Readonly<Record<string, string | readonly string[]>>
  /** True: the answer must be durable in the log before it is given. False for reads, and for acts that record themselves. */
  readonly record: boolean
}

export interface Page<T> {
  readonly items: readonly T[]
  /** The cursor of the next page; absent on the last one. */
  readonly next?: string
}

export interface PageRequest {
  readonly limit: number
  readonly cursor?: string
}

export interface TaskToken {
  readonly token: string
  /** Epoch milliseconds. */
  readonly tokenExpiresAt: number
}

export interface StartedTask extends TaskToken {
  readonly task: Task
  /** `host:port` of the gateway. */
  readonly gateway: string
}

/** A task among its family. */
export interface ShownTask extends Task {
  /** Ids of the tasks above it, nearest first. */
  readonly ancestors: readonly string[]
  /** Newest first, 500 at most. */
  readonly children: readonly string[]
  /** Its own; those of the tasks above bound it too. */
  readonly budgets: readonly BudgetState[]
}

export interface TaskFilter extends PageRequest {
  readonly state?: Task['state']
  readonly owner?: string
  readonly workload?: string
  readonly parentId?: string
}

/** The process at the top of a task's tree, named so that a reused pid is not mistaken for it. */
export interface TaskRoot {
  readonly pid: number
  /** As the kernel counts it: field 22 of /proc/PID/stat. */
  readonly startTime: number
}

export interface Tunnel {
  readonly host: string
  readonly port: number
}

/** A credential as anyone may see it: never its value. */
export interface CredentialListing {
  readonly id: string
  /** How often it was replaced, plus one. */
  readonly version?: number
  readonly createdAt?: number
}

/** One step of reaching a target: `resolve api.example.com`. */
export interface ProbeStep {
  readonly step: string
  readonly ok: boolean
  readonly detail: string
}

/** A configured issuer, shaped as identity/issuer.ts has it. */
export interface IssuerRecord {
  readonly id: string
  readonly kind: string
  readonly issuer: string
  readonly audience: string
  readonly allowReuse: boolean
  readonly privateNetworks: readonly string[]
  readonly trustedCa?: string
  readonly rules: readonly IssuerRule[]
}

export type Examined =
  | { readonly accepted: true; readonly caller: Caller; readonly rule: IssuerRule }
  | { readonly accepted: false; readonly code: string; readonly detail: string }

export interface PolicyStatus {
  /** SHA-256 of the set in force, hex. */
  readonly policySetHash: string
  readonly policies: number
  readonly loadedAt: number
  /** Why the newest set on disk was refused, while the previous one keeps serving. */
  readonly refused?: string
}

/** One entry of the log, as it is stored. */
export interface AuditEntry {
  readonly index: number
  readonly [field: string]: unknown
}

export interface Status {
  readonly version: string
  readonly startedAt: number
  readonly api: string
  readonly gateway: string
  readonly liveTasks: number
  readonly openFlows: number
  readonly leases: number
  readonly revocationsInForce: number
  readonly audit: { readonly entries: number; readonly writable: boolean }
  /** `ok`, or a sentence saying why the state cannot be read. */
  readonly store: string
  readonly policy: PolicyStatus
}

/** Whether each part works. Everyone may know that, and not why: `Status` says so. */
export type Readiness = Readonly<Record<string, boolean>>

/** A hashed Idempotency-Key of one caller. */
export interface IdempotencyKey {
  readonly key: string
  readonly caller: string
}

/** Where Idempotency-Keys are kept, so that they survive a restart. */
export interface IdempotencyVerbs {
  /** Claims the key durably, once; or answers who holds it. `responseJson` is absent when that request never finished. */
  claim(key: IdempotencyKey, digest: string): Promise<{ readonly digest: string; readonly responseJson?: string } | undefined>
  finish(key: IdempotencyKey, responseJson: string): Promise<void>
  /** Forgets a claim whose request failed without effect. */
  release(key: IdempotencyKey): Promise<void>
}

/** What the API's handlers need; main.ts supplies it from the folders that own it. Everything throws StintError. */
/** A tool that was taken, and what became of it since it was last. */
export interface PinnedTool {
  readonly name: string
  readonly digest: string
  readonly change: 'new' | 'changed' | 'same'
}

export interface ApiVerbs {
  /** identity/verify.ts. */
  authenticate(proof: Proof): Caller | Promise<Caller>
  /** Cedar's answer, recorded first when `record`. A Refusal, or undefined for yes. Throws `audit_unavailable`. */
  authorize(asked: Asked): Promise<Refusal | undefined>
  /** A request that never reached a decision. */
  recordAttempt(attempt: { correlationId: string; caller?: Caller; code: ErrorCode; detail: string }): Promise<void>
  readonly idempotency: IdempotencyVerbs
  readonly tasks: {
    start(input: TaskWish, caller: Caller): Promise<StartedTask>
    /** Throws `task_not_live` for a dead parent, `scope_exceeded` for a child that is wider. */
    startChild(parentId: string, input: ChildWish, caller: Caller): Promise<StartedTask>
    list(filter: TaskFilter): Promise<Page<Task>>
    get(id: string): Promise<Task>
    show(id: string): Promise<ShownTask>
    end(id: string, reason: string, caller: Caller): Promise<Task>
    /** Throws `task_not_live`, `not_found` for a budget it does not have, `invalid_argument`. */
    raise(id: string, by: Budget): Promise<ShownTask>
    /** A new token for the task's key. Throws `task_not_live`. */
    renew(id: string): Promise<TaskToken>
    /** The runner is present until the answer is called; `onEnd` runs once if the task ends meanwhile. Throws `task_not_live`. */
    attend(id: string, onEnd: (task: Task) => void): () => void
    registerRoot(id: string, root: TaskRoot): Promise<unknown>
    readonly undo: {
      /** What it changed, and what can be undone. Throws `not_found`, `invalid_argument` for a task that changed too much. */
      plan(id: string): Promise<UndoPlan>
      /** Does the plan that has this digest. Throws `conflict` for any other. */
      apply(id: string, digest: string, caller: Caller): Promise<Undoing>
    }
  }
  readonly targets: {
    add(target: Target): Promise<Target>
    list(): readonly Target[] | Promise<readonly Target[]>
    get(id: string): Target | Promise<Target>
    remove(id: string): Promise<unknown>
    /** The environment variables its tools look for, and the plug points that it hands credentials to. */
    tools(target: Target): { readonly placeholderVariables: readonly string[]; readonly plugPoints: readonly PlugPoint[] }
    presets(): readonly Preset[]
    /** Reaches each of its hosts without a credential and says how far it came. */
    probe(id: string): Promise<readonly ProbeStep[]>
    /** Takes the tools of an MCP server as it defines them now; answers them. Throws `invalid_argument` where there are none to take. */
    pin(id: string): Promise<readonly PinnedTool[]>
    /** Who can act there, as its provider tells. Throws `invalid_argument` where it tells of nobody. */
    discover(id: string): Promise<readonly Discovered[]>
  }
  readonly tunnels: {
    add(tunnel: Tunnel): Promise<unknown>
    list(): readonly Tunnel[] | Promise<readonly Tunnel[]>
    remove(tunnel: Tunnel): Promise<unknown>
  }
  readonly credentials: {
    /** Throws `conflict` for a taken name, `secret_too_short`. */
    add(id: string, value: Secret): Promise<unknown>
    /** Throws `not_found`, `secret_too_short`. */
    replace(id: string, value: Secret): Promise<unknown>
    list(): readonly CredentialListing[] | Promise<readonly CredentialListing[]>
    remove(id: string): Promise<unknown>
    /** Seals them all under a new key and forgets the old one; answers how many. */
    rotateKey(): Promise<number>
  }
  readonly issuers: {
    add(issuer: IssuerRecord): Promise<IssuerRecord>
    list(): readonly IssuerRecord[] | Promise<readonly IssuerRecord[]>
    remove(id: string): Promise<unknown>
    /** Whether a token would be accepted, using nothing up. */
    examine(token: string): Promise<Examined>
  }
  readonly revocations: {
    revoke(selector: Selector, demand: Demand): Promise<Receipt>
    lift(number: number, demand: Demand): Promise<Revocation>
    list(): Promise<readonly Revocation[]>
  }
  readonly findings: { list(filter: FindingFilter): Promise<Page<FindingListing>> }
  readonly leases: {
    list(filter: LeaseFilter): Promise<Page<LeaseListing>>
    /** Throws `not_found`. */
    get(id: string): Promise<LeaseListing>
    /** Revokes it at its provider, from now on. Throws `not_found`. */
    end(id: string, why: string): Promise<LeaseListing>
  }
  readonly glass: {
    /** Throws `invalid_argument`, `not_found`, `conflict`. */
    seal(wish: SealOrder, caller: Caller): Promise<Seal>
    seals(): Promise<readonly SealListing[]>
    /** Throws `not_found`, `task_not_live`, `scope_exceeded`, `conflict`. */
    ask(credentialId: string, wish: OpeningWish, caller: Caller): Promise<Opening>
    /** Throws `not_found`, `conflict`. */
    drill(credentialId: string, rotates: boolean, caller: Caller): Promise<Opening>
    list(filter: OpeningFilter): Promise<Page<Opening>>
    /** Throws `not_found`. */
    get(id: string): Promise<Opening>
    close(id: string, why: string): Promise<Opening>
    /** Throws `not_found`, `conflict`, `not_approver`. */
    review(id: string, caller: Caller, note: string): Promise<Opening>
  }
  readonly approvals: {
    list(filter: ApprovalFilter): Promise<Page<Approval>>
    /** Throws `not_found`, also for a caller who is neither the operator nor asked. */
    get(id: string, caller: Caller): Promise<Approval & Before>
    /** Throws `not_found`, also where it is another task's. */
    ofTask(taskId: string, id: string): Promise<Approval>
    /** Throws `not_found`, `conflict`, `not_approver`, `invalid_argument`. */
    grant(id: string, caller: Caller, said: Terms & { readonly reason?: string }): Promise<Approval>
    deny(id: string, caller: Caller, said: { readonly reason?: string }): Promise<Approval>
    /** As the person of the webhook. Throws the same, and `not_found` where it was not asked. */
    answer(id: string, webhook: string, caller: Caller, said: WebhookAnswer): Promise<Approval>
  }
  readonly rotations: {
    /** Throws `invalid_argument` that names the part of the recipe, `not_found`, `conflict`. */
    declare(credentialId: string, recipe: Recipe, everySeconds: number | undefined): Promise<DeclaredRecipe>
    recipe(credentialId: string): Promise<DeclaredRecipe>
    forget(credentialId: string): Promise<unknown>
    begin(credentialId: string, by: string): Promise<RotationListing>
    list(credentialId: string, limit: number): Promise<readonly RotationListing[]>
  }
  readonly backups: {
    /** Where to read the state from: `sharedAs` is this gateway’s name on the roll of the database that holds it. */
    allow(): { readonly sharedAs?: string }
  }
  readonly policy: {
    status(): PolicyStatus
    /** Throws `policy_invalid`; the previous set keeps serving. */
    reload(): Promise<PolicyStatus>
    /** How the decision recorded in this entry came about. */
    explain(entry: number): Promise<Readonly<Record<string, unknown>>>
  }
  readonly audit: {
    search(filter: EntryFilter & PageRequest): Promise<Page<AuditEntry>>
    entry(index: number): Promise<AuditEntry>
    /** Entries from index `from` on, then new ones as they become durable, until `signal` aborts. */
    tail(filter: EntryFilter & { readonly from?: number }, signal: AbortSignal): AsyncIterable<AuditEntry>
    /** The newest signed note (C2SP tlog-checkpoint). */
    checkpoint(): Promise<string>
    /** The verifier key (C2SP signed-note). */
    publicKey(): string
  }
  status(): Promise<Status>
  ready(): Promise<Readiness>
  /** The installation's CA, PEM. */
  caCertificate(): string
  jwks(): { keys: Record<string, unknown>[] } | Promise<{ keys: Record<string, unknown>[] }>
  /** The Prometheus text exposition. */
  metrics(): Promise<string>
}
