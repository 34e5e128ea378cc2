import { randomBytes } from 'node:crypto'
import type { Target } from '../../src/model.ts'
import { Secret } from '../../src/secret.ts'
import { byDescription, type Described, type DescribedCall } from './described.ts'
import { type Played, play, request, type Told } from './loopback.ts'
import type { StartProvider } from './provider.ts'

const CREATE = [
  'id',
  'policies',
  'meta',
  'no_parent',
  'no_default_policy',
  'renewable',
  'ttl',
  'type',
  'explicit_max_ttl',
  'display_name',
  'num_uses',
  'period',
]

/** OpenBao Docs, "Token auth method (API)", "/sys/leases", "Database secrets engine (API)" and "KV secrets engine - version 2 (API)". */
const DESCRIPTION: readonly Described[] = [
  { operation: 'POST /v1/auth/token/create', optional: CREATE, statuses: [200, 400, 403] },
  { operation: 'GET /v1/auth/token/accessors', query: ['list'], statuses: [200, 403, 404] },
  { operation: 'POST /v1/auth/token/lookup-accessor', required: ['accessor'], statuses: [200, 400, 403] },
  { operation: 'POST /v1/auth/token/revoke-accessor', required: ['accessor'], statuses: [200, 204, 400, 403] },
  { operation: 'POST /v1/sys/leases/lookup', required: ['lease_id'], statuses: [200, 400, 403] },
  { operation: 'POST /v1/sys/leases/revoke', required: ['lease_id'], optional: ['sync'], statuses: [200, 204, 400, 403] },
  { operation: 'GET /v1/database/creds/{role}', statuses: [200, 400, 403, 404] },
  { operation: 'GET /v1/secret/data/{path}', statuses: [200, 403, 404] },
  { operation: 'GET /api/orders', statuses: [200, 401, 403] },
  { operation: 'POST /api/orders', required: ['item'], statuses: [201, 401, 403] },
]

interface Token {
  readonly accessor: string
  readonly policies: readonly string[]
  readonly meta: Readonly<Record<string, string>>
  readonly expiresAt: number
}

interface Lease {
  readonly id: string
  readonly role: string
  readonly username: string
  readonly password: string
  readonly accessor: string
}

/** Vault with a database engine, and an API that takes what the engine makes. */
export interface VaultServer extends Played {
  readonly target: Target
  readonly standing: Secret
  readonly tokens: Map<string, Token>
  readonly leases: Map<string, Lease>
  isLying: boolean
}

export async function startVault(): Promise<VaultServer> {
  const owner = `hvs.${randomBytes(20).toString('base64url')}`
  const tokens = new Map<string, Token>()
  const leases = new Map<string, Lease>()
  const state = { tokens, leases, isLying: false }
  const played = await play(byDescription(DESCRIPTION, answer))
  return Object.assign(state, played, { target: targetAt(played), standing: new Secret(owner) })

  function answer(call: DescribedCall): Told {
    if (call.path.startsWith('/api/')) return api(call)
    const shown = String(call.headers['x-vault-token'] ?? '')
    const token = tokens.get(shown)
    if (shown !== owner && (token === undefined || token.expiresAt < Date.now())) return errors(403, 'permission denied')
    if (call.operation.includes('/creds/') || call.operation.includes('/secret/')) return read(call, token)
    if (shown !== owner) return errors(403, 'permission denied')
    const body = call.body as Record<string, string>
    switch (call.operation) {
      case 'POST /v1/auth/token/create':
        return create(call.body as Token & { ttl: string })
      case 'GET /v1/auth/token/accessors':
        return { status: 200, body: { data: { keys: [...tokens.values()].map(({ accessor }) => accessor) } } }
      case 'POST /v1/auth/token/lookup-accessor':
      case 'POST /v1/auth/token/revoke-accessor':
        return byAccessor(call.operation, body.accessor ?? '')
      case 'POST /v1/sys/leases/lookup':
        if (!leases.has(body.lease_id ?? '')) return errors(400, 'invalid lease')
        return { status: 200, body: { data: { id: body.lease_id, ttl: 500, renewable: false } } }
      default:
        if (!state.isLying) leases.delete(body.lease_id ?? '')
        return { status: 204 }
    }
  }

  function create({ policies, meta, ttl }: Token & { ttl: string }): Told {
    const accessor = randomBytes(12).toString('hex')
    const client_token = `hvs.${randomBytes(60).toString('base64url')}`
    tokens.set(client_token, { accessor, policies, meta, expiresAt: Date.now() + Number.parseInt(ttl, 10) * 1000 })
    return { status: 200, body: { lease_id: '', data: null, auth: { client_token, accessor, policies, metadata: meta } } }
  }

  function byAccessor(operation: string, accessor: string): Told {
    const [id, token] = [...tokens].find(([, one]) => one.accessor === accessor) ?? []
    if (id === undefined || token === undefined) return errors(403, 'invalid accessor')
    if (operation.includes('lookup')) return { status: 200, body: { data: tokenOf(token) } }
    if (state.isLying) return { status: 204 }
    tokens.delete(id)
    for (const lease of leases.values()) if (lease.accessor === accessor) leases.delete(lease.id)
    return { status: 204 }
  }

  /** The policy `NAME` lets a token read database/creds/NAME; `kv` lets it read secrets. */
  function read({ parameters, operation }: DescribedCall, token: Token | undefined): Told {
    const wanted = operation.includes('/secret/') ? 'kv' : (parameters.role ?? '')
    if (!token?.policies.includes(wanted)) return errors(403, '1 error occurred: permission denied')
    if (wanted === 'kv')
      return { status: 200, body: { lease_id: '', lease_duration: 0, data: { data: { password: 'standing' } } } }
    const id = `database/creds/${wanted}/${randomBytes(12).toString('hex')}`
    const [username, password] = [
      `v-token-${wanted}-${randomBytes(6).toString('hex')}`,
      `A1a-${randomBytes(12).toString('base64url')}`,
    ]
    leases.set(id, { id, role: wanted, username, password, accessor: token.accessor })
    return { status: 200, body: { lease_id: id, lease_duration: 3600, renewable: true, data: { username, password } } }
  }

  function api({ method, headers }: DescribedCall): Told {
    const [username, password] = Buffer.from((headers.authorization ?? '').slice(6), 'base64')
      .toString()
      .split(':')
    const lease = [...leases.values()].find((one) => one.username === username && one.password === password)
    if (lease === undefined) return { status: 401, body: {} }
    if (method === 'GET') return { status: 200, body: [] }
    return lease.role === 'writer' ? { status: 201, body: {} } : { status: 403, body: {} }
  }
}

/** What a lookup tells of a token, which never holds what it is. */
function tokenOf({ accessor, policies, meta, expiresAt }: Token) {
  const isRoot = policies.includes('root')
  return {
    ...{ accessor, policies, path: 'auth/token/create', type: 'service', num_uses: 0, orphan: false, id: '' },
    ...{ display_name: isRoot ? 'root' : 'token', meta: isRoot ? null : meta, creation_time: 1768947108, ttl: 600 },
    ...{ issue_time: '2026-01-20T22:11:48.466476215Z', expire_time: isRoot ? null : new Date(expiresAt).toISOString() },
  }
}

function errors(status: number, ...words: string[]): Told {
  return { status, body: { errors: words } }
}

function targetAt({ host, origin }: Played): Target {
  return {
    id: 'orders',
    connector: 'vault',
    hosts: [host],
    environment: 'production',
    sensitivity: 'confidential',
    labels: [],
    privateNetworks: ['127.0.0.0/8'],
    credentialId: 'vault-token',
    placement: { kind: 'none' },
    settings: {
      ...{ address: origin, path: 'database/creds/writer', read_path: 'database/creds/reader' },
      ...{ policies: ['reader', 'writer'], field: 'password', username_field: 'username' },
    },
  }
}

/** For the contract: reads orders as a user that may only read. */
export const start: StartProvider = async () => {
  const vault = await startVault()
  const { target, standing, io, origin, close, tokens } = vault
  tokens.set('of the operator', { accessor: 'a1', policies: ['root'], meta: {}, expiresAt: Number.MAX_SAFE_INTEGER })
  return {
    ...{ target, standing, io, close, propagationMs: 0 },
    scope: { targets: ['orders'], actions: ['http:*'] },
    action: { id: 'http:GET', access: 'read', resource: '/api/orders', parameters: {} },
    use: (injections) => request(origin, 'GET', '/api/orders', injections),
    exceed: (injections) => request(origin, 'POST', '/api/orders', injections, { item: 'kettle' }),
    leases: async () => [...tokens.values()].flatMap(({ meta }) => meta.stint_lease ?? []),
    lie: () => {
      vault.isLying = true
    },
  }
}
