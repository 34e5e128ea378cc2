import type { Caller, IssuerRule } from '../model.ts'

/** How an issuer's own endpoints may be reached, when they are not on the public internet. */
export interface IssuerReach {
  /** As `Target.privateNetworks`: everything private is refused unless listed (G10). */
  readonly privateNetworks: readonly string[]
  /** PEM bundle of extra roots, for issuers with their own CA. */
  readonly trustedCa?: string
}

/** The world a plugin may touch: bounded HTTPS GET through gateway/dial.ts. Throws StintError `issuer_unavailable`. */
export interface IssuerIo {
  /** At most 512 KiB, 5 s, no redirects. */
  getJson(url: string, reach: IssuerReach): Promise<unknown>
  now(): number
  /** Clock difference tolerated in tokens. */
  readonly skewSeconds: number
}

/** A configured issuer, as stored: identity/issuer-config.ts checks it. */
export interface IssuerConfig extends IssuerReach {
  readonly id: string
  readonly kind: string
  /** The `iss` of its tokens, compared character by character. */
  readonly issuer: string
  /** The only `aud` its tokens may have. */
  readonly audience: string
  /** Its tokens are files read many times, so a `jti` may be seen again until it expires. */
  readonly allowReuse: boolean
  /** Structured claims that must match exactly, all of them; values are strings. Never a pattern. The first rule that matches admits. */
  readonly rules: readonly IssuerRule[]
}

/** A verified token: the caller, and the rule that admitted it. */
export interface Vouched {
  readonly caller: Caller
  readonly rule: IssuerRule
}

/** A compact JWS that parsed, nothing of it proved yet. Header and payload are attacker-controlled. */
export interface ParsedJwt {
  readonly text: string
  readonly header: Readonly<Record<string, unknown>> & { readonly alg: string }
  readonly payload: Readonly<Record<string, unknown>>
}

/** A public key in JWK form (RFC 7517) with only the members that make it; private members never get in. */
export type PublicJwk =
  | { readonly kty: 'RSA'; readonly n: string; readonly e: string }
  | { readonly kty: 'EC'; readonly crv: string; readonly x: string; readonly y: string }
  | { readonly kty: 'OKP'; readonly crv: string; readonly x: string }

/** What an issuer's plugin may use. */
export interface IssuerWorld extends IssuerIo {
  /**
   * The one key that a token with this header may be signed by, from the issuer's discovery document; its alg is an allowed one then.
   * Throws `invalid_token` or `issuer_unavailable`.
   */
  findKey(config: IssuerConfig, header: { readonly alg: string; readonly kid?: unknown }): Promise<PublicJwk>
}

/** One kind of issuer, in one file. */
export interface Issuer {
  readonly kind: string
  readonly summary: string
  /** Returns for a token that is the issuer's own, in time and for us; the rules are matched after it. Throws `invalid_token`, `issuer_unavailable`. */
  verify(token: ParsedJwt, config: IssuerConfig, world: IssuerWorld): Promise<void>
}
