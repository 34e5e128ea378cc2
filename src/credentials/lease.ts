import type { HostRule, Program } from '../model.ts'
import type { Injection } from './connector.ts'

export type LeaseState = 'minting' | 'active' | 'revoking' | 'dead' | 'irrevocable'

/** Credential material in use for one task: what to inject, where it may go, and until when. */
export interface Lease {
  /** The handle that the log shows; never the material. */
  readonly id: string
  readonly taskId: string
  readonly targetId: string
  readonly credentialId: string | undefined
  /** The only places this lease's secrets may be sent. */
  readonly hosts: readonly HostRule[]
  readonly privateNetworks: readonly string[]
  readonly trustedCa: string | undefined
  readonly injections: readonly Injection[]
  /** What answers for its hosts instead of them. */
  readonly program?: Program | undefined
  /** Epoch milliseconds. */
  readonly expiresAt: number
  readonly state: LeaseState
}
