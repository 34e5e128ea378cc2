/** The nouns. Types only: nothing here runs, and nothing here imports. See ARCHITECTURE.md, "Words". */

/** How a caller was proved, strongest first. Policies read it as `context.proof`. */
export type ProofKind = 'operator-socket' | 'webhook' | WorkloadProof
/** What a task's workload can be proved by. No task token speaks for an operator. */
export type WorkloadProof = 'sandbox' | 'process-tree' | 'run-secret' | 'federated'

/** A verified identity. `id` is a SPIFFE-style URI and the Cedar principal id. */
export interface Caller {
  readonly id: string
  readonly proof: ProofKind
  /** Who vouched: `stint` for local callers, the OIDC issuer URL for federated ones. */
  readonly issuer: string
  /** RFC 7638 SHA-256 thumbprint of the DPoP key the caller proved possession of, where there is one. */
  readonly keyThumbprint?: string
  /** The task whose token was presented; absent for operators and for callers that have not started one. */
  readonly taskId?: string
  /** RFC 8693 `act` chain, nearest actor first: for a child task the ids of the tasks above it. Empty when the caller acts for itself. */
  readonly actors: readonly string[]
  /** Verified claims that policies and issuer rules may match on; flat, strings only. */
  readonly claims: Readonly<Record<string, string>>
}

export type TaskState = 'live' | 'ended' | 'expired' | 'revoked'

/** What a task may touch. `actions` are Cedar action ids or `*`; a trailing `*` matches a prefix (`github:Issue::*`). */
export interface Scope {
  readonly targets: readonly string[]
  readonly actions: readonly string[]
}

/**
 * What of a task can be bounded: acts on targets that were let through, those of them that change something, bytes of bodies and streams
 * towards targets, credentials made for it, and what acts cost where a target has prices, in the minor unit of a currency.
 */
export type BudgetUnit = 'requests' | 'writes' | 'bytesOut' | 'mintedCredentials' | 'spend'
/** Whole numbers. What is absent is not bounded. */
export type Budget = { readonly [U in BudgetUnit]?: number }
/** How far a budget is used. A paused one had less left than a request needed: the task does nothing until it is raised. */
export interface BudgetState {
  readonly unit: BudgetUnit
  readonly limit: number
  readonly used: number
  readonly isPaused: boolean
}

/** The root object: who does what for whom, until when. Times are epoch milliseconds. */
export interface Task {
  readonly id: string
  readonly purpose: string
  /** The human who answers for it. */
  readonly owner: string
  /** `Caller.id` of the workload that may act under it. */
  readonly workload: string
  readonly proof: WorkloadProof
  /** Only the holder of this key can use the task's tokens (RFC 7800 `cnf.jkt`). */
  readonly keyThumbprint: string
  readonly scope: Scope
  readonly ticket?: string
  readonly labels: readonly string[]
  readonly parentId?: string
  readonly startedAt: number
  readonly expiresAt: number
  readonly state: TaskState
  readonly endedAt?: number
  readonly endReason?: string
  /** True when a runner must stay connected: its silence ends the task. */
  readonly supervised: boolean
}

/** What is asked of a new task. Attacker-controlled. */
export interface TaskWish {
  readonly purpose: string
  readonly owner?: string
  readonly targets: readonly string[]
  readonly actions: readonly string[]
  readonly ttlSeconds?: number
  readonly ticket?: string
  readonly labels?: readonly string[]
  readonly supervised?: boolean
  readonly budget?: Budget
  /** How the runner will prove the workload; the weakest when it does not say. */
  readonly proof?: WorkloadProof
  /** RFC 7638 thumbprint of the key that the task's tokens are bound to. */
  readonly keyThumbprint: string
}

/** What is asked of a task that another one starts: owner, workload and proof come from its parent. Attacker-controlled. */
export type ChildWish = Omit<TaskWish, 'owner' | 'supervised' | 'proof'>

/** A workload that an issuer's token may become: every claim equal, then `workload` names it and the caps bound its tasks. */
export interface IssuerRule {
  /** Keyed by top-level claim name, or by a JSON Pointer (RFC 6901) where the claim is nested: `/kubernetes.io/namespace`. */
  readonly claims: Readonly<Record<string, string>>
  readonly workload: string
  readonly owner: string
  readonly targets: readonly string[]
  readonly actions: readonly string[]
  readonly maxTtlSeconds: number
  readonly maxBudget?: Budget
}

export type Environment = 'production' | 'staging' | 'development' | 'unknown'
export type Sensitivity = 'public' | 'internal' | 'confidential' | 'restricted'

/** How a host is spoken to. All but the first two are reached through an entrance of their own. */
export type Scheme = 'http' | 'https' | WireScheme
/** Protocols of their own that the gateway has an entrance for. */
export type WireScheme = 'postgres' | 'mysql' | 'redis' | 'ssh'

/** A host a target answers on. `host` is exact or `*.suffix` (one or more labels). */
export interface HostRule {
  readonly scheme: Scheme
  readonly host: string
  readonly port: number
}

/** Where the credential goes on the way out. The name of the standing credential, never its value. */
export type Placement =
  | { readonly kind: 'none' }
  | { readonly kind: 'header'; readonly name: string; readonly prefix: string }
  | { readonly kind: 'basic'; readonly username: string }
  | { readonly kind: 'query'; readonly name: string }
  /** The workload writes `placeholder` where the secret belongs; it is replaced in headers, and in bodies when `body`. */
  | { readonly kind: 'placeholder'; readonly placeholder: string; readonly body: boolean }
  /** An environment variable of the program that Stint starts to be the target. */
  | { readonly kind: 'env'; readonly name: string }

/** A program that Stint starts to be a target, with the operator's rights (docs/decisions/0023). Never a secret. */
export interface Program {
  readonly command: string
  readonly args: readonly string[]
  /** Beside what every program is given (src/programs/start-process.ts). */
  readonly environment: Readonly<Record<string, string>>
  readonly directory: string
}

/** A well-known system, ready to add. `asks` names what its user must give: `host` for one that has its own, `username` for basic auth. */
export interface Preset {
  readonly id: string
  readonly summary: string
  readonly connector: string
  /** Empty when `asks` has `host`. */
  readonly hosts: readonly HostRule[]
  /** Where the credential goes, if one is named. */
  readonly placement: Placement
  readonly credential: 'required' | 'optional' | 'none'
  readonly asks: readonly ('host' | 'username')[]
  readonly environment: Environment
  readonly sensitivity: Sensitivity
  /** Environment variables its tools look for; `stint run` sets them to a placeholder so that the tools start. */
  readonly placeholderVariables: readonly string[]
}

/** A system that can be acted on. */
export interface Target {
  readonly id: string
  /** Which connector knows it: a key of the generated connector index. */
  readonly connector: string
  readonly hosts: readonly HostRule[]
  readonly environment: Environment
  readonly sensitivity: Sensitivity
  readonly labels: readonly string[]
  /** Private, loopback or link-local networks it may live in, as CIDR. Everything private is refused unless listed (G10). */
  readonly privateNetworks: readonly string[]
  /** PEM bundle of extra roots to trust when talking to it, for systems with their own CA. */
  readonly trustedCa?: string
  readonly credentialId?: string
  readonly placement: Placement
  /** What its connector must know, by the names in docs/reference/connectors.md. Never a secret. */
  readonly settings?: Readonly<Record<string, string | readonly string[]>>
  /** True where programs that cannot be proxied may be handed what is minted for their task (docs/decisions/0017). */
  readonly handsOut?: boolean
  /** What an act costs, in the minor unit of a currency, by action pattern; the longest that names it counts. Bounded by budgets of `spend`. */
  readonly prices?: Readonly<Record<string, number>>
}

/**
 * A request as it arrived, canonical and attacker-controlled. `path` starts with `/` and holds no dot segments; `%2F` is in one
 * segment at most, where the target's connector takes it.
 */
export interface Operation {
  readonly scheme: 'http' | 'https'
  readonly host: string
  readonly port: number
  readonly method: string
  readonly path: string
  /** Raw, without the `?`; empty when there is none. */
  readonly query: string
  /** Lower-case names; repeated headers joined by `, `. */
  readonly headers: Readonly<Record<string, string>>
  /** The first bytes of the body, at most what the connector's `bodyPrefix` asked for. */
  readonly body?: Uint8Array
}

export type Access = 'read' | 'write' | 'destructive' | 'admin'

/** What is done to a target. `id` is the Cedar action id: semantic where the connector knows, `http:<METHOD>` else. */
export interface Action {
  readonly id: string
  readonly access: Access
  /** What inside the target is touched, for people and policies: `repos/acme/app/pulls/7`, `refs/heads/main`. */
  readonly resource: string
  /** Further facts the connector read, for `context.parameters`: git refs, MCP arguments. */
  readonly parameters: Readonly<Record<string, string | readonly string[]>>
}

export interface Risk {
  /** 0 harmless to 100. */
  readonly score: number
  /** One sentence for each contribution, largest first: `+30 writes to production`. */
  readonly reasons: readonly string[]
}

/** Points that a finding adds to a task's risk for a while, and the words that say why. */
export interface Raise {
  readonly points: number
  readonly because: string
}

/** Everything Cedar is asked about. `context` holds plain Cedar-JSON values only. */
export interface AuthzRequest {
  readonly principal: { readonly type: string; readonly id: string }
  readonly action: string
  readonly resource: { readonly type: string; readonly id: string }
  readonly context: Readonly<Record<string, CedarValue>>
  readonly risk: Risk
}
export type CedarValue = string | number | boolean | readonly CedarValue[] | { readonly [key: string]: CedarValue }

export type Effect = 'allow' | 'deny' | 'needs-approval'

/** A question to people that waits for its answer. `expiresAt` is epoch milliseconds. */
export interface ApprovalAsked {
  readonly id: string
  readonly taskId: string
  readonly expiresAt: number
}

/** All of a request that would be sent, byte for byte, beside what its action says: what a consent covers. */
export interface Exact {
  /** SHA-256, hex. */
  readonly digest: string
  /** The same of all but the body and what header fields say of it; absent where there is no body. */
  readonly anyBodyDigest?: string
  /** For people: the request in one line, and the beginning of its body, secrets masked. Attacker-controlled. */
  readonly line: string
  readonly body?: string
  /** The question that it was asked as before, whose state it gives back: no other is asked. */
  readonly again?: string
}

/** The answer. A value, never an exception. */
export interface Decision {
  readonly effect: Effect
  /** Ids of the policies that determined it; empty when nothing permitted. */
  readonly policies: readonly string[]
  /** SHA-256 of the policy set that answered, hex. */
  readonly policySetHash: string
  /** Stable code for programs: `allowed`, `no_policy_permits`, `forbidden_by_policy`, `policy_error`, `revoked`, ... */
  readonly code: string
  /** Sentences for people, most telling first. */
  readonly reasons: readonly string[]
  /** Who must consent, for `needs-approval`: the value of `@approval`. */
  readonly approver?: string
  /** Where consent was asked for, for `needs-approval`. */
  readonly approval?: ApprovalAsked
  /** Upper bound on the credential's life in seconds, from `@ttl`. */
  readonly ttlSeconds?: number
}

/** What the broker decided about: the payload of a Permit, and all that obtaining a credential may look at. */
export interface Decided {
  readonly correlationId: string
  readonly caller: Caller
  readonly task: Task | undefined
  readonly target: Target | undefined
  readonly action: Action
  readonly request: AuthzRequest
  readonly decision: Decision
}

/** Who or what a revocation covers. `all` covers everything. */
export type Selector =
  | { readonly kind: 'task' | 'caller' | 'owner' | 'target' | 'credential'; readonly id: string }
  | { readonly kind: 'all' }

/** A durable, numbered "deny from now on". `liftedAt` is set by a later, recorded act. */
export interface Revocation {
  readonly number: number
  readonly selector: Selector
  readonly reason: string
  readonly by: string
  readonly at: number
  readonly liftedAt?: number
  readonly liftedBy?: string
}

/** How something ended, for `audit/settle.ts`. Byte counts are of bodies on the wire. */
export interface Outcome {
  readonly result: 'completed' | 'failed' | 'cut' | 'refused-upstream'
  readonly status?: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly durationMs: number
  /** A stable error code where it did not complete. */
  readonly code?: string
}

/** Whose doing it is, and what is acted on: what a revocation selects by. */
export interface About {
  readonly caller: Caller
  readonly task: Task
  readonly target: Target
}

/** Who does what to which target. */
export interface Act extends About {
  readonly action: Action
}

/**
 * Counts bytes before they go to a target: false where a budget has too little left, and they must not. Rejects where it cannot be known.
 */
export type CountOut = (bytes: number) => true | Promise<boolean>

/** Something open that a revocation must be able to cut (G3). */
export interface Flow {
  /** Present where a budget bounds what is sent. */
  readonly countOut?: CountOut | undefined
  readonly isCut: boolean
  /** Runs `cut` once, now if it is cut already. */
  onCut(cut: () => void): void
  /** It ended by itself. */
  close(): void
}
