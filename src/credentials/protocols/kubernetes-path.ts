import { StintError } from '../../errors.ts'
import type { Access, Action, Operation } from '../../model.ts'

/** Groups that are named without a prefix: they share no type’s name. Core is the empty one. */
export const PLAIN: readonly string[] = ['', 'apps', 'autoscaling', 'batch', 'extensions', 'policy']
/** Groups whose objects decide what others may do, or what the API server does. */
const GOVERNING = [
  ...['rbac.authorization.k8s.io', 'certificates.k8s.io', 'admissionregistration.k8s.io'],
  ...['apiextensions.k8s.io', 'apiregistration.k8s.io'],
]
/** Questions about oneself, which are asked by creating something that is not kept. */
const QUESTION = /^selfsubject(?:access|rules)?reviews$/
/** What flows through these is not seen. */
const TUNNELS = ['exec', 'attach', 'portforward', 'proxy']
/** Served to everyone who is known, whatever their roles (ClusterRoles system:discovery and system:public-info-viewer). */
const DISCOVERY =
  /^\/(?:version|api|apis|api\/v1|apis\/[a-z0-9.-]+(?:\/v[a-z0-9]+)?|openapi\/v[23](?:\/[a-zA-Z0-9./-]+)?|(?:healthz|livez|readyz)(?:\/[a-z0-9/-]+)?)$/
const RESOURCE = /^\/(?:api\/v1|apis\/(?<group>[a-z0-9.-]+)\/v[a-z0-9]+)\/(?<rest>.+)$/
const NAMESPACED = /^namespaces\/(?<namespace>[a-z0-9-]{1,63})\/(?!(?:status|finalize)$)(?<rest>.+)$/
const PARTS = /^(?<type>[a-z0-9-]+)(?:\/(?<name>[A-Za-z0-9.:_-]+)(?:\/(?<sub>[a-z]+))?)?$/

const VERBS: Readonly<Record<string, readonly [one: string | undefined, many: string | undefined]>> = {
  GET: ['get', 'list'],
  HEAD: ['get', 'list'],
  POST: ['create', 'create'], // one: a subresource, such as an eviction
  PUT: ['update', undefined],
  PATCH: ['patch', undefined],
  DELETE: ['delete', 'deletecollection'],
}

const ACCESS: Readonly<Record<string, Access>> = {
  ...{ get: 'read', list: 'read', watch: 'read', create: 'write', update: 'write', patch: 'write' },
  ...{ delete: 'destructive', deletecollection: 'destructive' },
}

/**
 * Names a request of the Kubernetes API by type and verb, as RBAC does (Kubernetes API Concepts, "Resource URIs"; Authorization,
 * "Request Verbs"): `kubernetes:pods::get`, `kubernetes:pods_log::get`, `kubernetes:networking_k8s_io:ingresses::list`. Throws
 * `unknown_action` for what is neither that nor discovery, for tunnels, and for acting as someone else.
 */
export function describeKubernetes(operation: Operation): Action {
  const { method, path, headers } = operation
  if (Object.keys(headers).some((name) => name.startsWith('impersonate-'))) throw unknown('acts as someone else')
  const isRead = method === 'GET' || method === 'HEAD'
  if (isRead && DISCOVERY.test(path)) return { id: 'kubernetes:discovery::get', access: 'read', resource: path, parameters: {} }
  const { group = '', rest = '' } = RESOURCE.exec(path)?.groups ?? {}
  const { namespace, rest: inside = rest } = NAMESPACED.exec(rest)?.groups ?? {}
  const { type, name, sub } = PARTS.exec(inside)?.groups ?? {}
  const verb = verbOf(operation, name !== undefined, sub !== undefined)
  if (type === undefined || verb === undefined || type === 'watch') throw unknown('is not one that is known')
  if (sub !== undefined && TUNNELS.includes(sub)) throw unknown('opens a tunnel')
  const whole = sub === undefined ? type : `${type}/${sub}`
  const named = `${PLAIN.includes(group) ? '' : `${group.replaceAll('.', '_')}:`}${whole.replace('/', '_')}`
  return {
    id: `kubernetes:${named}::${verb}`,
    access: accessOf(group, whole, verb),
    resource: path,
    parameters: { group, type: whole, verb, ...(namespace !== undefined && { namespace }), ...(name !== undefined && { name }) },
  }
}

function verbOf({ method, query }: Operation, isNamed: boolean, hasSub: boolean): string | undefined {
  const [one, many] = (Object.hasOwn(VERBS, method) && VERBS[method]) || []
  if (isNamed) return method === 'POST' && !hasSub ? undefined : one
  return many === 'list' && isWatch(query) ? 'watch' : many
}

/** The API server takes everything but these for true, and the first of several. */
function isWatch(query: string): boolean {
  const watch = new URLSearchParams(query).get('watch')
  return watch !== null && !['false', '0'].includes(watch.toLowerCase())
}

/** How much a verb may do to a type. */
export function accessOf(group: string, type: string, verb: string): Access {
  const access = ACCESS[verb] ?? 'admin'
  if (access === 'read') return access
  if (QUESTION.test(type) && verb === 'create') return 'read'
  if (GOVERNING.includes(group) || type === 'serviceaccounts/token' || /^(?:token|(?:local)?subjectaccess)reviews$/.test(type))
    return 'admin'
  return type === 'pods/eviction' ? 'destructive' : access
}

function unknown(why: string): StintError {
  return new StintError('unknown_action', `the request of the Kubernetes API ${why}`)
}
