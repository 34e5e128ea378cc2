import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type CryptoKey, calculateJwkThumbprint, compactVerify, exportJWK, generateKeyPair, importJWK, SignJWT } from 'jose'
import { createCache } from '../cache.ts'
import { StintError } from '../errors.ts'
import { hasPrivateMembers, PROOF_ALGORITHMS, publicKeyFor } from './algorithms.ts'
import type { ParsedJwt, PublicJwk } from './issuer.ts'
import { isRecord, parseJwt } from './jwt.ts'
import { createOnce } from './once.ts'
import type { UsedProofs } from './used-proofs.ts'

/** A request as its proof must describe it (RFC 9449, section 4.2): `method` is `htm`, `url` is `htu`. */
export interface ProvedRequest {
  readonly method: string
  readonly url: string
}

/**
 * Uses a proof up at every gateway that shares the state; nothing may be done for the caller before. It may be called again. Throws
 * `proof_replayed`, `cut_off`, `store_unavailable`.
 */
export type Claim = () => Promise<void>

/** Checks RFC 9449 proofs. Every proof works once. */
export interface Dpop {
  /**
   * Throws `invalid_token` or `proof_replayed` unless `proof` shows possession of the key `thumbprint` for this request and token.
   * Answers what is left to do where other gateways would take the same proof.
   */
  check(request: ProvedRequest & { proof: string; token: string; thumbprint: string }): Promise<Claim | undefined>
  /**
   * The RFC 7638 thumbprint of the key a proof without a token shows possession of, for binding a new task to it. `caller` is who is
   * asking. Throws as `check` and as its claim.
   */
  proveKey(request: ProvedRequest & { proof: string; caller: string }): Promise<string>
}

/** A client's key for proofs. The private part cannot be exported. */
export interface DpopKey {
  readonly privateKey: CryptoKey
  readonly publicJwk: PublicJwk
  readonly thumbprint: string
}

interface DpopOptions {
  /** Clock difference tolerated on top of PROOF_SECONDS for old proofs. */
  readonly skewSeconds: number
  now(): number
  /** Waits that many milliseconds. */
  pause?(ms: number): Promise<unknown>
  /** Proofs remembered at most in one window; past it proofs are refused. */
  readonly capacity?: number
  /** What other gateways take as well is remembered by all of them; without it this process is the only one. */
  readonly shared?: UsedProofs | undefined
}

const TYP = 'dpop+jwt'
const MAX_PROOF_BYTES = 4096
const MAX_JTI = 256
/** How old a proof may be. */
const PROOF_SECONDS = 60
/** Two generations of this many public keys. */
const REMEMBERED_KEYS = 512
/** How far in the future a proof may be dated; it is then held until that time has come. */
const AHEAD_SECONDS = 5

/**
 * The checker and its replay memory. A proof dated before this was called is refused, and none is accepted before its own date, so
 * that a restart, which empties the memory, lets no old proof in again.
 */
export function createDpop({ skewSeconds, now, pause = delay, capacity = 200_000, shared }: DpopOptions): Dpop {
  const bornAt = now()
  const windowMs = (PROOF_SECONDS + skewSeconds) * 1000
  const used = createOnce({ keepMs: windowMs, capacity, share: Math.ceil(capacity / 4), now })
  const openKey = createKeyReader()
  return {
    async check({ proof, token, thumbprint, ...request }) {
      const opened = await openProof(proof, request, openKey)
      if (opened.thumbprint !== thumbprint) throw refused('its key is not the one the token is bound to')
      if (opened.payload.ath !== hash(token)) throw refused('it is for another token (ath)')
      return await spend(opened, thumbprint)
    },
    async proveKey({ proof, caller, ...request }) {
      const opened = await openProof(proof, request, openKey)
      const claim = await spend(opened, caller)
      await claim?.()
      return opened.thumbprint
    },
  }

  async function spend({ thumbprint, payload }: OpenedProof, spender: string): Promise<Claim | undefined> {
    const { iat, jti } = payload
    if (typeof jti !== 'string' || jti === '' || jti.length > MAX_JTI) throw refused('its jti is missing or too long')
    if (typeof iat !== 'number') throw refused('its iat is missing')
    const madeAt = Math.round(iat * 1000)
    await reach(madeAt)
    const result = used.use(spender, `${thumbprint}.${jti}`)
    if (result === 'again') throw replayed()
    if (result === 'full') throw new StintError('rate_limited', 'too many DPoP proofs within a minute')
    return (
      shared &&
      claimOnce(async () => {
        if ((await shared.use(thumbprint, jti, madeAt + windowMs)) === 'again') throw replayed()
      })
    )
  }

  async function reach(madeAt: number): Promise<void> {
    const ahead = madeAt - now()
    if (ahead > AHEAD_SECONDS * 1000) throw refused('it is dated in the future; check the clock')
    if (ahead > 0) await pause(ahead + 1)
    if (madeAt > now()) throw refused('it is dated in the future; check the clock')
    if (madeAt < now() - windowMs) throw refused('it is too old; make a new one for every request')
    if (madeAt < bornAt) throw refused('it was made before this Stint started; make a new one')
  }
}

/** Whoever calls it meanwhile or afterwards has the outcome of the first; after a failure it is tried again. */
function claimOnce(work: Claim): Claim {
  let claiming: Promise<void> | undefined
  return () => {
    claiming ??= work().catch((thrown: unknown) => {
      claiming = undefined
      throw thrown
    })
    return claiming
  }
}

interface OpenedProof {
  readonly thumbprint: string
  readonly payload: Readonly<Record<string, unknown>>
}

/** RFC 9449, section 4.3, steps 2 to 9: everything but time, token and replay. */
async function openProof(text: string, request: ProvedRequest, openKey: KeyReader): Promise<OpenedProof> {
  const proof = parseJwt(text, MAX_PROOF_BYTES)
  const { alg, typ } = proof.header
  if (typ !== TYP) throw refused(`its typ is not ${TYP}`)
  if (!PROOF_ALGORITHMS.includes(alg)) throw refused(`its alg is none of ${PROOF_ALGORITHMS.join(', ')}`)
  const jwk = proofKey(proof)
  const { payload } = proof
  if (payload.htm !== request.method) throw refused('it is for another method (htm)')
  if (normalUrl(payload.htu) !== normalUrl(request.url)) throw refused('it is for another URL (htu)')
  try {
    const { key, thumbprint } = await openKey(alg, jwk)
    await compactVerify(text, key, { algorithms: [alg] })
    return { thumbprint, payload }
  } catch (cause) {
    throw refused('its signature does not verify', cause)
  }
}

type KeyReader = (alg: string, jwk: PublicJwk) => Promise<ReadKey>
interface ReadKey {
  readonly key: Awaited<ReturnType<typeof importJWK>>
  readonly thumbprint: string
}

/** Keys that were read are remembered: a task shows the same one for each of its connections, and reading it costs as much as verifying. */
function createKeyReader(): KeyReader {
  const read = createCache<ReadKey>(REMEMBERED_KEYS)
  return async (alg, jwk) => {
    const name = JSON.stringify([alg, jwk])
    const known = read.get(name)
    if (known !== undefined) return known
    const opened = { key: await importJWK(jwk, alg), thumbprint: await calculateJwkThumbprint(jwk) }
    read.set(name, opened)
    return opened
  }
}

function proofKey({ header }: ParsedJwt): PublicJwk {
  const { alg, jwk } = header
  if (!isRecord(jwk)) throw refused('it carries no jwk')
  if (hasPrivateMembers(jwk)) throw refused('its jwk holds a private key, which is no longer private')
  const key = publicKeyFor(alg, jwk)
  if (key === undefined) throw refused('its jwk does not fit its alg')
  return key
}

/** RFC 9449, section 4.3: compared without query and fragment, after the normalisation of RFC 3986, section 6.2.2 and 6.2.3. */
function normalUrl(text: unknown): string {
  if (typeof text !== 'string' || !URL.canParse(text)) throw refused('its htu is not a URL')
  const { protocol, host, username, password, pathname } = new URL(text)
  if ((protocol !== 'https:' && protocol !== 'http:') || username + password !== '')
    throw refused('its htu is not a plain http(s) URL')
  return `${protocol}//${host}${pathname.replace(/%[0-9a-f]{2}/gi, normalEscape)}`
}

function normalEscape(encoded: string): string {
  const character = String.fromCharCode(Number.parseInt(encoded.slice(1), 16))
  return /[A-Za-z0-9._~-]/.test(character) ? character : encoded.toUpperCase()
}

function hash(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}

function replayed(): StintError {
  return new StintError('proof_replayed', 'a DPoP proof with this jti was used before')
}

function refused(why: string, cause?: unknown): StintError {
  return new StintError('invalid_token', `the DPoP proof is not valid: ${why}`, cause === undefined ? {} : { cause })
}

/** A fresh ES256 key for one task's proofs. */
export async function generateKey(): Promise<DpopKey> {
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const publicJwk = publicKeyFor('ES256', await exportJWK(publicKey))
  if (publicJwk === undefined) throw new StintError('internal', 'a key could not be made')
  return { privateKey, publicJwk, thumbprint: await calculateJwkThumbprint(publicJwk) }
}

/** A proof for one request, with `token` bound in as `ath`. `iat` has milliseconds, so that it holds in the second Stint starts in. */
export async function makeProof(key: DpopKey, request: ProvedRequest & { token?: string }): Promise<string> {
  const { method: htm, url, token } = request
  const claims = {
    jti: randomUUID(),
    htm,
    htu: normalUrl(url),
    iat: Date.now() / 1000,
    ...(token !== undefined && { ath: hash(token) }),
  }
  return await new SignJWT(claims).setProtectedHeader({ typ: TYP, alg: 'ES256', jwk: key.publicJwk }).sign(key.privateKey)
}
