import { randomUUID } from 'node:crypto'
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK, jwtVerify, SignJWT } from 'jose'
import { StintError } from '../errors.ts'
import type { Task, WorkloadProof } from '../model.ts'
import { readOrCreatePrivate } from '../private-file.ts'
import { publicKeyFor } from './algorithms.ts'
import { isRecord, parseJwt } from './jwt.ts'

/** What a task token says, verified. `expiresAt` is epoch milliseconds. */
export interface TaskClaims {
  readonly taskId: string
  readonly workload: string
  readonly owner: string
  readonly proof: WorkloadProof
  readonly keyThumbprint: string
  readonly actors: readonly string[]
  readonly expiresAt: number
}

/** What Stint itself signs: RFC 9068 access tokens for one task, useless without the key they name. */
export interface Tokens {
  /** `actors` is the RFC 8693 chain, nearest first. Throws `task_not_live` for a task with no second left to live. */
  issue(task: Task, actors?: readonly string[]): Promise<{ token: string; expiresAt: number }>
  /** Throws `invalid_token`. Says nothing about who presents it: dpop.ts does. */
  verify(token: string): Promise<TaskClaims>
  /** As `verify`, also for a token that expired within the last day: enough to tell its holder that the task is over. */
  verifyLate(token: string): Promise<TaskClaims>
  /** The public keys, RFC 7517, section 5. */
  jwks(): { readonly keys: readonly JWK[] }
}

interface TokenOptions {
  readonly issuer: string
  readonly audience: string
  readonly ttlSeconds: number
  /** Tolerated for `iat` and `nbf`; none for `exp`, since a token must not outlive its task. */
  readonly skewSeconds: number
  now(): number
}

interface SigningKey {
  readonly kid: string
  readonly published: JWK
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
}

const ALG = 'ES256'
const TYP = 'at+jwt'
const MAX_TOKEN_BYTES = 4096
const MAX_ACTORS = 16
const LATE_SECONDS = 86_400
const REQUIRED = ['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti', 'task', 'owner', 'proof', 'cnf']
const PROOF_KINDS: Readonly<Record<WorkloadProof, true>> = {
  sandbox: true,
  'process-tree': true,
  'run-secret': true,
  federated: true,
}

/**
 * Opens the signing keys, making the file when there is none. The first key in the file signs; all of them verify, so a new key is
 * put in front and the old one stays until its last token has expired. Throws `state_unsafe`.
 */
export async function openTokens(keyFile: string, options: TokenOptions): Promise<Tokens> {
  const keys = await readKeys(keyFile)
  const [current] = keys
  if (current === undefined) throw new StintError('state_unsafe', `${keyFile} holds no signing key`)
  return {
    issue: (task, actors = []) => issueToken(task, actors, current, options),
    verify: (token) => verifyToken(token, keys, options, 0),
    verifyLate: (token) => verifyToken(token, keys, options, LATE_SECONDS),
    jwks: () => ({ keys: keys.map(({ published }) => published) }),
  }
}

async function issueToken(task: Task, actors: readonly string[], key: SigningKey, options: TokenOptions) {
  const iat = Math.floor(options.now() / 1000)
  const exp = Math.min(iat + options.ttlSeconds, Math.floor(task.expiresAt / 1000))
  if (task.state !== 'live' || exp <= iat) throw new StintError('task_not_live', 'the task has ended or is about to')
  if (!isThumbprint(task.keyThumbprint))
    throw new StintError('invalid_argument', 'the key thumbprint is not a SHA-256 in base64url')
  const act = nestActors(actors)
  const claims = {
    ...{ iss: options.issuer, aud: options.audience, sub: task.workload, client_id: task.workload },
    ...{ iat, exp, jti: randomUUID(), task: task.id, owner: task.owner, proof: task.proof },
    cnf: { jkt: task.keyThumbprint },
    ...(act && { act }),
  }
  const token = await new SignJWT(claims).setProtectedHeader({ typ: TYP, alg: ALG, kid: key.kid }).sign(key.privateKey)
  return { token, expiresAt: exp * 1000 }
}

/** `lateSeconds` may have gone by since it expired. */
async function verifyToken(
  token: string,
  keys: readonly SigningKey[],
  options: TokenOptions,
  lateSeconds: number,
): Promise<TaskClaims> {
  const { header } = parseJwt(token, MAX_TOKEN_BYTES)
  if (header.typ !== TYP || header.alg !== ALG) throw invalid('it is not a task token')
  const key = keys.find(({ kid }) => kid === header.kid)
  if (key === undefined) throw invalid('it is not signed by a key of this installation')
  const { issuer, audience, skewSeconds } = options
  const now = options.now()
  const clockTolerance = skewSeconds + lateSeconds
  const { payload } = await jwtVerify(token, key.publicKey, {
    ...{ algorithms: [ALG], typ: TYP, issuer, audience, requiredClaims: REQUIRED, clockTolerance, currentDate: new Date(now) },
  }).catch((thrown: unknown) => {
    throw invalid(thrown instanceof Error ? thrown.message : 'its signature does not verify')
  })
  const { aud, exp, iat, nbf = 0, sub } = payload
  if (aud !== audience || payload.client_id !== sub) throw invalid('it is for another audience or client')
  if (exp === undefined || (exp + lateSeconds) * 1000 <= now) throw invalid('it has expired')
  if (iat === undefined || Math.max(iat, nbf) > now / 1000 + skewSeconds) throw invalid('it is from the future')
  return readClaims(payload, exp * 1000)
}

function readClaims(payload: Readonly<Record<string, unknown>>, expiresAt: number): TaskClaims {
  const { task: taskId, sub: workload, owner, proof, cnf, act } = payload
  const jkt = isRecord(cnf) ? cnf.jkt : undefined
  if (typeof taskId !== 'string' || typeof workload !== 'string' || typeof owner !== 'string')
    throw invalid('a claim has the wrong type')
  if (!isWorkloadProof(proof)) throw invalid('it names a proof nobody knows')
  if (!isThumbprint(jkt)) throw invalid('it is bound to no key')
  return { taskId, workload, owner, proof, keyThumbprint: jkt, actors: readActors(act), expiresAt }
}

interface Act {
  readonly sub: string
  readonly act?: Act
}

/** RFC 8693, section 4.1: the outermost `act` is the nearest actor. */
function nestActors(actors: readonly string[]): Act | undefined {
  return actors.reduceRight<Act | undefined>((act, sub) => (act === undefined ? { sub } : { sub, act }), undefined)
}

function readActors(outermost: unknown): string[] {
  const actors: string[] = []
  for (let act = outermost; act !== undefined; act = act.act) {
    if (!isRecord(act) || typeof act.sub !== 'string' || actors.length >= MAX_ACTORS)
      throw invalid('its chain of actors is malformed')
    actors.push(act.sub)
  }
  return actors
}

/** True for a way of proving a caller that Stint knows. */
export function isWorkloadProof(value: unknown): value is WorkloadProof {
  return typeof value === 'string' && Object.hasOwn(PROOF_KINDS, value)
}

/** True for an RFC 7638 SHA-256 thumbprint: 43 base64url characters. */
export function isThumbprint(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9_-]{43}$/.test(value)
}

async function readKeys(keyFile: string): Promise<SigningKey[]> {
  const text = await readOrCreatePrivate(keyFile, newKeySet)
  try {
    const { keys } = JSON.parse(text) as { keys: JWK[] }
    return await Promise.all(keys.map(readKey))
  } catch (thrown) {
    throw new StintError('state_unsafe', `${keyFile} does not hold signing keys`, { cause: thrown })
  }
}

async function newKeySet(): Promise<string> {
  const { privateKey } = await generateKeyPair(ALG, { extractable: true })
  return JSON.stringify({ keys: [await exportJWK(privateKey)] })
}

async function readKey(jwk: JWK): Promise<SigningKey> {
  const publicJwk = publicKeyFor(ALG, jwk)
  if (publicJwk === undefined || jwk.d === undefined) throw new TypeError('not an ES256 private key')
  const kid = await calculateJwkThumbprint(publicJwk)
  const privateKey = await importKey({ ...publicJwk, d: jwk.d })
  return { kid, published: { ...publicJwk, kid, alg: ALG, use: 'sig' }, privateKey, publicKey: await importKey(publicJwk) }
}

async function importKey(jwk: JWK): Promise<CryptoKey> {
  const key = await importJWK(jwk, ALG)
  if (key instanceof Uint8Array) throw new TypeError('not an asymmetric key')
  return key
}

function invalid(why: string): StintError {
  return new StintError('invalid_token', `the task token is not valid: ${why}`)
}
