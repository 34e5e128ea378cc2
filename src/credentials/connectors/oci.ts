import { StintError } from '../../errors.ts'
import type { Access, Action, Operation } from '../../model.ts'
import type { Connector, Obtained, ObtainInput } from '../connector.ts'
import { refuseDisguise } from '../protocols/disguise.ts'
import { readTokenRequest } from '../protocols/oci-token.ts'
import { obtainPlaced } from '../protocols/placement.ts'

/** OCI Distribution Specification 1.1, "Pull" and the sections after it: the names of repositories, tags and digests. */
const NAME = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*)*$/
const TAG = /^\w[\w.-]{0,127}$/
const DIGEST = /^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[A-Za-z0-9=_-]+$/
const MAX_NAME = 255
const TOKEN = 'oci:Token::obtain'

/** What may be done to each part of a repository. `upload` is GHCR’s word for `uploads`. */
const PARTS: readonly (readonly [part: RegExp, methods: Readonly<Record<string, readonly [id: string, access: Access]>>])[] = [
  [
    /^(?<name>.+)\/manifests\/(?<reference>[^/]+)$/,
    {
      GET: ['Manifest::get', 'read'],
      PUT: ['Manifest::put', 'write'],
      DELETE: ['Manifest::delete', 'destructive'],
    },
  ],
  [
    /^(?<name>.+)\/blobs\/uploads?\/(?<session>[^/]*)$/,
    {
      GET: ['Blob::upload-status', 'read'],
      POST: ['Blob::upload', 'write'],
      PATCH: ['Blob::upload', 'write'],
      PUT: ['Blob::upload', 'write'],
      DELETE: ['Blob::cancel-upload', 'write'],
    },
  ],
  [/^(?<name>.+)\/blobs\/(?<digest>[^/]+)$/, { GET: ['Blob::get', 'read'], DELETE: ['Blob::delete', 'destructive'] }],
  [/^(?<name>.+)\/referrers\/(?<digest>[^/]+)$/, { GET: ['Referrer::list', 'read'] }],
  [/^(?<name>.+)\/tags\/list$/, { GET: ['Tag::list', 'read'] }],
]

function describe(operation: Operation): Action {
  refuseDisguise(operation)
  const { path } = operation
  const method = operation.method === 'HEAD' ? 'GET' : operation.method
  if (path === '/token') return describeToken(operation)
  const [, rest] = /^\/v2(?:\/(.*))?$/.exec(path) ?? []
  if (path === '/v2' || rest === '') return plain(method, 'Registry::ping', path)
  if (rest === '_catalog') return plain(method, 'Repository::list', path)
  if (rest !== undefined) return describePart(method, rest, operation.query)
  return plain(method, 'Blob::download', path) // what a registry redirects to: no credential goes there
}

function plain(method: string, id: string, path: string): Action {
  if (method !== 'GET') throw unknown()
  return { id: `oci:${id}`, access: 'read', resource: path, parameters: {} }
}

function describePart(method: string, path: string, query: string): Action {
  for (const [part, methods] of PARTS) {
    const { name, ...rest } = part.exec(path)?.groups ?? {}
    if (name === undefined) continue
    const [id, access] = (Object.hasOwn(methods, method) && methods[method]) || []
    if (id === undefined || access === undefined || !isValid(name, rest)) throw unknown()
    const parameters = { repository: name, ...rest, ...mountedFrom(query) }
    return { id: `oci:${id}`, access, resource: resourceOf(name, rest), parameters }
  }
  throw unknown()
}

function isValid(name: string, { reference, digest }: Readonly<Record<string, string>>): boolean {
  if (name.length > MAX_NAME || !NAME.test(name)) return false
  if (reference !== undefined) return TAG.test(reference) || DIGEST.test(reference)
  return digest === undefined || DIGEST.test(digest)
}

/** The repository that a layer is taken from, where an upload takes one (section "Mounting a blob from another repository"). */
function mountedFrom(query: string): { from?: string } {
  const [from, ...more] = new URLSearchParams(query).getAll('from')
  if (from === undefined) return {}
  if (more.length > 0 || from.length > MAX_NAME || !NAME.test(from)) throw unknown()
  return { from }
}

/** As people write it: `acme/app:1.2`, `acme/app@sha256:…`. */
function resourceOf(name: string, { reference, digest = reference }: Readonly<Record<string, string>>): string {
  if (digest === undefined) return name
  return `${name}${DIGEST.test(digest) ? '@' : ':'}${digest}`
}

/** The registry’s own short-lived token, for the repositories and actions that it names. What it is used for is decided each time. */
function describeToken({ method, query }: Operation): Action {
  if (method !== 'GET') throw unknown()
  const { repositories, scopes, access } = readTokenRequest(query)
  const resource = repositories.length === 1 ? `${repositories[0]}` : `${repositories.length} repositories`
  return { id: TOKEN, access, resource, parameters: { repositories, scopes } }
}

/** Only who hands out tokens is shown the credential; the caller shows the token by itself. */
async function obtain(input: ObtainInput): Promise<Obtained> {
  return input.action.id === TOKEN ? obtainPlaced(input) : { injections: [] }
}

function unknown(): StintError {
  return new StintError('unknown_action', 'this is not a request of the OCI distribution API that Stint knows')
}

const hosts = ['registry.example.com', 'auth.example.com'].map((host) => ({ scheme: 'https', host, port: 443 }) as const)
const digest = `sha256:${'0'.repeat(64)}`

/** Container registries: a pull is a read, a push a write on a named repository and tag. */
export const oci: Connector = {
  kind: 'oci',
  summary: 'Container registries (OCI distribution): a pull is a read, a push a write on a named repository and tag.',
  defaultHosts: [],
  defaultPlacement: { kind: 'basic', username: 'x-access-token' },
  placeholderVariables: [],
  bodyPrefix: () => 0,
  describe,
  obtain,
  variant: ({ id }) => (id === TOKEN ? 'token' : 'registry'),
  example: {
    target: {
      id: 'registry',
      connector: 'oci',
      hosts,
      environment: 'production',
      sensitivity: 'internal',
      labels: [],
      privateNetworks: [],
      credentialId: 'registry-token',
      placement: { kind: 'basic', username: 'ann' },
    },
    known: [
      {
        operation: { method: 'GET', path: '/token', query: 'service=registry.example.com&scope=repository:acme/app:pull' },
        action: { id: TOKEN, access: 'read', resource: 'acme/app' },
      },
      {
        operation: { method: 'GET', path: '/token', query: 'scope=repository%3Aacme%2Fapp%3Apull%2Cpush' },
        action: { id: TOKEN, access: 'write', resource: 'acme/app' },
      },
      {
        operation: { method: 'GET', path: '/v2/' },
        action: { id: 'oci:Registry::ping', access: 'read', resource: '/v2/' },
      },
      {
        operation: { method: 'HEAD', path: '/v2/acme/app/manifests/1.2' },
        action: { id: 'oci:Manifest::get', access: 'read', resource: 'acme/app:1.2' },
      },
      {
        operation: { method: 'PUT', path: '/v2/acme/app/manifests/1.2' },
        action: { id: 'oci:Manifest::put', access: 'write', resource: 'acme/app:1.2' },
      },
      {
        operation: { method: 'DELETE', path: `/v2/acme/app/manifests/${digest}` },
        action: { id: 'oci:Manifest::delete', access: 'destructive', resource: `acme/app@${digest}` },
      },
      {
        operation: { method: 'GET', path: `/v2/acme/app/blobs/${digest}` },
        action: { id: 'oci:Blob::get', access: 'read', resource: `acme/app@${digest}` },
      },
      {
        operation: { method: 'POST', path: '/v2/acme/app/blobs/uploads/' },
        action: { id: 'oci:Blob::upload', access: 'write', resource: 'acme/app' },
      },
      {
        operation: { method: 'PUT', path: '/v2/acme/app/blobs/upload/1a2b', query: `digest=${digest}` },
        action: { id: 'oci:Blob::upload', access: 'write', resource: 'acme/app' },
      },
      {
        operation: { method: 'GET', path: '/v2/acme/app/tags/list' },
        action: { id: 'oci:Tag::list', access: 'read', resource: 'acme/app' },
      },
      {
        operation: { method: 'GET', path: '/signed/blob', query: 'signature=1a2b' },
        action: { id: 'oci:Blob::download', access: 'read', resource: '/signed/blob' },
      },
    ],
    unknown: [
      { method: 'POST', path: '/token', query: 'scope=repository:acme/app:pull' },
      { method: 'GET', path: '/token', query: 'scope=repository:acme/app:pull&offline_token=true' },
      { method: 'GET', path: '/token', query: 'scope=repository:acme/app:everything' },
      { method: 'PUT', path: '/v2/acme/app/manifests/' },
      { method: 'PUT', path: '/v2/Acme/App/manifests/1.2' },
      { method: 'POST', path: '/v2/acme/app/blobs/uploads' },
      { method: 'DELETE', path: '/v2/acme/app/tags/list' },
      { method: 'POST', path: '/v1/repositories' },
    ],
  },
}
