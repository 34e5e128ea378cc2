import { generateKeyPairSync, type KeyObject, randomBytes, verify } from 'node:crypto'
import type { Target } from '../../src/model.ts'
import { Secret } from '../../src/secret.ts'
import { byDescription, type Described, type DescribedCall } from './described.ts'
import { type Asked, type Played, play, request, type Told } from './loopback.ts'
import type { StartProvider } from './provider.ts'

const REFUSALS = [400, 401, 403, 404]
const EXCHANGE = ['grantType', 'audience', 'requestedTokenType', 'subjectToken', 'subjectTokenType']
const REFRESH = ['grant_type', 'client_id', 'client_secret', 'refresh_token']

/** Google’s discovery documents of iamcredentials v1, sts v1, oauth2 v2 and storage v1. */
const DESCRIPTION: readonly Described[] = [
  {
    operation: 'POST /v1/projects/-/serviceAccounts/{account}:generateAccessToken',
    ...{ required: ['scope'], optional: ['delegates', 'lifetime'], statuses: [200, ...REFUSALS] },
  },
  { operation: 'POST /v1/token', required: EXCHANGE, optional: ['scope', 'options'], statuses: [200, ...REFUSALS] },
  { operation: 'POST /token', required: REFRESH, statuses: [200, 400, 401] }, // RFC 6749, section 6
  { operation: 'POST /tokeninfo', statuses: [200, 400] },
  { operation: 'GET /storage/v1/b/{bucket}/o', statuses: [200, ...REFUSALS] },
  { operation: 'DELETE /storage/v1/b/{bucket}/o/{object}', statuses: [204, ...REFUSALS] },
]

const CLOUD_PLATFORM = 'https://www.googleapis.com/auth/cloud-platform'
const ACCOUNT = 'reader@acme.iam.gserviceaccount.com'
export const PROVIDER = 'projects/1/locations/global/workloadIdentityPools/stint/providers/stint'

/** Google’s tokens, played by its discovery documents. */
export interface Gcp extends Played {
  readonly target: Target
  readonly standing: Secret
  /** A token that the workload identity pool takes. */
  readonly subject: Secret
  /** A user’s application default credentials, as `gcloud auth application-default login` leaves them. */
  readonly user: Readonly<Record<string, string>>
  /** What each token was asked for. */
  readonly asked: readonly { readonly scope: readonly string[]; readonly lifetime: string; readonly reason: string }[]
  skewMs: number
  /** Lets every token end at once. */
  expire(): void
}

export async function startGcp(): Promise<Gcp> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const subject = randomBytes(40).toString('base64url')
  const user = {
    ...{
      type: 'authorized_user',
      client_id: '1.apps.googleusercontent.com',
      client_secret: randomBytes(18).toString('base64url'),
    },
    ...{ refresh_token: `1//${randomBytes(60).toString('base64url')}`, quota_project_id: 'acme-quota' },
  }
  const federated = new Set<string>()
  const users = new Set<string>()
  const tokens = new Map<string, { scope: string; expiresAt: number }>()
  const asked: { scope: readonly string[]; lifetime: string; reason: string }[] = []
  const state = { skewMs: 0, asked, expire: () => tokens.clear() }
  const described = byDescription(DESCRIPTION, answer)
  const played = await play(
    (asked) => described(asked.path === '/token' ? readForm(asked) : asked),
    () => state.skewMs,
  )
  const keyFile = {
    ...{ type: 'service_account', client_email: 'minter@acme.iam.gserviceaccount.com', private_key_id: 'k1' },
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
  const standing = new Secret(JSON.stringify(keyFile))
  return Object.assign(state, played, { target: targetAt(played), standing, subject: new Secret(subject), user })

  function answer(call: DescribedCall): Told {
    const bearer = (call.headers.authorization ?? '').replace(/^Bearer /, '')
    if (call.path === '/v1/token') return exchange(call.body as Record<string, string>)
    if (call.path === '/token') return refresh(call.body as Record<string, string>)
    if (call.path === '/tokeninfo') return info(bearer)
    if (call.path.startsWith('/storage/')) return storage(call, tokens.get(bearer)?.scope)
    // A user’s calls need a project that they count against.
    if (users.has(bearer) && call.headers['x-goog-user-project'] !== user.quota_project_id)
      return refused(403, 'PERMISSION_DENIED')
    if (!users.has(bearer) && !federated.has(bearer) && !isSigned(bearer, publicKey, Date.now() + state.skewMs))
      return refused(401, 'UNAUTHENTICATED')
    if (call.parameters.account !== ACCOUNT) return refused(403, 'PERMISSION_DENIED')
    const { scope, lifetime = '3600s' } = call.body as { scope: string[]; lifetime?: string }
    if (!/^\d+s$/.test(lifetime) || Number.parseInt(lifetime, 10) > 3600) return refused(400, 'INVALID_ARGUMENT')
    const accessToken = `ya29.c.${randomBytes(300).toString('base64url')}..`
    const expiresAt = Date.now() + Number.parseInt(lifetime, 10) * 1000
    tokens.set(accessToken, { scope: scope.join(' '), expiresAt })
    asked.push({ scope, lifetime, reason: String(call.headers['x-goog-request-reason']) })
    return {
      status: 200,
      body: { accessToken, expireTime: new Date(expiresAt + state.skewMs).toISOString().replace(/\.\d+/, '') },
    }
  }

  function exchange({ audience, subjectToken }: Record<string, string>): Told {
    if (subjectToken !== subject || audience !== `//iam.googleapis.com/${PROVIDER}`)
      return { status: 400, body: { error: 'invalid_grant', error_description: 'The subject token is not valid.' } }
    const access_token = randomBytes(100).toString('base64url')
    federated.add(access_token)
    return { status: 200, body: { access_token, token_type: 'Bearer', expires_in: 3600 } }
  }

  function refresh({ grant_type, ...who }: Record<string, string>): Told {
    if (who.client_id !== user.client_id || who.client_secret !== user.client_secret)
      return { status: 401, body: { error: 'invalid_client', error_description: 'Unauthorized' } }
    if (grant_type !== 'refresh_token' || who.refresh_token !== user.refresh_token)
      return { status: 400, body: { error: 'invalid_grant', error_description: 'Token has been expired or revoked.' } }
    const access_token = `ya29.a0${randomBytes(100).toString('base64url')}`
    users.add(access_token)
    return { status: 200, body: { access_token, token_type: 'Bearer', expires_in: 3599, scope: CLOUD_PLATFORM } }
  }

  function info(bearer: string): Told {
    const found = tokens.get(bearer)
    const left = Math.floor(((found?.expiresAt ?? 0) - Date.now()) / 1000)
    if (found === undefined || left <= 0)
      return { status: 400, body: { error: 'invalid_token', error_description: 'Invalid Value' } }
    return {
      status: 200,
      body: { azp: '1', aud: '1', scope: found.scope, exp: '1', expires_in: String(left), access_type: 'online' },
    }
  }
}

function readForm(asked: Asked): Asked {
  const isForm = asked.headers['content-type'] === 'application/x-www-form-urlencoded'
  return isForm ? { ...asked, body: Object.fromEntries(new URLSearchParams(String(asked.body))) } : asked
}

function storage({ method }: DescribedCall, scope: string | undefined): Told {
  if (scope === undefined) return refused(401, 'UNAUTHENTICATED')
  if (method === 'GET' && /\/devstorage\.read_only$/.test(scope))
    return { status: 200, body: { kind: 'storage#objects', items: [] } }
  return refused(403, 'PERMISSION_DENIED')
}

/** AIP-4111: a JWT that the account signed for this API. */
function isSigned(jwt: string, key: KeyObject, now: number): boolean {
  const [head = '', body = '', signature = ''] = jwt.split('.')
  if (signature === '' || !verify('RSA-SHA256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url')))
    return false
  const { kid } = JSON.parse(Buffer.from(head, 'base64url').toString())
  const { iss, sub, aud, iat, exp } = JSON.parse(Buffer.from(body, 'base64url').toString())
  const isFor = kid === 'k1' && iss === sub && aud === 'https://iamcredentials.googleapis.com/'
  return isFor && iat * 1000 <= now && exp * 1000 > now && exp - iat <= 3600
}

function refused(code: number, status: string): Told {
  return { status: code, body: { error: { code, message: `${status} it is`, status } } }
}

function targetAt({ host, origin }: Played): Target {
  return {
    id: 'gcp',
    connector: 'gcp',
    hosts: [host],
    environment: 'production',
    sensitivity: 'restricted',
    labels: [],
    privateNetworks: ['127.0.0.0/8'],
    credentialId: 'gcp-minter',
    placement: { kind: 'none' },
    settings: { service_account: ACCOUNT, endpoint: origin },
  }
}

/** For the contract: lists objects, and must not delete them. */
export const start: StartProvider = async () => {
  const { target, standing, io, origin, close } = await startGcp()
  const resource = '/storage/v1/b/docs/o'
  return {
    ...{ target, standing, io, close },
    scope: { targets: ['gcp'], actions: ['gcp:storage:*'] },
    action: { id: 'gcp:storage:o::list', access: 'read', resource, parameters: { service: 'storage' } },
    use: (injections) => request(origin, 'GET', resource, injections),
    exceed: (injections) => request(origin, 'DELETE', `${resource}/a`, injections),
  }
}
