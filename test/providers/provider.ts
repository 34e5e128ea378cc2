import type { Injection } from '../../src/credentials/connector.ts'
import type { Io } from '../../src/credentials/minting.ts'
import type { Action, Scope, Target } from '../../src/model.ts'
import type { Secret } from '../../src/secret.ts'

/** A real provider, or the best that can be had here, for the contract that every minting connector keeps. */
export interface Provider {
  readonly target: Target
  readonly standing: Secret | undefined
  /** The scope of the task that asks, and the action it asks for: less than the target allows. */
  readonly scope: Scope
  readonly action: Action
  readonly io: Io
  /** Where it honours a revocation sooner than the connector must expect of others. */
  readonly propagationMs?: number
  /** Does what the grant is for, as an ordinary client of the provider. Rejects when it is refused. */
  use(injections: readonly Injection[]): Promise<void>
  /** Does what the target’s standing credential may and this grant may not. Rejects when it is refused. */
  exceed(injections: readonly Injection[]): Promise<void>
  /** The lease ids the provider has objects of, seen without the connector; absent where it cannot list them. */
  leases?(): Promise<readonly string[]>
  /** True where what is minted is not among those that it lists. */
  readonly hidesMinted?: boolean
  /** Makes it answer revocations as done without doing them; absent where the provider is the real program. */
  lie?(): void
  close(): Promise<void>
}

/** A file test/providers/KIND.ts exports `start`: it answers a provider, or why there is none on this machine. */
export type StartProvider = () => Promise<Provider | { readonly missing: string }>
