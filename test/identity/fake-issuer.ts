import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTHeaderParameters, SignJWT } from 'jose'
import { StintError } from '../../src/errors.ts'
import type { IssuerConfig, IssuerIo } from '../../src/identity/issuer.ts'
import { parseIssuerConfig } from '../../src/identity/issuer-config.ts'

/** The moment these tests happen at, epoch milliseconds. */
export const NOW = 1_800_000_000_000
export const AUDIENCE = 'https://stint.example'

/** A clock that tests move by hand. */
export interface Clock {
  at: number
  now(): number
}

export function createClock(at = NOW): Clock {
  const clock: Clock = { at, now: () => clock.at }
  return clock
}

export interface IssuerKey {
  readonly kid: string
  readonly alg: string
  readonly privateKey: CryptoKey
  readonly jwk: JWK
}

export async function newKey(kid: string, alg = 'RS256'): Promise<IssuerKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
}

/** A third party: a real OIDC issuer on loopback, with keys that can be rotated and endpoints that can be broken. */
export interface FakeIssuer {
  readonly url: string
  /** What its JWKS publishes; replace to rotate. */
  keys: JWK[]
  /** Replaces an answer: by path, as JSON text. */
  readonly answers: Map<string, string>
  /** False: every request gets 503. */
  up: boolean
  /** Paths asked for, in order. */
  readonly asked: string[]
  close(): void
}

export async function startIssuer(keys: readonly IssuerKey[], path = ''): Promise<FakeIssuer> {
  const server = createServer((request, response) => answer(issuer, path, request, response))
  server.unref().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const issuer: FakeIssuer = {
    url: `http://127.0.0.1:${port}${path}`,
    keys: keys.map(({ jwk }) => jwk),
    answers: new Map(),
    up: true,
    asked: [],
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
  return issuer
}

function answer(issuer: FakeIssuer, path: string, request: IncomingMessage, response: ServerResponse): void {
  const asked = request.url ?? ''
  issuer.asked.push(asked)
  const standard: Readonly<Record<string, unknown>> = {
    [`${path.replace(/\/$/, '')}/.well-known/openid-configuration`]: {
      issuer: issuer.url,
      jwks_uri: new URL('/jwks', issuer.url).href,
    },
    '/jwks': { keys: issuer.keys },
  }
  const body = issuer.answers.get(asked) ?? JSON.stringify(standard[asked])
  response.writeHead(issuer.up && body !== undefined ? 200 : 503, { 'content-type': 'application/json' })
  response.end(issuer.up ? body : '')
}

/** The world as `createVerify` gets it, over real HTTP. */
export function ioOver(clock: Clock): IssuerIo {
  return {
    now: () => clock.now(),
    skewSeconds: 30,
    async getJson(url) {
      const response = await fetch(url)
      if (!response.ok) throw new StintError('issuer_unavailable', `it answered ${response.status}`)
      return await response.json()
    },
  }
}

export const RULE = {
  claims: { repository_id: '1234' },
  workload: 'spiffe://stint.local/ci/acme-app',
  owner: 'ana@example.com',
  targets: ['github-acme'],
  actions: ['github:*'],
  maxTtlSeconds: 900,
}

/** The configuration for a fake issuer; `more` overrides. */
export function configFor(issuer: string, more: Readonly<Record<string, unknown>> = {}): IssuerConfig {
  const base = { id: 'ci', kind: 'oidc', issuer, audience: AUDIENCE, privateNetworks: ['127.0.0.0/8'], rules: [RULE] }
  return parseIssuerConfig({ ...base, ...more })
}

/** The claims of a good token, now. */
export function goodClaims(issuer: string): Record<string, unknown> {
  const seconds = NOW / 1000
  return {
    iss: issuer,
    aud: AUDIENCE,
    sub: 'repo:acme/app',
    iat: seconds,
    exp: seconds + 300,
    jti: crypto.randomUUID(),
    repository_id: '1234',
  }
}

/** Signs claims; `header` overrides, undefined removes. */
export function sign(key: IssuerKey, claims: object, header: object = {}): Promise<string> {
  return signRaw(key.privateKey, claims, { alg: key.alg, kid: key.kid, typ: 'JWT', ...header })
}

/** Signs any claims under any header, good or not. */
export async function signRaw(key: CryptoKey | Uint8Array, claims: object, header: object): Promise<string> {
  const given: unknown = JSON.parse(JSON.stringify(header))
  return await new SignJWT({ ...claims }).setProtectedHeader(given as JWTHeaderParameters).sign(key)
}

/** base64url of JSON or text. */
export function part(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
}

/** Expects a StintError with this code. */
export function withCode(code: string): (thrown: unknown) => boolean {
  return (thrown) => {
    if (thrown instanceof StintError && thrown.code === code) return true
    throw thrown
  }
}
