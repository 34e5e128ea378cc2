import { StintError } from '../../errors.ts'
import type { Target } from '../../model.ts'
import { Secret } from '../../secret.ts'
import type { Connector } from '../connector.ts'
import type { Handle, HttpAnswer, HttpRequest, Io, Issued, Minting, MintOrder, Stray } from '../minting.ts'
import { refuseDisguise } from '../protocols/disguise.ts'
import { handOutForKubernetes } from '../protocols/hand-out-kubernetes.ts'
import { type AskAccounts, describeAccounts, listAccounts } from '../protocols/kubernetes-accounts.ts'
import { grantKubernetes } from '../protocols/kubernetes-grant.ts'
import {
  accountFor,
  accountsIn,
  MANAGED_SELECTOR,
  memberOf,
  nameOf,
  pathsOf,
  readAccount,
  rolesFor,
  type Whereabouts,
} from '../protocols/kubernetes-objects.ts'
import { describeKubernetes } from '../protocols/kubernetes-path.ts'
import { undoOfMadeObject } from '../protocols/kubernetes-undo.ts'
import { failure, isRefusal, readObject, refusal } from '../protocols/provider-answer.ts'

const KUBERNETES = 'Kubernetes'
const MAX_STRAYS = 100_000
/** The shortest life that TokenRequest takes, in seconds. */
const MIN_LIFE = 600
/** A JWT: RFC 7519. */
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/

/** One service account for each lease, which its token is bound to and its one role is for. Made already is fine: the name is its alone. */
async function mint(order: MintOrder, _: unknown, io: Io) {
  const where = whereabouts(order)
  try {
    for (const { path, body } of [accountFor(where), ...rolesFor(where, order.grant)]) {
      const answer = await ask(order, io, 'POST', path, body)
      const isMade = answer.status === 201 && readObject(answer, KUBERNETES).kind !== undefined
      if (!isMade && !isRefusal(answer, 409)) throw refusal(answer, KUBERNETES)
    }
    return await makeToken(order, io)
  } catch (thrown) {
    /** What is refused for good leaves nothing behind. */
    if (thrown instanceof StintError && thrown.code === 'mint_refused') await remove(order, where, io)
    throw thrown
  }
}

async function makeToken(order: MintOrder, io: Io) {
  const answer = await ask(order, io, 'POST', `${accountPath(order)}/token`, {
    ...{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' },
    spec: {
      ...audiencesOf(order.target),
      expirationSeconds: Math.max(MIN_LIFE, Math.ceil((order.expiresAt - io.now()) / 1000)),
    },
  })
  if (answer.status !== 201) throw refusal(answer, KUBERNETES)
  const { token, expirationTimestamp } = memberOf(readObject(answer, KUBERNETES), 'status')
  const expiresAt = Date.parse(String(expirationTimestamp))
  if (typeof token !== 'string' || token.length > 8000 || !TOKEN.test(token) || Number.isNaN(expiresAt))
    throw new StintError('upstream_failed', 'Kubernetes answered with something that is not a token')
  return { material: new Secret(token), handle: { role_at: whereabouts(order).place }, expiresAt }
}

async function remove(owner: Owner, where: Whereabouts, io: Io): Promise<void> {
  for (const path of pathsOf(where)) {
    const answer = await ask(owner, io, 'DELETE', path)
    const isDone = [200, 202].includes(answer.status) && typeof readObject(answer, KUBERNETES).kind === 'string'
    if (!isDone && !isRefusal(answer, 404)) throw failure(answer, KUBERNETES)
  }
}

async function probe(issued: Issued, io: Io): Promise<'live' | 'refused'> {
  const name = nameOf(issued.leaseId)
  if (issued.material !== undefined) return review(issued, issued.material, name, io)
  const answer = await ask(issued, io, 'GET', accountPath(issued))
  if (isRefusal(answer, 404)) return 'refused'
  if (answer.status === 200 && memberOf(readObject(answer, KUBERNETES), 'metadata').name === name) return 'live'
  throw failure(answer, KUBERNETES)
}

/** TokenReview: the API server’s own answer for a token that it does not take has these words; other errors mean it cannot tell. */
async function review(issued: Issued, material: Secret, name: string, io: Io): Promise<'live' | 'refused'> {
  const answer = await ask(issued, io, 'POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
    ...{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview' },
    spec: { token: material.reveal(), ...audiencesOf(issued.target) },
  })
  if (answer.status !== 201) throw failure(answer, KUBERNETES)
  const { authenticated, error, user } = memberOf(readObject(answer, KUBERNETES), 'status')
  const username = `system:serviceaccount:${text(issued.target, 'namespace')}:${name}`
  if (authenticated === true && memberOf({ user }, 'user').username === username) return 'live'
  if (authenticated !== true && typeof error === 'string' && error.includes('invalid bearer token')) return 'refused'
  throw failure(answer, KUBERNETES)
}

async function strays(asked: Parameters<NonNullable<Minting['strays']>>[0], io: Io): Promise<readonly Stray[]> {
  const { accounts } = await listAccounts(accountsOf(asked, io), { labelSelector: MANAGED_SELECTOR, most: MAX_STRAYS })
  return accounts.flatMap((account) => {
    const { leaseId, place } = readAccount(account) ?? { leaseId: '', place: '' }
    return leaseId.startsWith(`lease_${asked.installation}`) ? [{ leaseId, handle: { role_at: place } }] : []
  })
}

function accountsOf(owner: Owner, io: Io): AskAccounts {
  return (query) => ask(owner, io, 'GET', `${accountsIn(text(owner.target, 'namespace'))}?${query}`)
}

type Owner = Pick<MintOrder, 'target' | 'standing'>

async function ask(
  { target, standing }: Owner,
  io: Io,
  method: HttpRequest['method'],
  path: string,
  body?: object,
): Promise<HttpAnswer> {
  if (standing === undefined) throw new StintError('credential_missing', 'the target names no credential')
  const { scheme, host, port } = target.hosts[0] ?? { scheme: 'https', host: '', port: 443 }
  return io.exchange({
    ...{ method, url: `${scheme}://${host}:${port}${path}` },
    headers: { authorization: `Bearer ${standing.reveal()}`, accept: 'application/json', 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
}

/** Where a lease’s objects are: where the sweep found them, or where they were ordered. */
function whereabouts({ leaseId, target, grant, handle }: MintOrder & { readonly handle?: Handle }): Whereabouts {
  const place = handle?.role_at ?? String(grant.terms.place ?? '')
  return { name: nameOf(leaseId), namespace: text(target, 'namespace'), place }
}

function accountPath({ leaseId, target }: MintOrder): string {
  return `${accountsIn(text(target, 'namespace'))}/${nameOf(leaseId)}`
}

function audiencesOf({ settings }: Target): { readonly audiences?: readonly string[] } {
  return settings?.audiences === undefined ? {} : { audiences: [settings.audiences].flat() }
}

function text({ settings }: Target, name: string): string {
  return String(settings?.[name] ?? '')
}

const minting: Minting = {
  settings: {
    namespace: {
      summary: 'The namespace in which a service account is made for each lease; best one of its own.',
      required: true,
      isList: false,
      pattern: /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
    },
    hand_out_namespace: {
      summary: 'The namespace of what tokens that are handed out are for; `default` unless said.',
      required: false,
      isList: false,
      pattern: /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
    },
    audiences: {
      summary: 'The audiences of tokens; the API server’s own unless said.',
      required: false,
      isList: true,
      pattern: /^[\x21-\x7e]{1,200}$/,
    },
  },
  /** The API server keeps what it found out about a token for 10 s. */
  propagationMs: 12_000,
  grant: ({ task, action }) => grantKubernetes(action, task.scope),
  handOut: { kubectl: handOutForKubernetes },
  mint,
  place: ({ material }) => [{ kind: 'header', name: 'authorization', prefix: 'Bearer ', value: material }],
  async revoke(issued, io) {
    await remove(issued, whereabouts(issued), io)
    return {}
  },
  probe,
  strays,
  discover: (asked, io) => describeAccounts(accountsOf(asked, io)),
}

const pods = '/api/v1/namespaces/web/pods'

/** Kubernetes by the tokens of service accounts that are made for one lease, with one role for what was decided. */
export const kubernetes: Connector = {
  kind: 'kubernetes',
  summary:
    'Kubernetes: a service account, role and token for each lease, for the verb and type that was decided in its namespace; the credential is a bearer token that may make service accounts, their tokens, roles, role bindings and TokenReviews, and may itself do what it gives.',
  defaultHosts: [],
  defaultPlacement: { kind: 'none' },
  placeholderVariables: [],
  bodyPrefix: () => 0,
  describe(operation) {
    refuseDisguise(operation)
    return describeKubernetes(operation)
  },
  undoOf: undoOfMadeObject,
  minting,
  example: {
    target: {
      id: 'cluster',
      connector: 'kubernetes',
      hosts: [{ scheme: 'https', host: 'kubernetes.example.com', port: 6443 }],
      environment: 'production',
      sensitivity: 'restricted',
      labels: [],
      privateNetworks: [],
      credentialId: 'cluster-minter',
      placement: { kind: 'none' },
      settings: { namespace: 'stint' },
    },
    known: [
      { operation: { method: 'GET', path: pods }, action: { id: 'kubernetes:pods::list', access: 'read', resource: pods } },
      {
        operation: { method: 'GET', path: pods, query: 'watch=1' },
        action: { id: 'kubernetes:pods::watch', access: 'read', resource: pods },
      },
      {
        operation: { method: 'GET', path: `${pods}/a-1/log` },
        action: { id: 'kubernetes:pods_log::get', access: 'read', resource: `${pods}/a-1/log` },
      },
      { operation: { method: 'POST', path: pods }, action: { id: 'kubernetes:pods::create', access: 'write', resource: pods } },
      {
        operation: { method: 'DELETE', path: pods },
        action: { id: 'kubernetes:pods::deletecollection', access: 'destructive', resource: pods },
      },
      {
        operation: { method: 'PATCH', path: '/apis/apps/v1/namespaces/web/deployments/a/scale' },
        action: {
          id: 'kubernetes:deployments_scale::patch',
          access: 'write',
          resource: '/apis/apps/v1/namespaces/web/deployments/a/scale',
        },
      },
      {
        operation: { method: 'GET', path: '/apis/networking.k8s.io/v1/ingresses' },
        action: {
          id: 'kubernetes:networking_k8s_io:ingresses::list',
          access: 'read',
          resource: '/apis/networking.k8s.io/v1/ingresses',
        },
      },
      {
        operation: { method: 'PUT', path: '/api/v1/namespaces/web/finalize' },
        action: { id: 'kubernetes:namespaces_finalize::update', access: 'write', resource: '/api/v1/namespaces/web/finalize' },
      },
      {
        operation: { method: 'POST', path: '/api/v1/namespaces/web/serviceaccounts/a/token' },
        action: {
          id: 'kubernetes:serviceaccounts_token::create',
          access: 'admin',
          resource: '/api/v1/namespaces/web/serviceaccounts/a/token',
        },
      },
      {
        operation: { method: 'PUT', path: '/apis/rbac.authorization.k8s.io/v1/clusterroles/a' },
        action: {
          id: 'kubernetes:rbac_authorization_k8s_io:clusterroles::update',
          access: 'admin',
          resource: '/apis/rbac.authorization.k8s.io/v1/clusterroles/a',
        },
      },
      {
        operation: { method: 'GET', path: '/apis/apps/v1' },
        action: { id: 'kubernetes:discovery::get', access: 'read', resource: '/apis/apps/v1' },
      },
    ],
    unknown: [
      { method: 'POST', path: `${pods}/a-1/exec`, query: 'command=sh' },
      { method: 'GET', path: `${pods}/a-1/portforward` },
      { method: 'GET', path: '/api/v1/namespaces/web/services/a/proxy/admin' },
      { method: 'GET', path: '/api/v1/watch/namespaces/web/pods' },
      { method: 'GET', path: pods, headers: { 'impersonate-user': 'admin' } },
      { method: 'POST', path: `${pods}/a-1` },
      { method: 'PUT', path: pods },
      { method: 'POST', path: '/version' },
      { method: 'GET', path: '/metrics' },
      { method: 'GET', path: '/logs/kube-apiserver.log' },
    ],
  },
}
