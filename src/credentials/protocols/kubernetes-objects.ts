import type { Grant } from '../minting.ts'

const RBAC = '/apis/rbac.authorization.k8s.io/v1'
/** A role’s place: a namespace or the whole cluster. */
const PLACE = /^(?:namespaces\/[a-z0-9-]{1,63}|cluster)$/
const MANAGED = { 'app.kubernetes.io/managed-by': 'stint' }
/** On a service account: where its role is, for who finds it without its lease. */
const ROLE_AT = 'stint-role-at'

/** What finds the service accounts that `accountFor` describes. */
export const MANAGED_SELECTOR = 'app.kubernetes.io/managed-by=stint'

/** An object to make, and the collection it goes into. */
interface Made {
  readonly path: string
  readonly body: object
}

/** Where the objects of one lease are: its name in Kubernetes, the namespace of its service account, and the place of its role. */
export interface Whereabouts {
  readonly name: string
  readonly namespace: string
  readonly place: string
}

/** Object names take no underscore (RFC 1123); lease ids have one, in one place. */
export function nameOf(leaseId: string): string {
  return leaseId.replace('_', '-')
}

/** The service account that a lease’s token is bound to and its role is for. */
export function accountFor({ name, namespace, place }: Whereabouts): Made {
  const metadata = { name, labels: MANAGED, annotations: { [ROLE_AT]: place } }
  const body = { apiVersion: 'v1', kind: 'ServiceAccount', automountServiceAccountToken: false, metadata }
  return { path: accountsIn(namespace), body }
}

/** The role of a lease and its binding, in the order to make them; none where the grant is for discovery alone. */
export function rolesFor({ name, namespace, place }: Whereabouts, { terms }: Grant): readonly Made[] {
  const { group = '', type = '', verbs = [], names = [] } = terms
  const [bindings, roles] = rolePaths(place)
  if (roles === undefined || bindings === undefined) return []
  const prefix = place === 'cluster' ? 'Cluster' : ''
  const head = { apiVersion: 'rbac.authorization.k8s.io/v1', metadata: { name, labels: MANAGED } }
  const one = { apiGroups: [group], resources: [type], verbs, ...(names.length > 0 && { resourceNames: names }) }
  const rules = terms.rules === undefined ? [one] : [terms.rules].flat().map(ruleOf)
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: `${prefix}Role`, name }
  const subjects = [{ kind: 'ServiceAccount', name, namespace }]
  return [
    { path: roles, body: { ...head, kind: `${prefix}Role`, rules } },
    { path: bindings, body: { ...head, kind: `${prefix}RoleBinding`, roleRef, subjects } },
  ]
}

/** One of several rules, written as `groups type verb`. */
function ruleOf(text: string): object {
  const [groups = '', type, verb] = text.split(' ')
  return { apiGroups: groups.split(','), resources: [type], verbs: [verb] }
}

/** Everything of a lease, in the order to take it away: what the token may do, then what it is bound to, by which it is found. */
export function pathsOf({ name, namespace, place }: Whereabouts): readonly string[] {
  return [...rolePaths(place), accountsIn(namespace)].map((path) => `${path}/${name}`)
}

export function accountsIn(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/serviceaccounts`
}

/** The lease of a service account in a list, and the place of its role. Attacker-controlled; undefined for one that is not ours. */
export function readAccount(item: unknown): { readonly leaseId: string; readonly place: string } | undefined {
  const { name, annotations } = memberOf(memberOf({ item }, 'item'), 'metadata')
  if (typeof name !== 'string' || !/^lease-[a-z2-7]+$/.test(name)) return undefined
  const place = String(memberOf({ annotations }, 'annotations')[ROLE_AT])
  return { leaseId: name.replace('-', '_'), place: PLACE.test(place) ? place : '' }
}

/** A member that is an object; an empty one for everything else. Attacker-controlled. */
export function memberOf(value: Readonly<Record<string, unknown>>, name: string): Readonly<Record<string, unknown>> {
  const member = value[name]
  return typeof member === 'object' && member !== null ? { ...member } : {}
}

function rolePaths(place: string): readonly string[] {
  if (place === 'cluster') return [`${RBAC}/clusterrolebindings`, `${RBAC}/clusterroles`]
  return PLACE.test(place) ? [`${RBAC}/${place}/rolebindings`, `${RBAC}/${place}/roles`] : []
}
