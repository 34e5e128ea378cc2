import type { Caller } from '../model.ts'

/** The world a plugin may touch: bounded HTTPS GET through gateway/dial.ts. Throws StintError `issuer_unavailable`. */
export interface IssuerIo {
  /** At most 512 KiB, 5 s, no redirects. */
  getJson(url: string): Promise<unknown>
  now(): number
}

/** A configured issuer, as stored: `settings` is checked by the issuer kind's own parser. */
export interface IssuerConfig {
  readonly id: string
  readonly kind: string
  readonly issuer: string
  readonly audience: string
  /** Structured claims that must match exactly, all of them; values are strings. Never a pattern. */
  readonly rules: readonly IssuerRule[]
}

/** A workload a token may become: every claim equal, then `workload` names it and the caps bound its tasks. */
export interface IssuerRule {
  readonly claims: Readonly<Record<string, string>>
  readonly workload: string
  readonly owner: string
  readonly targets: readonly string[]
  readonly actions: readonly string[]
  readonly maxTtlSeconds: number
}

/** A verified token: the caller, and the rule that admitted it. */
export interface Vouched {
  readonly caller: Caller
  readonly rule: IssuerRule
}

/** One kind of issuer, in one file. Throws StintError `invalid_token` or `issuer_unavailable`. */
export interface Issuer {
  readonly kind: string
  readonly summary: string
  verify(token: string, config: IssuerConfig, io: IssuerIo): Promise<Vouched>
}
