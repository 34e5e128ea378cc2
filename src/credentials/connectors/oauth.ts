import { StintError } from '../../errors.ts'
import type { Access, Action, Target } from '../../model.ts'
import { Secret } from '../../secret.ts'
import type { Connector } from '../connector.ts'
import type { Grant, Io, Issued, Minted, Minting, MintOrder } from '../minting.ts'
import { type OauthClient, openClient } from '../protocols/oauth-client.ts'
import { checkOauthTarget, MAX_LIFE_SECONDS, OAUTH_SETTINGS, oauthPlaces } from '../protocols/oauth-settings.ts'
import { missing } from '../protocols/oauth-standing.ts'
import { isActive, requestToken, revokeToken } from '../protocols/oauth-token.ts'
import { listOf, settingOf } from '../protocols/setting.ts'
import { describeHttp, http } from './http.ts'

/** What is kept of a token: it, and a refresh token that came with it unasked (RFC 6749, section 4.4.3). */
interface Tokens {
  readonly access: string
  readonly refresh?: string
}

/** Where each access looks for its scopes: its own list, else a lesser one. */
const SCOPES: Readonly<Record<Access, readonly string[]>> = {
  read: ['scopes_read'],
  write: ['scopes_write', 'scopes_read'],
  destructive: ['scopes_destructive', 'scopes_write', 'scopes_read'],
  admin: [],
}

function grant({ target, action }: { readonly target: Target; readonly action: Action }): Grant {
  const scopes = SCOPES[action.access].map((name) => listOf(target, name)).find((list) => list.length > 0) ?? []
  if (scopes.length === 0 && listOf(target, 'scopes_read').length > 0)
    throw missing(`the target has no scopes for ${action.access} access`)
  const sorted = [...new Set(scopes)].sort()
  const where = target.hosts
    .map(({ host }) => host)
    .join(', ')
    .slice(0, 80)
  const reach = sorted.map((scope) => `the scope ${scope.slice(0, 100)} at ${where}`)
  const all = `what the server gives the client ${settingOf(target, 'client_id').slice(0, 60)} at ${where}`
  return { key: sorted.join(' '), reach: reach.length > 0 ? reach : [all], terms: { scope: sorted } }
}

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'

/** The token request: RFC 6749, sections 4.4.2 and 6; RFC 8693, section 2.1; RFC 8707, section 2. */
function parametersOf({ target, grant }: MintOrder, { subject }: OauthClient): readonly [grantType: string, URLSearchParams] {
  const asked = settingOf(target, 'grant_type') || 'client_credentials'
  const parameters = new URLSearchParams()
  const scope = [grant.terms.scope ?? []].flat().join(' ')
  if (scope !== '') parameters.set('scope', scope)
  for (const name of ['resource', 'audience']) for (const value of listOf(target, name)) parameters.append(name, value)
  if (asked === 'client_credentials') return [asked, parameters]
  if (subject === '') throw missing(`the standing credential has no token for ${asked}`)
  if (asked === 'refresh_token') {
    parameters.set('refresh_token', subject)
    return [asked, parameters]
  }
  parameters.set('subject_token', subject)
  parameters.set('subject_token_type', settingOf(target, 'subject_token_type') || ACCESS_TOKEN)
  parameters.set('requested_token_type', ACCESS_TOKEN)
  return [EXCHANGE, parameters]
}

async function mint(order: MintOrder, _prepared: unknown, io: Io): Promise<Minted> {
  const client = await openClient(order.target, order.standing, order.leaseId, io)
  const answer = await requestToken(client, ...parametersOf(order, client))
  const { access_token: access, refresh_token: refresh, token_type, scope, expires_in } = answer
  if (!isBearer(access) || token_type !== 'bearer' || (refresh !== undefined && !isBearer(refresh)))
    throw new StintError('upstream_failed', 'the token endpoint gave a token that is not a bearer token')
  const tokens: Tokens = { access, ...(refresh !== undefined && refresh !== client.subject && { refresh }) }
  const isRefresh = settingOf(order.target, 'grant_type') === 'refresh_token'
  const lifeSeconds = expires_in ?? (Number(settingOf(order.target, 'token_life_seconds')) || Number.POSITIVE_INFINITY)
  const wrong =
    whatIsWider(scope, [order.grant.terms.scope ?? []].flat()) ??
    (lifeSeconds > MAX_LIFE_SECONDS
      ? 'the server gives tokens that live for more than a day, or does not say how long'
      : undefined) ??
    (isRefresh && tokens.refresh !== undefined
      ? 'the server rotates refresh tokens, so that the one Stint holds is spent'
      : undefined)
  if (wrong !== undefined) throw await refuseToken(order, client, tokens, wrong)
  const expiresAt = Math.ceil(io.now() + lifeSeconds * 1000)
  return { material: new Secret(JSON.stringify(tokens)), handle: { expires_at: String(expiresAt) }, expiresAt }
}

/** RFC 6750, section 2.1; long enough to be found and scrubbed, short enough for a header. */
function isBearer(token: string): boolean {
  return /^[A-Za-z0-9._~+/-]{8,16000}=*$/.test(token)
}

function whatIsWider(given: string | undefined, asked: readonly string[]): string | undefined {
  const isWider = given !== undefined && asked.length > 0 && given.split(' ').some((one) => one !== '' && !asked.includes(one))
  return isWider ? 'the server gives more scopes than were asked for' : undefined
}

/** A token that must not be used is revoked at once; where that cannot be, it is out there until it expires. */
async function refuseToken({ target }: MintOrder, client: OauthClient, tokens: Tokens, why: string): Promise<StintError> {
  const isGone = settingOf(target, 'revocation_url') !== '' && (await takeBack(client, tokens))
  return new StintError(isGone ? 'mint_refused' : 'upstream_failed', why)
}

async function takeBack(client: OauthClient, { access, refresh }: Tokens): Promise<boolean> {
  if (refresh !== undefined && !(await revokeToken(client, refresh))) return false
  return revokeToken(client, access)
}

async function revoke(issued: Issued, io: Io): Promise<{ readonly irrevocableUntil?: number }> {
  const { target, standing, leaseId, material, handle } = issued
  const lifeSeconds = Number(settingOf(target, 'token_life_seconds')) || MAX_LIFE_SECONDS
  const irrevocable = { irrevocableUntil: Number(handle.expires_at) || io.now() + lifeSeconds * 1000 }
  if (material === undefined || settingOf(target, 'revocation_url') === '') return irrevocable
  const client = await openClient(target, standing, leaseId, io)
  return (await takeBack(client, tokensIn(material))) ? {} : irrevocable
}

async function probe({ target, standing, leaseId, material }: Issued, io: Io): Promise<'live' | 'refused'> {
  if (material === undefined) throw new StintError('upstream_failed', 'a token that was lost cannot be asked about')
  const { access } = tokensIn(material)
  const url = settingOf(target, 'probe_url')
  if (url !== '') return probeApi(url, access, io)
  return (await isActive(await openClient(target, standing, leaseId, io), access)) ? 'live' : 'refused'
}

/** RFC 6750, section 3.1: 401 is for a token that is expired, revoked or not one. */
async function probeApi(url: string, token: string, io: Io): Promise<'live' | 'refused'> {
  const headers = { authorization: `Bearer ${token}`, accept: 'application/json' }
  const { status, body } = await io.exchange({ method: 'GET', url, headers })
  if (status === 401) return 'refused'
  if (status === 200 && isJson(body)) return 'live'
  throw new StintError('upstream_failed', `the probe was answered ${status}, which tells nothing about the token`)
}

function isJson(body: Buffer): boolean {
  try {
    return JSON.parse(body.toString()) !== undefined
  } catch {
    return false
  }
}

/** Our own writing. */
function tokensIn(material: Secret): Tokens {
  return JSON.parse(material.reveal()) as Tokens
}

const minting: Minting = {
  settings: OAUTH_SETTINGS,
  checkTarget: checkOauthTarget,
  places: oauthPlaces,
  propagationMs: 5000,
  maxLifeMs: MAX_LIFE_SECONDS * 1000,
  grant,
  mint,
  place: ({ material }) => [
    { kind: 'header', name: 'authorization', prefix: 'Bearer ', value: new Secret(tokensIn(material).access) },
  ],
  revoke,
  probe,
}

/** Any HTTP API that takes OAuth 2 access tokens: each task gets its own, with the scopes its access needs. */
export const oauth: Connector = {
  kind: 'oauth',
  summary:
    'Any HTTP API that takes OAuth 2 access tokens; the credential is the client secret, or JSON with client_secret or private_key (PEM) and with refresh_token or subject_token.',
  defaultHosts: [],
  defaultPlacement: { kind: 'none' },
  placeholderVariables: [],
  bodyPrefix: http.bodyPrefix,
  describe: describeHttp,
  minting,
  example: {
    ...http.example,
    target: {
      ...http.example.target,
      connector: 'oauth',
      credentialId: 'orders-client',
      placement: { kind: 'none' },
      settings: {
        token_url: 'https://login.example.com/token',
        client_id: 'stint',
        scopes_read: ['orders:read'],
        scopes_write: ['orders:read', 'orders:write'],
        revocation_url: 'https://login.example.com/revoke',
        introspection_url: 'https://login.example.com/introspect',
      },
    },
  },
}
