import { StintError } from '../errors.ts'
import type { Caller, IssuerRule } from '../model.ts'
import { operatorId } from './caller-id.ts'
import type { Claim, Dpop } from './dpop.ts'
import type { Issuer, IssuerConfig, IssuerIo, ParsedJwt, Vouched } from './issuer.ts'
import { MAX_TOKEN_BYTES, parseJwt } from './jwt.ts'
import type { TaskClaims, Tokens } from './tokens.ts'
import type { UsedTokens } from './used-tokens.ts'
import { createVouch } from './vouch.ts'

/** How a caller says who it is. Attacker-controlled but for `attached` and the fact that it is `operator`. */
export type Proof =
  /** A connection that was attached before, by a proof checked then. */
  | { readonly kind: 'attached'; readonly caller: Caller }
  /** A task token, and an RFC 9449 proof for this request. */
  | { readonly kind: 'dpop'; readonly token: string; readonly dpop: string; readonly method: string; readonly url: string }
  /** An issuer's token; `possession` is the RFC 9449 proof of the key that the caller wants its task bound to. */
  | { readonly kind: 'federated'; readonly token: string; readonly possession?: Possession }
  /** The operator socket; the peer's process id, undefined where the platform does not tell. */
  | { readonly kind: 'operator'; readonly pid: number | undefined }

/** An RFC 9449 proof without a token, for this request. */
export interface Possession {
  readonly dpop: string
  readonly method: string
  readonly url: string
}

/** What became of a token that was only looked at; `detail` is for the operator. */
export type Examined =
  | ({ readonly accepted: true } & Vouched)
  | { readonly accepted: false; readonly code: string; readonly detail: string }

/** WHO IS CALLING? Everything that is not proved throws. */
export interface Verify {
  /** Answers at once for `attached`, unless its proof is still to be claimed. Throws `invalid_token`, `token_replayed`, `proof_replayed`, `issuer_unknown`, `issuer_unavailable`, `inside_task`, `not_operator`, `cut_off`, `store_unavailable`. */
  verify(proof: Proof): Caller | Promise<Caller>
  /**
   * As `verify` for a task token that may have expired, and says whether it has. It proves who asks, and gives no right to anything: while
   * this gateway is cut off the proof is claimed later, when `verify` is first asked about the caller, so that programs are told why.
   */
  recognise(proof: Proof & { kind: 'dpop' }): Promise<{ readonly caller: Caller; readonly isExpired: boolean }>
  /** Uses the token up, durably: its `jti` is `token_replayed` from now on, unless the issuer allows reuse. Throws `store_unavailable` as well. */
  verifyFederated(token: string, possession?: Possession): Promise<Vouched>
  /** The rule that admitted this very Caller value; its caps bound every task the caller starts. */
  ruleOf(caller: Caller): IssuerRule | undefined
  /** What `verifyFederated` would say, for the operator's eyes, using nothing up. */
  examine(token: string): Promise<Examined>
}

interface VerifyOptions {
  readonly tokens: Pick<Tokens, 'verify' | 'verifyLate'>
  readonly dpop: Dpop
  readonly issuers: { byIssuer(issuer: string): IssuerConfig | undefined }
  readonly used: UsedTokens
  /** By kind. */
  readonly kinds: Readonly<Record<string, Issuer>>
  readonly io: IssuerIo
  readonly trustDomain: string
  /** Whether the process is in the tree of any live task. */
  insideTask(pid: number): boolean | Promise<boolean>
  /** Hears of a genuine task token whose proof does not hold: somebody has the token and not its key, or shows a proof again. */
  onRejected?(taskId: string, why: string): void
}

/** Joins the ways to prove a caller. */
export function createVerify(options: VerifyOptions): Verify {
  const { tokens, dpop, issuers, used, kinds, io, trustDomain } = options
  const vouch = createVouch(kinds, io)
  const rules = new WeakMap<Caller, IssuerRule>()
  /** Callers whose proofs were taken while nobody could tell whether another gateway had taken them. */
  const owing = new WeakMap<Caller, Claim>()
  return { verify, recognise, verifyFederated, examine, ruleOf: (caller) => rules.get(caller) }

  function verify(proof: Proof): Caller | Promise<Caller> {
    switch (proof.kind) {
      case 'attached':
        return owing.has(proof.caller) ? claimed(proof.caller) : proof.caller
      case 'dpop':
        return verifyDpop(proof)
      case 'federated':
        return verifyFederated(proof.token, proof.possession).then(({ caller }) => caller)
      case 'operator':
        return verifyOperator(proof.pid)
      default:
        throw new StintError('unauthenticated', 'this is no proof that Stint knows', { cause: proof satisfies never })
    }
  }

  async function verifyDpop(proof: Proof & { kind: 'dpop' }): Promise<Caller> {
    const { caller, claim } = await provedBy(await tokens.verify(proof.token), proof)
    await claim?.()
    return caller
  }

  async function recognise(proof: Proof & { kind: 'dpop' }): Promise<{ caller: Caller; isExpired: boolean }> {
    const claims = await tokens.verifyLate(proof.token)
    const { caller, claim } = await provedBy(claims, proof)
    if (claim !== undefined) await claimOrOwe(caller, claim)
    return { caller, isExpired: claims.expiresAt <= io.now() }
  }

  async function provedBy(claims: TaskClaims, { token, dpop: proof, method, url }: Proof & { kind: 'dpop' }) {
    const { taskId, workload, keyThumbprint, proof: kind, actors } = claims
    const claim = await dpop.check({ proof, method, url, token, thumbprint: keyThumbprint }).catch((thrown: unknown) => {
      if (thrown instanceof StintError && thrown.status === 401) options.onRejected?.(taskId, thrown.detail)
      throw thrown
    })
    const caller: Caller = { id: workload, proof: kind, issuer: 'stint', keyThumbprint, taskId, actors, claims: {} }
    return { caller, claim }
  }

  async function claimOrOwe(caller: Caller, claim: Claim): Promise<void> {
    try {
      await claim()
    } catch (thrown) {
      if (!(thrown instanceof StintError) || thrown.code !== 'cut_off') throw thrown
      owing.set(caller, claim)
    }
  }

  async function claimed(caller: Caller): Promise<Caller> {
    await owing.get(caller)?.()
    owing.delete(caller)
    return caller
  }

  async function verifyOperator(pid: number | undefined): Promise<Caller> {
    // The kernel says 0 for a process it cannot show here, such as one in a namespace above: nobody could tell what it belongs to.
    if (pid !== undefined && !(Number.isInteger(pid) && pid > 0))
      throw new StintError('not_operator', 'the peer process cannot be seen')
    if (pid !== undefined && (await options.insideTask(pid)))
      throw new StintError('inside_task', 'the command runs inside a task')
    const claims = { pid: pid === undefined ? 'unknown' : String(pid) }
    return { id: operatorId(trustDomain), proof: 'operator-socket', issuer: 'stint', actors: [], claims }
  }

  async function verifyFederated(text: string, possession?: Possession): Promise<Vouched> {
    const { token, config } = lookUp(text)
    const vouched = await vouch(token, config)
    const thumbprint = possession && (await proveKey(possession, vouched.caller))
    if (!config.allowReuse) await useUp(token, vouched)
    const caller = thumbprint === undefined ? vouched.caller : { ...vouched.caller, keyThumbprint: thumbprint }
    rules.set(caller, vouched.rule)
    return { caller, rule: vouched.rule }
  }

  function proveKey({ dpop: proof, method, url }: Possession, caller: Caller): Promise<string> {
    return dpop.proveKey({ proof, method, url, caller: caller.id })
  }

  /** Durable before the token is accepted, so that a restart lets none in twice. */
  async function useUp({ payload: { exp } }: ParsedJwt, { caller: { issuer, claims } }: Vouched): Promise<void> {
    const { jti } = claims
    if (jti === undefined) return
    if (typeof exp !== 'number') throw new StintError('invalid_token', 'the token never expires')
    const result = await used.use(issuer, jti, (exp + io.skewSeconds) * 1000)
    if (result === 'again') throw new StintError('token_replayed', 'a token with this jti was used before')
    if (result === 'full') throw new StintError('rate_limited', 'too many tokens of this issuer are in use')
  }

  function lookUp(text: string): { token: ParsedJwt; config: IssuerConfig } {
    const token = parseJwt(text, MAX_TOKEN_BYTES)
    const { iss } = token.payload
    const config = typeof iss === 'string' ? issuers.byIssuer(iss) : undefined
    if (config === undefined) throw unknownIssuer(iss)
    return { token, config }
  }

  async function examine(text: string): Promise<Examined> {
    try {
      const { token, config } = lookUp(text)
      return { accepted: true, ...(await vouch(token, config)) }
    } catch (thrown) {
      if (!(thrown instanceof StintError)) throw thrown
      return { accepted: false, code: thrown.code, detail: thrown.operatorDetail ?? thrown.detail }
    }
  }
}

function unknownIssuer(iss: unknown): StintError {
  const operatorDetail = `its iss is ${String(JSON.stringify(iss)).slice(0, 200)}`
  return new StintError('issuer_unknown', 'no configured issuer vouches for this token', { operatorDetail })
}
