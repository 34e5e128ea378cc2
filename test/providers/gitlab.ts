import { randomBytes } from 'node:crypto'
import type { Target } from '../../src/model.ts'
import { Secret } from '../../src/secret.ts'
import { byDescription, type Described, type DescribedCall } from './described.ts'
import { type Played, play, request, type Told } from './loopback.ts'
import type { StartProvider } from './provider.ts'

const QUERY = ['state', 'search', 'revoked', 'per_page', 'page']
const ORDER = { required: ['name', 'scopes', 'expires_at'], optional: ['description', 'access_level'] }

/** GitLab Docs, "Project access tokens API", "Group access tokens API", "Personal access tokens API" and "Issues API". */
const DESCRIPTION: readonly Described[] = [
  ...['projects', 'groups'].flatMap((kind): Described[] => [
    { operation: `GET /api/v4/${kind}/{id}/access_tokens`, query: QUERY, statuses: [200, 401, 404] },
    { operation: `POST /api/v4/${kind}/{id}/access_tokens`, ...ORDER, statuses: [201, 400, 401, 403, 404] },
    { operation: `DELETE /api/v4/${kind}/{id}/access_tokens/{token}`, statuses: [204, 400, 401, 404] },
  ]),
  { operation: 'GET /api/v4/personal_access_tokens/self', statuses: [200, 401, 404] },
  { operation: 'DELETE /api/v4/personal_access_tokens/self', statuses: [204, 400, 401] },
  { operation: 'GET /api/v4/projects/{id}/issues', statuses: [200, 401, 403, 404] },
  { operation: 'POST /api/v4/projects/{id}/issues', required: ['title'], statuses: [201, 401, 403, 404] },
]

interface Token {
  readonly id: number
  readonly owner: string
  readonly secret: string
  readonly name: string
  readonly scopes: readonly string[]
  readonly access_level: number
  readonly expires_at: string
  readonly last_used_at?: string
  /** Unless said, yes. */
  readonly active?: boolean
}

/** GitLab’s access tokens, played by its description. */
export interface Gitlab extends Played {
  readonly target: Target
  readonly standing: Secret
  readonly tokens: Map<number, Token>
  isLying: boolean
  /** Whether a token may revoke itself. */
  isSelfRevocable: boolean
  /** Before version 17: it lists every token, whatever is searched. */
  isOld: boolean
}

/** Starts GitLab with two projects and a group. */
export async function startGitlab(projects: readonly string[] = ['acme/app', '7', 'acme/other']): Promise<Gitlab> {
  const owner = `glpat-${randomBytes(15).toString('base64url')}`
  const tokens = new Map<number, Token>()
  const state = { tokens, isLying: false, isSelfRevocable: true, isOld: false }
  const played = await play(byDescription(DESCRIPTION, answer))
  return Object.assign(state, played, { target: targetAt(played), standing: new Secret(owner) })

  function answer(call: DescribedCall): Told {
    const shown = String(call.headers['private-token'] ?? '')
    const token = [...tokens.values()].find(({ secret }) => secret === shown)
    if (token === undefined && shown !== owner) return { status: 401, body: { message: '401 Unauthorized' } }
    if (call.operation.endsWith('/self')) return self(call.method, token)
    const kind = call.path.split('/')[3]
    const place = `${kind}/${call.parameters.id}`
    if (kind === 'projects' ? !projects.includes(call.parameters.id ?? '') : call.parameters.id !== 'acme')
      return missing('Project')
    if (call.operation.includes('access_tokens')) return shown === owner ? administer(call, place) : missing('Project')
    return issues(call.method, place, token)
  }

  function self(method: string, token: Token | undefined): Told {
    if (token === undefined || (method === 'DELETE' && !state.isSelfRevocable))
      return { status: method === 'GET' ? 404 : 400, body: {} }
    if (method === 'GET') return { status: 200, body: shownOf(token) }
    if (!state.isLying) tokens.delete(token.id)
    return { status: 204 }
  }

  function administer({ method, parameters, query, body }: DescribedCall, place: string): Told {
    if (method === 'POST') return make(place, body as Token)
    const search = state.isOld ? '' : (query.get('search') ?? '')
    const isListed = ({ active = true }: Token) => active || state.isOld || query.get('state') !== 'active'
    const ours = [...tokens.values()].filter((one) => one.owner === place && one.name.includes(search) && isListed(one))
    if (method === 'GET') {
      const [size, page] = [Number(query.get('per_page') ?? 20), Number(query.get('page') ?? 1)]
      return { status: 200, body: ours.slice(size * (page - 1), size * page).map(shownOf) }
    }
    const one = ours.find(({ id }) => String(id) === parameters.token)
    if (one === undefined) return missing('Token')
    if (!state.isLying) tokens.delete(one.id)
    return { status: 204 }
  }

  function make(place: string, wish: Token): Told {
    const { name, scopes, access_level = 40, expires_at } = wish
    const isDay = /^\d{4}-\d\d-\d\d$/.test(expires_at) && Date.parse(expires_at) > Date.now()
    if (!isDay || !Array.isArray(scopes) || ![10, 15, 20, 30, 40, 50].includes(access_level))
      return { status: 400, body: { message: '400 Bad request' } }
    const id = tokens.size + 1000 + Math.floor(Math.random() * 1e9)
    const secret = `glpat-${randomBytes(20).toString('base64url')}.01.${randomBytes(6).toString('hex')}`
    const token: Token = { id, owner: place, secret, name, scopes, access_level, expires_at }
    tokens.set(id, token)
    return { status: 201, body: { ...shownOf(token), token: secret } }
  }
}

function shownOf({ id, name, scopes, access_level, expires_at, last_used_at = '', active = true }: Token) {
  const rest = { created_at: '2026-01-20T22:11:48.151Z', description: null, last_used_at: last_used_at || null, user_id: 166 }
  return { id, name, scopes, access_level, expires_at, active, revoked: !active, ...rest }
}

function issues(method: string, place: string, token: Token | undefined): Told {
  if (token !== undefined && token.owner !== place) return missing('Project')
  const scopes = token?.scopes ?? ['api']
  if (method === 'GET' && scopes.some((one) => one === 'api' || one === 'read_api')) return { status: 200, body: [] }
  if (method === 'POST' && scopes.includes('api')) return { status: 201, body: { iid: 1 } }
  return { status: 403, body: { error: 'insufficient_scope' } }
}

function missing(what: string): Told {
  return { status: 404, body: { message: `404 ${what} Not Found` } }
}

function targetAt({ host }: Played): Target {
  return {
    id: 'gitlab',
    connector: 'gitlab',
    hosts: [host],
    environment: 'unknown',
    sensitivity: 'internal',
    labels: [],
    privateNetworks: ['127.0.0.0/8'],
    credentialId: 'gitlab-owner',
    placement: { kind: 'none' },
    settings: { projects: ['Acme/App', '7', 'acme/other'], groups: ['acme'] },
  }
}

/** For the contract: reads the issues of one project, and must not write them nor read those of another. */
export const start: StartProvider = async () => {
  const gitlab = await startGitlab()
  const { target, standing, io, origin, close, tokens } = gitlab
  tokens.set(1, {
    id: 1,
    owner: 'projects/7',
    secret: '',
    name: 'ci',
    scopes: ['api'],
    access_level: 30,
    expires_at: '2031-05-01',
  })
  const resource = '/api/v4/projects/acme%2Fapp/issues'
  return {
    ...{ target, standing, io, close, propagationMs: 0 },
    scope: { targets: ['gitlab'], actions: ['*'] },
    action: { id: 'http:GET', access: 'read', resource, parameters: { project: 'acme/app' } },
    use: (injections) => request(origin, 'GET', resource, injections),
    exceed: (injections) =>
      Promise.any([
        request(origin, 'POST', resource, injections, { title: 'x' }),
        request(origin, 'GET', '/api/v4/projects/acme%2Fother/issues', injections),
        request(origin, 'GET', '/api/v4/projects/acme%2Fapp/access_tokens', injections),
      ]),
    leases: async () => [...tokens.values()].map(({ name }) => name),
    lie: () => {
      gitlab.isLying = true
    },
  }
}
