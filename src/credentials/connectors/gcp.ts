import { StintError } from '../../errors.ts'
import { Secret } from '../../secret.ts'
import type { Connector } from '../connector.ts'
import type { Grant, Io, Issued, Minting, MintOrder } from '../minting.ts'
import { refuseDisguise } from '../protocols/disguise.ts'
import { askAsMinter, GOOGLE, IAM, isToken, OAUTH, origin, STS, unusable } from '../protocols/gcp-minter.ts'
import { describeGcp, findObject } from '../protocols/gcp-path.ts'
import { ADDRESS, checkAddress, placeAt } from '../protocols/own-address.ts'
import { failure, isRefusal, readObject, refusal, skewOf } from '../protocols/provider-answer.ts'
import { settingOf } from '../protocols/setting.ts'

/** What an impersonated token may live at most, without an organisation policy that lets it live longer. */
const LIFE_MS = 60 * 60_000
/** How long after it was ordered a token may have been made, and lost: three exchanges, and the clocks apart. */
const ON_ITS_WAY_MS = 60_000

/** The OAuth scope for reading, and for all else, by service ("OAuth 2.0 Scopes for Google APIs"); others take the last two. */
const SCOPES: Readonly<Record<string, readonly [read: string, write: string]>> = {
  storage: ['devstorage.read_only', 'devstorage.read_write'],
  bigquery: ['bigquery.readonly', 'bigquery'],
  compute: ['compute.readonly', 'compute'],
  logging: ['logging.read', 'logging.admin'],
  monitoring: ['monitoring.read', 'monitoring'],
  pubsub: ['pubsub', 'pubsub'],
  datastore: ['datastore', 'datastore'],
  firestore: ['datastore', 'datastore'],
  secretmanager: ['cloud-platform', 'cloud-platform'],
}
const ANY = ['cloud-platform.read-only', 'cloud-platform'] as const

function grant({ target, action }: Parameters<Minting['grant']>[0]): Grant {
  const service = String(action.parameters.service)
  const [read, write] = (Object.hasOwn(SCOPES, service) && SCOPES[service]) || ANY
  const scope = action.access === 'read' ? read : write
  return { key: scope, reach: [`${scope} as ${settingOf(target, 'service_account')}`.slice(0, 200)], terms: { scope } }
}

/** IAM Service Account Credentials API, projects.serviceAccounts.generateAccessToken. */
async function mint(order: MintOrder, _: unknown, io: Io) {
  const { target, leaseId, grant, expiresAt } = order
  const lifetime = Math.max(1, Math.floor(Math.min(LIFE_MS, expiresAt - io.now()) / 1000))
  const request = {
    method: 'POST',
    url: `${origin(target, IAM)}/v1/projects/-/serviceAccounts/${encodeURIComponent(settingOf(target, 'service_account'))}:generateAccessToken`,
    body: JSON.stringify({ scope: [`https://www.googleapis.com/auth/${grant.terms.scope}`], lifetime: `${lifetime}s` }),
  } as const
  const headers = { 'content-type': 'application/json', 'x-goog-request-reason': leaseId } // for the audit log
  const answer = await askAsMinter(order, io, (as) => io.exchange({ ...request, headers: { ...headers, ...as } }))
  if (answer.status !== 200) throw refusal(answer, GOOGLE)
  const { accessToken, expireTime } = readObject(answer, GOOGLE)
  const end = Date.parse(String(expireTime)) - skewOf(answer, io.now())
  if (!isToken(accessToken) || !(end <= io.now() + 13 * LIFE_MS)) throw unusable()
  return { material: new Secret(accessToken), handle: { expires_at: new Date(end).toISOString() }, expiresAt: end }
}

/** No way to take one back: it is told to end when the lease does. */
async function revoke({ handle, expiresAt }: Issued, io: Io): Promise<{ readonly irrevocableUntil: number }> {
  const end = Date.parse(handle.expires_at ?? '')
  return { irrevocableUntil: Number.isNaN(end) ? Math.min(expiresAt, io.now() + LIFE_MS) + ON_ITS_WAY_MS : end }
}

async function probe({ target, material }: Issued, io: Io): Promise<'live' | 'refused'> {
  if (material === undefined) throw new StintError('upstream_failed', 'Google cannot be asked about a token that was lost')
  const headers = { authorization: `Bearer ${material.reveal()}`, 'content-type': 'application/x-www-form-urlencoded' }
  const answer = await io.exchange({ method: 'POST', url: `${origin(target, OAUTH)}/tokeninfo`, headers, body: '' })
  if (isRefusal(answer, 400) && readObject(answer, GOOGLE).error === 'invalid_token') return 'refused'
  if (answer.status === 200 && Number(readObject(answer, GOOGLE).expires_in) > 0) return 'live'
  throw failure(answer, GOOGLE)
}

const minting: Minting = {
  settings: {
    service_account: {
      summary: 'The address of the service account that tokens are for.',
      required: true,
      isList: false,
      pattern: /^[a-z0-9][a-z0-9.-]{0,99}@[a-z0-9.-]{1,200}$/,
    },
    workload_identity_provider: {
      summary:
        'For federation: projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER; the credential is then a token that it takes.',
      required: false,
      isList: false,
      pattern: /^projects\/[0-9]+\/locations\/global\/workloadIdentityPools\/[a-z0-9-]{4,32}\/providers\/[a-z0-9-]{4,32}$/,
    },
    endpoint: {
      summary:
        'Where IAM Credentials, STS and tokeninfo are reached instead of at Google’s own addresses, such as https://iam.internal.',
      required: false,
      isList: false,
      pattern: ADDRESS,
    },
  },
  checkTarget: (target) => checkAddress(target, 'endpoint'),
  places: (target) => [IAM, STS, OAUTH].map((googles) => placeAt(origin(target, googles))),
  propagationMs: 0,
  maxLifeMs: LIFE_MS + ON_ITS_WAY_MS,
  grant,
  mint,
  place: ({ material }) => [{ kind: 'header', name: 'authorization', prefix: 'Bearer ', value: material }],
  revoke,
  probe,
}

const storage = { host: 'storage.googleapis.com' }

/** Google Cloud by impersonation: a short-lived token of one service account, of the one scope that serves. */
export const gcp: Connector = {
  kind: 'gcp',
  summary:
    'Google Cloud APIs by impersonating a service account, by a key file, workload identity federation or a user’s application default credentials: a token of one OAuth scope that ends with its lease. It cannot be taken back before, and one that is lost dies within the hour.',
  defaultHosts: [{ scheme: 'https', host: '*.googleapis.com', port: 443 }],
  defaultPlacement: { kind: 'none' },
  placeholderVariables: [],
  bodyPrefix: () => 0,
  describe(operation) {
    refuseDisguise(operation)
    return describeGcp(operation)
  },
  takesSlash: (path) => findObject(path) !== undefined,
  minting,
  example: {
    target: {
      id: 'gcp',
      connector: 'gcp',
      hosts: [{ scheme: 'https', host: '*.googleapis.com', port: 443 }],
      environment: 'production',
      sensitivity: 'restricted',
      labels: [],
      privateNetworks: [],
      credentialId: 'gcp-minter',
      placement: { kind: 'none' },
      settings: { service_account: 'reader@acme.iam.gserviceaccount.com' },
    },
    known: [
      {
        operation: { ...storage, method: 'GET', path: '/storage/v1/b/docs/o' },
        action: { id: 'gcp:storage:o::list', access: 'read', resource: '/storage/v1/b/docs/o' },
      },
      {
        operation: { ...storage, method: 'GET', path: '/storage/v1/b/docs/o/a%2Fb.txt', query: 'alt=media' },
        action: { id: 'gcp:storage:o::get', access: 'read', resource: '/storage/v1/b/docs/o/a%2Fb.txt' },
      },
      {
        operation: { ...storage, method: 'POST', path: '/upload/storage/v1/b/docs/o', query: 'name=a' },
        action: { id: 'gcp:storage:o::create', access: 'write', resource: '/upload/storage/v1/b/docs/o' },
      },
      {
        operation: { ...storage, method: 'DELETE', path: '/storage/v1/b/docs' },
        action: { id: 'gcp:storage:b::delete', access: 'destructive', resource: '/storage/v1/b/docs' },
      },
      {
        operation: { host: 'secretmanager.googleapis.com', method: 'GET', path: '/v1/projects/p/secrets/s/versions/1:access' },
        action: {
          id: 'gcp:secretmanager:versions::access',
          access: 'read',
          resource: '/v1/projects/p/secrets/s/versions/1:access',
        },
      },
      {
        operation: { host: 'us-central1-aiplatform.googleapis.com', method: 'POST', path: '/v1/projects/p/endpoints/1:predict' },
        action: { id: 'gcp:aiplatform:endpoints::predict', access: 'write', resource: '/v1/projects/p/endpoints/1:predict' },
      },
      {
        operation: { host: 'compute.googleapis.com', method: 'GET', path: '/compute/v1/projects/p/global/networks/n' },
        action: { id: 'gcp:compute:networks::get', access: 'read', resource: '/compute/v1/projects/p/global/networks/n' },
      },
      {
        operation: { host: 'pubsub.googleapis.com', method: 'POST', path: '/v1/projects/p/topics/t:setIamPolicy' },
        action: { id: 'gcp:pubsub:topics::setIamPolicy', access: 'admin', resource: '/v1/projects/p/topics/t:setIamPolicy' },
      },
      {
        operation: {
          ...{ host: 'iamcredentials.googleapis.com', method: 'POST' },
          path: '/v1/projects/-/serviceAccounts/a:generateAccessToken',
        },
        action: {
          id: 'gcp:iamcredentials:serviceAccounts::generateAccessToken',
          access: 'admin',
          resource: '/v1/projects/-/serviceAccounts/a:generateAccessToken',
        },
      },
    ],
    unknown: [
      { ...storage, method: 'POST', path: '/batch/storage/v1' },
      { ...storage, method: 'GET', path: '/docs/a.txt' },
      { ...storage, method: 'POST', path: '/storage/v1/b/docs' },
      { ...storage, method: 'PUT', path: '/storage/v1/b/docs/o' },
      { host: 'pubsub.googleapis.com', method: 'POST', path: '/google.pubsub.v1.Publisher/Publish' },
      { host: 'evil.example.com', method: 'GET', path: '/v1/projects/p/topics' },
    ],
  },
}
