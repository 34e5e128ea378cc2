import type { Duplex } from 'node:stream'
import type { Action, HostRule, Scope, Target, Task } from '../model.ts'
import type { Secret } from '../secret.ts'
import type { Injection } from './connector.ts'

/**
 * The world as a connector sees it: the target's own hosts and the places it names, and nowhere else (G10). The same value for equal
 * places, so that a connector may keep a connection by it.
 */
export interface Io {
  /** Epoch milliseconds. */
  now(): number
  /**
   * A connection to one place, dialled and pinned by gateway/dial.ts. Throws `host_not_in_lease`, `address_refused`,
   * `upstream_failed`, `upstream_timeout`.
   */
  connect(place: { readonly host: string; readonly port: number; readonly tls: boolean }): Promise<Duplex>
  /**
   * TLS, verified as for `connect`, over a connection that began in the clear (PostgreSQL, MySQL). When it fails the connection is gone.
   * Throws as `connect` does.
   */
  secure(connection: Duplex, host: string): Promise<Duplex>
  /** One exchange within 10 s, at most 1 MiB of answer, no redirects. An error status is an answer. Throws as `connect` does. */
  exchange(request: HttpRequest): Promise<HttpAnswer>
}

/** A request that a connector itself makes. `body` is sent as it is. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** What came back. Attacker-controlled. Header names are in lower case, repeated ones joined by `, `. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** Values that a target or a grant carries by name. Never a secret. */
export type Terms = Readonly<Record<string, string | readonly string[]>>

/** One thing that a target of this kind must or may be told: `database`, `role_arn`. */
export interface Setting {
  /** One sentence for the reference and for `stint target add --help`. */
  readonly summary: string
  readonly required: boolean
  readonly isList: boolean
  /** What one value looks like, the whole of it. */
  readonly pattern: RegExp
}

/** The narrowest credential that serves a decided action. Grants of equal key share one lease within a task and a target. */
export interface Grant {
  readonly key: string
  /** What it can reach, one sentence each, for people. */
  readonly reach: readonly string[]
  /** What minting it takes. */
  readonly terms: Terms
}

/** How the provider knows the minted object: kept and shown in clear, so never a secret. */
export type Handle = Readonly<Record<string, string>>

/** How a program asks to be given a credential: git's, AWS's, kubectl's and Docker's own ways. */
export type PlugPoint = 'git' | 'aws' | 'kubectl' | 'docker'

/** A program wants to hold a credential itself. `path` is what the plug point says it is for, if it does: a repository. Attacker-controlled. */
export interface HandOutWish {
  readonly path: string
  readonly target: Target
  /** Of the task: all that is known of what the program will do. */
  readonly scope: Scope
}

/** One credential to mint. Whatever is made bears `leaseId` (`lease_` and a-z 2-7) in its name, so that it is found again after a crash. */
export interface MintOrder {
  readonly leaseId: string
  readonly target: Target
  readonly taskId: string
  readonly owner: string
  readonly grant: Grant
  /** What Stint shows the provider to be allowed to mint; what the target's `credentialId` names. */
  readonly standing: Secret | undefined
  /** Epoch milliseconds: what is minted must not work any longer than this, where the provider can be told. */
  readonly expiresAt: number
}

/** What Stint itself chose for an order, durable before the provider hears of it: a password, a key pair. */
export interface Prepared {
  readonly material: Secret
  readonly handle: Handle
  /** What the provider is given in place of the material, where that takes computing: it goes on while the order becomes durable. */
  readonly derived?: Promise<string>
}

/** A credential that exists. `material` is what `place`, `probe` and `revoke` need of it, as one text. */
export interface Minted {
  readonly material: Secret
  readonly handle: Handle
  /** Epoch milliseconds after which the provider refuses it by itself. Absent: not before it is revoked. */
  readonly expiresAt?: number
}

/** All that is known of a lease's object. A crash between minting and saving leaves no material and an empty handle. */
export interface Issued extends MintOrder {
  readonly material: Secret | undefined
  readonly handle: Handle
}

/** Who can act at a provider, or a key of theirs. Its words are the provider's: attacker-controlled. */
export interface Identity {
  readonly kind: 'account' | 'key' | 'token'
  /** How the provider names it; unique there among those of its kind. */
  readonly id: string
  /** `admin` where it can make or change others. */
  readonly access: 'admin' | 'limited' | 'unknown'
  /** False where it is locked, disabled or expired. */
  readonly isUsable: boolean
  /** Epoch milliseconds, each where the provider tells. */
  readonly createdAt?: number
  readonly lastUsedAt?: number
  readonly expiresAt?: number
}

/** An object at the provider that bears a lease's id. */
export interface Stray {
  readonly leaseId: string
  readonly handle: Handle
}

/**
 * How one kind of target makes credentials for one task and takes them back. Every method may be called again after a crash, and
 * answers as if it had been called once. A provider's answer is attacker-controlled. What the provider cannot do for the moment is a
 * StintError `upstream_failed` or `upstream_timeout`; what it refuses for good is `mint_refused`, and then nothing was made.
 */
export interface Minting {
  /** What its targets are told, by name. */
  readonly settings: Readonly<Record<string, Setting>>
  /** Checks what a pattern cannot: throws `invalid_argument`. */
  checkTarget?(target: Target): void
  /** Where minting speaks to beside the target's hosts: a token endpoint of its own. */
  places?(target: Target): readonly HostRule[]
  /** For how long after a revocation the provider may honour the credential all the same. */
  readonly propagationMs: number
  /** The longest life it gives; a credential that was lost before it was saved is dead by itself after it. Absent: it lives on until revoked. */
  readonly maxLifeMs?: number
  /**
   * Derived from the task and the action, never from all that the target allows; undefined for an action that needs no credential, so
   * that none is made. Throws `unknown_action`, `credential_missing`.
   */
  grant(input: { readonly task: Task; readonly target: Target; readonly action: Action }): Grant | undefined
  /**
   * The least that serves a program which is handed the credential, as an action that `grant` takes; its `access` is the most that the
   * holder may do. Only for the plug points that take what is minted. Throws `unknown_action`.
   */
  readonly handOut?: Readonly<Partial<Record<PlugPoint, (wish: HandOutWish) => Action>>>
  /** Chooses what is not the provider's to choose. Absent where the provider makes all of it. */
  prepare?(order: MintOrder): Prepared | Promise<Prepared>
  mint(order: MintOrder, prepared: Prepared | undefined, io: Io): Promise<Minted>
  /** Where it goes into a request. Throws nothing. */
  place(issued: Issued & { readonly material: Secret }): readonly Injection[]
  /**
   * Takes it back; one that is gone is fine. `irrevocableUntil` (epoch milliseconds) where the provider offers no way: then it is
   * probed after that instant.
   */
  revoke(issued: Issued, io: Io): Promise<{ readonly irrevocableUntil?: number }>
  /**
   * Tries the credential itself, doing no harm: `live` or `refused`. Without material it asks the provider whether the object is
   * there. Throws where it cannot tell: a failed connection refuses nothing.
   */
  probe(issued: Issued, io: Io): Promise<'live' | 'refused'>
  /** Every object of `installation` at the provider, by its lease; absent where the provider cannot list them. */
  strays?(
    asked: { readonly target: Target; readonly standing: Secret | undefined; readonly installation: string },
    io: Io,
  ): Promise<readonly Stray[]>
  /**
   * Everyone who can act there, as far as the standing credential can see, what Stint made included. Absent where the provider lists
   * nobody. Throws as `strays` does.
   */
  discover?(asked: { readonly target: Target; readonly standing: Secret | undefined }, io: Io): Promise<readonly Identity[]>
}
