import { randomBytes } from 'node:crypto'
import type { Target } from '../../src/model.ts'
import { Secret } from '../../src/secret.ts'
import { byDescription, type Described, type DescribedCall } from './described.ts'
import { type Played, play, request, type Told } from './loopback.ts'
import type { StartProvider } from './provider.ts'

const OBJECT = { required: ['apiVersion', 'kind', 'metadata'] }
/** Each with the statuses of errors that API Conventions, "HTTP Status codes", has for it. */
const REFUSALS = [401, 403, 404, 409, 422]

/** Collections of objects, from the published OpenAPI description (api/openapi-spec): each is listed, made in, read from and deleted from. */
const COLLECTIONS: readonly (readonly [path: string, members: readonly string[]])[] = [
  ['/api/v1/namespaces/{namespace}/serviceaccounts', ['automountServiceAccountToken', 'imagePullSecrets', 'secrets']],
  ['/api/v1/namespaces/{namespace}/pods', ['spec', 'status']],
  ['/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles', ['rules']],
  ['/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings', ['roleRef', 'subjects']],
  ['/apis/rbac.authorization.k8s.io/v1/clusterroles', ['rules', 'aggregationRule']],
  ['/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', ['roleRef', 'subjects']],
]

const DELETE_OPTIONS = ['apiVersion', 'kind', 'preconditions', 'propagationPolicy']
const DESCRIPTION: readonly Described[] = [
  ...COLLECTIONS.flatMap(([path, optional]): Described[] => [
    { operation: `GET ${path}`, query: ['labelSelector', 'limit', 'continue', 'watch'], statuses: [200, ...REFUSALS] },
    { operation: `POST ${path}`, ...OBJECT, optional, statuses: [200, 201, 202, ...REFUSALS] },
    { operation: `GET ${path}/{name}`, statuses: [200, ...REFUSALS] },
    { operation: `DELETE ${path}/{name}`, optional: DELETE_OPTIONS, statuses: [200, 202, ...REFUSALS] },
  ]),
  {
    operation: 'POST /api/v1/namespaces/{namespace}/serviceaccounts/{name}/token',
    ...{ required: ['apiVersion', 'kind', 'spec'], statuses: [200, 201, 202, ...REFUSALS] },
  },
  {
    operation: 'POST /apis/authentication.k8s.io/v1/tokenreviews',
    ...{ required: ['apiVersion', 'kind', 'spec'], statuses: [200, 201, 202, ...REFUSALS] },
  },
]

interface Kept {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly uid: string
    readonly creationTimestamp: string
    readonly deletionTimestamp?: string
    readonly labels?: Record<string, string>
    readonly annotations?: Record<string, string>
  }
  readonly rules?: readonly { apiGroups: string[]; resources: string[]; verbs: string[]; resourceNames?: string[] }[]
  readonly roleRef?: { kind: string; name: string }
  readonly subjects?: readonly { kind: string; name: string; namespace: string }[]
}

/** The API server’s part of tokens and roles, played by its description. */
export interface Kubernetes extends Played {
  readonly target: Target
  readonly standing: Secret
  /** By path. */
  readonly objects: Map<string, Kept>
  isLying: boolean
  /** True where who mints may not give roles. */
  isForbidding: boolean
  /** Instead of what a TokenReview would say. */
  reviewError: string | undefined
  /** Instead of the whole of its status. */
  reviewStatus: object | undefined
}

/** Starts it with nothing in it but the one who mints. */
export async function startKubernetes(): Promise<Kubernetes> {
  const minter = randomBytes(30).toString('base64url')
  const objects = new Map<string, Kept>()
  const tokens = new Map<string, { account: string; uid: string; expiresAt: number }>()
  const state = {
    objects,
    isLying: false,
    isForbidding: false,
    reviewError: undefined as string | undefined,
    reviewStatus: undefined as object | undefined,
  }
  const played = await play(byDescription(DESCRIPTION, answer))
  return Object.assign(state, played, { target: targetAt(played), standing: new Secret(minter) })

  function answer(call: DescribedCall): Told {
    const shown = (call.headers.authorization ?? '').replace(/^Bearer /, '')
    if (shown === minter) return administer(call)
    const account = accountOf(shown)
    if (account === undefined) return refused(401, 'Unauthorized')
    if (!isAllowed(call, account)) return refused(403, 'Forbidden')
    if (call.method !== 'GET') return administer(call)
    return { status: 200, body: { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: [] } }
  }

  /** The path of the service account that the token is bound to, while that is the same object. */
  function accountOf(token: string): string | undefined {
    const found = tokens.get(token)
    const isThere = found !== undefined && objects.get(found.account)?.metadata.uid === found.uid && found.expiresAt > Date.now()
    return isThere ? found.account : undefined
  }

  function administer({ operation, path, body, parameters, query }: DescribedCall): Told {
    if (operation.endsWith('/token')) return token(path.replace(/\/token$/, ''), body as { spec: Spec })
    if (operation.endsWith('/tokenreviews')) return review((body as { spec: { token: string } }).spec.token)
    const [method] = operation.split(' ')
    if (method === 'POST') return make(path, body as Kept)
    if (parameters.name === undefined) return list(path, query)
    const kept = objects.get(path)
    if (kept === undefined) return refused(404, 'NotFound')
    const { preconditions: { uid = kept.metadata.uid } = {} } = body as { preconditions?: { uid?: string } }
    if (method === 'DELETE' && uid !== kept.metadata.uid) return refused(409, 'Conflict')
    if (method === 'DELETE' && !state.isLying) objects.delete(path)
    return { status: 200, body: method === 'DELETE' ? { kind: 'Status', apiVersion: 'v1', status: 'Success' } : kept }
  }

  function make(path: string, wish: Kept): Told {
    const at = `${path}/${wish.metadata.name}`
    if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(wish.metadata.name)) return refused(422, 'Invalid')
    if (objects.has(at)) return refused(409, 'AlreadyExists')
    if (state.isForbidding && path.includes('rbac')) return refused(403, 'Forbidden')
    const made = { uid: randomBytes(8).toString('hex'), creationTimestamp: '2026-01-20T22:11:48Z' }
    const [, namespace] = /\/namespaces\/([^/]+)\//.exec(path) ?? []
    const kept = { ...wish, metadata: { ...wish.metadata, ...made, ...(namespace !== undefined && { namespace }) } }
    objects.set(at, kept)
    return { status: 201, body: kept }
  }

  function list(path: string, query: URLSearchParams): Told {
    const [label = '', value] = (query.get('labelSelector') ?? '').split('=')
    const all = [...objects].filter(
      ([at, { metadata }]) => at.startsWith(`${path}/`) && (label === '' || metadata.labels?.[label] === value),
    )
    const [from, size] = [Number(query.get('continue') ?? 0), Math.min(Number(query.get('limit')), 2)]
    const more = from + size < all.length ? String(from + size) : ''
    return {
      status: 200,
      body: { kind: 'List', metadata: { continue: more }, items: all.slice(from, from + size).map(([, kept]) => kept) },
    }
  }

  function token(account: string, { spec }: { spec: Spec }): Told {
    const kept = objects.get(account)
    if (kept === undefined) return refused(404, 'NotFound')
    if ((spec.expirationSeconds ?? 3600) < 600) return refused(422, 'Invalid')
    const made = [36, 300, 256].map((size) => randomBytes(size).toString('base64url')).join('.')
    const expiresAt = Date.now() + (spec.expirationSeconds ?? 3600) * 1000
    tokens.set(made, { account, uid: kept.metadata.uid, expiresAt })
    const status = { token: made, expirationTimestamp: new Date(expiresAt).toISOString() }
    return { status: 201, body: { kind: 'TokenRequest', apiVersion: 'authentication.k8s.io/v1', metadata: {}, spec, status } }
  }

  function review(shown: string): Told {
    const [, namespace, name] = /namespaces\/([^/]+)\/serviceaccounts\/([^/]+)$/.exec(accountOf(shown) ?? '') ?? []
    const error =
      state.reviewError ?? (name === undefined ? '[invalid bearer token, service account token has been invalidated]' : undefined)
    const status =
      error === undefined
        ? { authenticated: true, user: { username: `system:serviceaccount:${namespace}:${name}` } }
        : { user: {}, error }
    return {
      status: 201,
      body: {
        kind: 'TokenReview',
        apiVersion: 'authentication.k8s.io/v1',
        metadata: {},
        spec: {},
        status: state.reviewStatus ?? status,
      },
    }
  }

  /** RBAC (Kubernetes Docs, "Using RBAC Authorization"), as far as it is used here. */
  function isAllowed({ path, method, parameters, query }: DescribedCall, account: string): boolean {
    const [type = ''] = /[^/]+$/.exec(parameters.name === undefined ? path : path.replace(/\/[^/]+$/, '')) ?? []
    const group = /^\/apis\/([^/]+)/.exec(path)?.[1] ?? ''
    const many = query.has('watch') ? 'watch' : 'list'
    const verb = { GET: parameters.name === undefined ? many : 'get', POST: 'create', DELETE: 'delete' }[method] ?? ''
    const [, namespace = '', name = ''] = /namespaces\/([^/]+)\/serviceaccounts\/([^/]+)$/.exec(account) ?? []
    const places = ['/clusterrolebindings/', `/namespaces/${parameters.namespace}/rolebindings/`]
    const bindings = [...objects].filter(
      ([at, { subjects }]) =>
        places.some((place) => at.includes(place)) && subjects?.some((one) => one.name === name && one.namespace === namespace),
    )
    const rules = bindings.flatMap(
      ([at, { roleRef }]) => objects.get(at.replace('rolebindings', 'roles').replace(/[^/]+$/, roleRef?.name ?? ''))?.rules ?? [],
    )
    return rules.some(
      ({ apiGroups, resources, verbs, resourceNames }) =>
        apiGroups.includes(group) &&
        resources.includes(type) &&
        verbs.includes(verb) &&
        (resourceNames === undefined || resourceNames.includes(parameters.name ?? '')),
    )
  }
}

interface Spec {
  readonly expirationSeconds?: number
  readonly audiences?: readonly string[]
}

function refused(code: number, reason: string): Told {
  return {
    status: code,
    body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: reason, reason, code },
  }
}

function targetAt({ host }: Played): Target {
  return {
    id: 'cluster',
    connector: 'kubernetes',
    hosts: [host],
    environment: 'production',
    sensitivity: 'restricted',
    labels: [],
    privateNetworks: ['127.0.0.0/8'],
    credentialId: 'cluster-minter',
    placement: { kind: 'none' },
    settings: { namespace: 'stint' },
  }
}

/** For the contract: lists the pods of one namespace, and must not delete them, nor list those of another, nor what is not pods. */
export const start: StartProvider = async () => {
  const kubernetes = await startKubernetes()
  const { target, standing, io, origin, close, objects } = kubernetes
  objects.set('/api/v1/namespaces/stint/serviceaccounts/default', {
    ...{ apiVersion: 'v1', kind: 'ServiceAccount' },
    metadata: { name: 'default', uid: '1', creationTimestamp: '2026-01-20T22:11:48Z' },
  })
  const pods = '/api/v1/namespaces/web/pods'
  return {
    ...{ target, standing, io, close, propagationMs: 0 },
    scope: { targets: ['cluster'], actions: ['kubernetes:pods::get', 'kubernetes:pods::list', 'kubernetes:pods::delete'] },
    action: {
      ...{ id: 'kubernetes:pods::list', access: 'read', resource: pods },
      parameters: { group: '', type: 'pods', verb: 'list', namespace: 'web' },
    },
    use: (injections) => request(origin, 'GET', pods, injections),
    exceed: (injections) =>
      Promise.any([
        request(origin, 'DELETE', `${pods}/a`, injections),
        request(origin, 'GET', `${pods}?watch=1`, injections),
        request(origin, 'GET', '/api/v1/namespaces/other/pods', injections),
        request(origin, 'GET', '/api/v1/namespaces/web/serviceaccounts', injections),
      ]),
    leases: async () => [...objects.values()].map(({ metadata }) => metadata.name.replace('-', '_')),
    lie: () => {
      kubernetes.isLying = true
    },
  }
}
