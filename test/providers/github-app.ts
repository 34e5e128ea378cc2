import { generateKeyPairSync, type KeyObject, randomBytes, verify } from 'node:crypto'
import type { components, operations, paths } from '@octokit/openapi-types'
import type { Target } from '../../src/model.ts'
import { Secret } from '../../src/secret.ts'
import { type Asked, type Played, play, request, type Told } from './loopback.ts'
import type { Provider, StartProvider } from './provider.ts'

type Permissions = components['schemas']['app-permissions']
type Answer<
  Operation extends keyof operations,
  Status extends keyof operations[Operation]['responses'],
> = operations[Operation]['responses'][Status] extends { content: { 'application/json': infer Body } } ? Body : undefined
type Installation = Answer<'apps/list-installations', 200>[number]
type Wish = NonNullable<operations['apps/create-installation-access-token']['requestBody']>['content']['application/json']

/** Paths of GitHub’s published description, below an Enterprise Server’s /api/v3. */
const MINT = '/app/installations/{installation_id}/access_tokens' satisfies keyof paths
const REVOKE = '/installation/token' satisfies keyof paths
const REACHED = '/installation/repositories' satisfies keyof paths
const INSTALLATIONS = '/app/installations' satisfies keyof paths
const ISSUES = '/repos/{owner}/{repo}/issues' satisfies keyof paths

const APP_ID = '4711'
const INSTALLATION_ID = '52'
/** What the installation has: more than any task is to get. */
const GRANTED: Permissions = { issues: 'write', contents: 'write', pull_requests: 'write', metadata: 'read' }
const REPOSITORIES = ['app', 'other']

/** GitHub as far as its apps are concerned, played by its OpenAPI description: every request and answer has the type it has there. */
export interface Github extends Played {
  readonly target: Target
  readonly standing: Secret
  /** How far its clock is ahead, in milliseconds. */
  skewMs: number
  /** Whether it gives tokens of the stateless format. */
  isStateless: boolean
  isLying: boolean
  /** What each token was asked for. */
  readonly wishes: readonly Wish[]
  installations: readonly Installation[]
}

/** Starts GitHub with one app, installed for two repositories. */
export async function startGithub(): Promise<Github> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const tokens = new Map<string, Wish>()
  const wishes: Wish[] = []
  const state = { skewMs: 0, isStateless: false, isLying: false, wishes, installations: [installationOf()] }
  const played = await play(answer, () => state.skewMs)
  return Object.assign(state, played, {
    target: targetAt(played),
    standing: new Secret(privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()),
  })

  function answer(asked: Asked): Told {
    const path = asked.path.replace(/^\/api\/v3/, '')
    if (path === asked.path || asked.headers['user-agent'] === undefined) return refused(404, 'Not Found')
    const bearer = (asked.headers.authorization ?? '').replace(/^(?:Bearer|token) /, '')
    if (`${asked.method} ${path}` === `POST ${MINT.replace('{installation_id}', INSTALLATION_ID)}`)
      return minted(bearer, asked.body)
    if (`${asked.method} ${path}` === `GET ${INSTALLATIONS}`) return listed(bearer, asked.query)
    const wish = tokens.get(bearer)
    if (wish === undefined) return refused(401, 'Bad credentials')
    switch (`${asked.method} ${path}`) {
      case `DELETE ${REVOKE}`:
        if (!state.isLying) tokens.delete(bearer)
        return { status: 204 } satisfies Told & { body?: Answer<'apps/revoke-installation-access-token', 204> }
      case `GET ${REACHED}`: {
        const body: Answer<'apps/list-repos-accessible-to-installation', 200> = { total_count: 1, repositories: [] }
        return { status: 200, body }
      }
      default:
        return issues(asked.method, path, wish)
    }
  }

  function listed(jwt: string, query: URLSearchParams): Told {
    if (!isOurs(jwt, publicKey, Date.now() + state.skewMs)) return refused(401, 'A JSON web token could not be decoded')
    const [size, page] = [Number(query.get('per_page') ?? 30), Number(query.get('page') ?? 1)]
    if (size > 100 || [...query.keys()].some((name) => name !== 'per_page' && name !== 'page'))
      return refused(422, 'Invalid request')
    return { status: 200, body: state.installations.slice(size * (page - 1), size * page) }
  }

  function minted(jwt: string, body: unknown): Told {
    if (!isOurs(jwt, publicKey, Date.now() + state.skewMs)) return refused(401, 'A JSON web token could not be decoded')
    const wish = readWish(body)
    if (wish === undefined) return refused(422, 'Invalid request')
    if (!isGranted(wish)) return refused(422, 'The permissions requested are not granted to this installation.')
    const token = state.isStateless
      ? `ghs_${APP_ID}_${[36, 300, 128].map((size) => randomBytes(size).toString('base64url')).join('.')}`
      : `ghs_${randomBytes(18).toString('hex')}`
    tokens.set(token, wish)
    wishes.push(wish)
    const answered: Answer<'apps/create-installation-access-token', 201> = {
      token,
      expires_at: new Date(Date.now() + state.skewMs + 3_600_000).toISOString().replace(/\.\d+/, ''),
      permissions: { ...wish.permissions, metadata: 'read' },
      repository_selection: 'selected',
    }
    return { status: 201, body: answered }
  }
}

/** An installation as GitHub describes it. */
export function installationOf(change: Partial<Installation> = {}): Installation {
  const api = 'https://api.github.com'
  return {
    ...{ id: Number(INSTALLATION_ID), app_id: Number(APP_ID), app_slug: 'stint', target_id: 1, target_type: 'Organization' },
    ...{ account: null, repository_selection: 'selected', permissions: GRANTED, events: [], single_file_name: null },
    access_tokens_url: `${api}${INSTALLATIONS}/${INSTALLATION_ID}/access_tokens`,
    repositories_url: `${api}${REACHED}`,
    html_url: `https://github.com/organizations/acme/settings/installations/${INSTALLATION_ID}`,
    ...{ created_at: '2026-01-20T22:11:48Z', updated_at: '2026-01-20T22:11:48Z', suspended_by: null, suspended_at: null },
    ...change,
  }
}

/** The issues of a repository: read with `issues: read`, made with `issues: write`, and unheard of in any other repository. */
function issues(method: string, path: string, { repositories, permissions }: Wish): Told {
  const [, repo = ''] = new RegExp(`^${ISSUES.replace('{owner}', 'acme').replace('{repo}', '([^/]+)')}$`).exec(path) ?? []
  if (!repositories?.includes(repo)) return refused(404, 'Not Found')
  if (method === 'GET' && permissions?.issues !== undefined)
    return { status: 200, body: [] satisfies Answer<'issues/list-for-repo', 200> }
  if (method === 'POST' && permissions?.issues === 'write') return { status: 201, body: { number: 1 } }
  return refused(403, 'Resource not accessible by integration')
}

function refused(status: number, message: string): Told {
  const body: components['schemas']['basic-error'] = {
    message,
    documentation_url: 'https://docs.github.com/rest',
    status: String(status),
  }
  return { status, body }
}

/** GitHub Docs, "Generating a JSON Web Token (JWT) for a GitHub App": RS256, made before now, good for ten minutes at most. */
function isOurs(jwt: string, key: KeyObject, now: number): boolean {
  const [head = '', body = '', signature = ''] = jwt.split('.')
  const { alg } = JSON.parse(Buffer.from(head, 'base64url').toString() || '{}')
  const { iat, exp, iss } = JSON.parse(Buffer.from(body, 'base64url').toString() || '{}')
  const isSigned =
    alg === 'RS256' && verify('RSA-SHA256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'))
  return isSigned && iss === APP_ID && iat * 1000 <= now && exp * 1000 > now && exp * 1000 <= now + 600_000
}

/** What the description allows of the body, of which this plays the names. */
function readWish(body: unknown): Wish | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  const { repositories, permissions, ...rest } = body as { repositories?: unknown; permissions?: unknown }
  if (Object.keys(rest).length > 0 || !Array.isArray(repositories)) return undefined
  if (typeof permissions !== 'object' || permissions === null) return undefined
  return { repositories, permissions: permissions as Permissions }
}

function isGranted({ repositories = [], permissions = {} }: Wish): boolean {
  const isKnown = repositories.length > 0 && repositories.every((name) => REPOSITORIES.includes(name))
  const granted = new Map(Object.entries(GRANTED))
  return isKnown && Object.entries(permissions).every(([name, level]) => [level, 'write'].includes(granted.get(name) ?? ''))
}

function targetAt({ host }: Played): Target {
  return {
    id: 'github-app',
    connector: 'github-app',
    hosts: [host],
    environment: 'unknown',
    sensitivity: 'internal',
    labels: [],
    privateNetworks: ['127.0.0.0/8'],
    credentialId: 'github-app-key',
    placement: { kind: 'none' },
    settings: { app_id: APP_ID, installation_id: INSTALLATION_ID, owner: 'Acme' },
  }
}

/** For the contract: reads the issues of one repository, and must not write them nor read those of the other. */
export const start: StartProvider = async () => {
  const github = await startGithub()
  const { target, standing, io, origin, close } = github
  const api = `${origin}/api/v3`
  const provider: Provider = {
    ...{ target, standing, io, close, propagationMs: 0, hidesMinted: true },
    scope: { targets: ['github-app'], actions: ['github:*'] },
    action: {
      id: 'github:Issue::list',
      access: 'read',
      resource: 'repos/acme/app/issues',
      parameters: { repository: 'acme/app' },
    },
    use: (injections) => request(api, 'GET', '/repos/acme/app/issues', injections),
    exceed: (injections) =>
      Promise.any([
        request(api, 'POST', '/repos/acme/app/issues', injections, { title: 'x' }),
        request(api, 'GET', '/repos/acme/other/issues', injections),
      ]),
    lie: () => {
      github.isLying = true
    },
  }
  return provider
}
