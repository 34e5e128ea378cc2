import { StintError } from '../../errors.ts'
import type { Access, Action, Operation } from '../../model.ts'
import type { Connector } from '../connector.ts'
import { bodyType, isCoded } from '../protocols/body-type.ts'
import { formPrefix, refuseDisguise, refuseOverrideInForm } from '../protocols/disguise.ts'
import { readSaid, SAID_PREFIX } from '../protocols/github-body.ts'
import { FILES, MUTATIONS, REST, type Said } from '../protocols/github-endpoints.ts'
import { inverseOf } from '../protocols/github-inverses.ts'
import { readGraphql } from '../protocols/graphql.ts'
import { createPathTable, type PathMatch } from '../protocols/path-table.ts'
import { decodeSegment } from '../protocols/slash.ts'
import { undoOfPush } from '../protocols/undo-push.ts'
import { caselessName, describeGit, git, gitBesideRest, gitBodyPrefix } from './git.ts'

const GRAPHQL_PREFIX = 65_536
/** The part of a path that names an owner, and a repository. */
const OWNED = /^\/(?:(?:(?:uploads\/)?repos|web|codeload|raw)\/[^/]+\/[^/]+|orgs\/[^/]+)/
const READS = ['GET', 'HEAD']

interface Endpoint {
  readonly id: string
  readonly access: Access
  readonly said: Said | undefined
}

const findEndpoint = createPathTable<Endpoint>([
  ...REST.map(([template, id, access, said]) => [template, { id, access, said }] as const),
  ...FILES.map(([template, id]) => [template, { id, access: 'read' as const, said: undefined }] as const),
])

/** Which part of GitHub a request is for: by host on github.com, by path on an Enterprise Server. The path is what the part sees. */
function partOf({ host, path }: Operation): { part: 'api' | 'files' | 'web'; path: string } {
  const [label = ''] = host.split('.')
  if (label === 'api') return { part: 'api', path }
  if (label === 'uploads') return { part: 'api', path: `/uploads${path}` }
  if (label === 'codeload' || label === 'raw') return { part: 'files', path: `/${label}${path}` }
  if (path.startsWith('/api/v3/')) return { part: 'api', path: path.slice('/api/v3'.length) }
  if (path.startsWith('/api/uploads/') || path === '/api/graphql') return { part: 'api', path: path.slice('/api'.length) }
  return { part: 'web', path: `/web${path}` }
}

function describe(operation: Operation): Action {
  const { part, path } = partOf(operation)
  refuseDisguise(operation)
  if (part === 'api' && endpointOf(operation)?.value.said === undefined) refuseOverrideInForm(operation)
  if (isGraphql(operation)) return describeGraphql(operation)
  const action = part === 'web' ? describeGit(operation, caselessName) : undefined
  if (action !== undefined) return action
  const found = endpointOf(operation)
  if (found !== undefined) return named(found, path, operation)
  if (part === 'api' && READS.includes(operation.method))
    return { id: 'github:rest::get', access: 'read', resource: resourceOf(path), parameters: {} }
  throw new StintError('unknown_action', 'this is not an endpoint of GitHub that Stint knows')
}

function endpointOf(operation: Operation): PathMatch<Endpoint> | undefined {
  const { method } = operation
  return findEndpoint(method === 'HEAD' ? 'GET' : method, partOf(operation).path)
}

function named({ value, parameters }: PathMatch<Endpoint>, path: string, operation: Operation): Action {
  const { owner, repo, org, ...rest } = parameters
  const { refs = [], ...said } = value.said === undefined ? {} : readSaid(operation, value.said)
  const allRefs = [...refsIn(value.id, rest), ...refs]
  const names = {
    ...(owner !== undefined && repo !== undefined && { repository: `${owner}/${repo}`.toLowerCase() }),
    ...(org !== undefined && { org: org.toLowerCase() }),
    ...(allRefs.length > 0 && { refs: allRefs }),
  }
  const { id, access } = value
  return { id: `github:${id}`, access, resource: resourceOf(path), parameters: { ...rest, ...said, ...names } }
}

/** What the path names of branches and tags, as a push names them. */
function refsIn(id: string, { ref, branch }: Readonly<Record<string, string>>): string[] {
  if (branch !== undefined) return [`refs/heads/${decodeSegment(branch)}`]
  return id.startsWith('GitRef::') && ref !== undefined ? [`refs/${decodeSegment(ref)}`] : []
}

/** GitHub does not tell upper from lower case in the names of owners and repositories; policies must not either. */
function resourceOf(path: string): string {
  return path.replace(OWNED, (owned) => owned.toLowerCase()).replace(/^\/(?:web\/)?/, '')
}

/** Also what comes close to it: nothing there is a read by its method. */
function isGraphql(operation: Operation): boolean {
  const { part, path } = partOf(operation)
  return part === 'api' && /^\/graphql(?:\/|$)/i.test(path)
}

function describeGraphql(operation: Operation): Action {
  const { method, query, body = new Uint8Array() } = operation
  const isJson = bodyType(operation) === 'application/json' && !isCoded(operation)
  if (method !== 'POST' || partOf(operation).path !== '/graphql' || query !== '' || !isJson) {
    throw new StintError('unknown_action', 'a GraphQL request is a POST of plain application/json without a query string')
  }
  const request = readGraphql(body, body.length >= GRAPHQL_PREFIX)
  if (request.kind === 'query') return { id: 'github:graphql::query', access: 'read', resource: 'graphql', parameters: {} }
  const [field, ...more] = request.fields
  if (field === undefined || more.length > 0) throw new StintError('unknown_action', 'send one mutation in a GraphQL request')
  const [id, access] = MUTATIONS.get(field) ?? [`graphql::${field}`, 'admin']
  return { id: `github:${id}`, access, resource: 'graphql', parameters: { mutation: field } }
}

function bodyPrefix(operation: Operation): number {
  if (isGraphql(operation)) return GRAPHQL_PREFIX
  if (partOf(operation).part !== 'api') return gitBodyPrefix(operation)
  return endpointOf(operation)?.value.said === undefined ? formPrefix(operation) : SAID_PREFIX
}

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
const api = { host: 'api.github.com' }
const headers = { 'content-type': 'application/json' }
const graphql = { ...api, method: 'POST', path: '/graphql', headers }
const contents = { ...api, method: 'PUT', path: '/repos/acme/app/contents/docs/a.md', headers }
const hosts = ['github.com', 'api.github.com', 'uploads.github.com', 'codeload.github.com'].map(
  (host) => ({ scheme: 'https', host, port: 443 }) as const,
)

/** GitHub: git over HTTPS, REST and GraphQL, each request under the name of what it does. */
export const github: Connector = {
  kind: 'github',
  summary: 'GitHub and GitHub Enterprise Server: git over HTTPS, REST and GraphQL, each request under the name of what it does.',
  defaultHosts: hosts,
  defaultPlacement: { kind: 'header', name: 'authorization', prefix: 'Bearer ' },
  placeholderVariables: ['GITHUB_TOKEN', 'GH_TOKEN'],
  bodyPrefix,
  describe,
  ...gitBesideRest('x-access-token'),
  undoOf(start, action, note) {
    const inverse = inverseOf(start, action)
    if (inverse !== undefined) note(inverse)
    return undoOfPush(start, action, note)
  },
  example: {
    target: {
      ...git.example.target,
      id: 'github',
      connector: 'github',
      hosts,
      placement: { kind: 'header', name: 'authorization', prefix: 'Bearer ' },
    },
    known: [
      ...git.example.known.map(({ operation, action }) => ({ operation: { ...operation, host: 'github.com' }, action })),
      {
        operation: { ...api, method: 'PUT', path: '/repos/Acme/App/pulls/7/merge' },
        action: { id: 'github:PullRequest::merge', access: 'write', resource: 'repos/acme/app/pulls/7/merge' },
      },
      {
        operation: { ...api, method: 'GET', path: '/repos/acme/app/issues' },
        action: { id: 'github:Issue::list', access: 'read', resource: 'repos/acme/app/issues' },
      },
      {
        operation: { ...api, method: 'DELETE', path: '/repos/acme/app' },
        action: { id: 'github:Repository::delete', access: 'destructive', resource: 'repos/acme/app' },
      },
      {
        operation: { ...api, method: 'GET', path: '/repos/acme/app/contents/docs/a.md' },
        action: { id: 'github:Contents::get', access: 'read', resource: 'repos/acme/app/contents/docs/a.md' },
      },
      {
        operation: { ...contents, body: encode({ message: 'm', content: '', branch: 'agent/docs' }) },
        action: { id: 'github:Contents::put', access: 'write', resource: 'repos/acme/app/contents/docs/a.md' },
      },
      {
        operation: { ...api, method: 'GET', path: '/emojis' },
        action: { id: 'github:rest::get', access: 'read', resource: 'emojis' },
      },
      {
        operation: { ...graphql, body: encode({ query: '{ viewer { login } }' }) },
        action: { id: 'github:graphql::query', access: 'read', resource: 'graphql' },
      },
      {
        operation: {
          ...graphql,
          body: encode({ query: 'mutation M($i: X = {a: 1}) { x: mergePullRequest(input: $i) { id } }' }),
        },
        action: { id: 'github:PullRequest::merge', access: 'write', resource: 'graphql' },
      },
      {
        operation: { host: 'github.acme.com', method: 'PATCH', path: '/api/v3/repos/acme/app/issues/1' },
        action: { id: 'github:Issue::update', access: 'write', resource: 'repos/acme/app/issues/1' },
      },
      {
        operation: { host: 'uploads.github.com', method: 'POST', path: '/repos/acme/app/releases/1/assets', query: 'name=a.zip' },
        action: { id: 'github:Release::upload-asset', access: 'write', resource: 'uploads/repos/acme/app/releases/1/assets' },
      },
    ],
    unknown: [
      { ...api, method: 'POST', path: '/repos/acme/app/actions/runners/registration-token' },
      { ...api, method: 'POST', path: '/app/installations/1/access_tokens' },
      { ...api, method: 'DELETE', path: '/repos/acme/app/' },
      { ...api, method: 'POST', path: '/repos/acme/app/issues', body: new TextEncoder().encode('_method=delete') },
      { ...contents, body: encode({ message: 'm', content: '' }) },
      { ...api, method: 'GET', path: '/graphql/', query: 'query=mutation{a}' },
      { ...graphql, body: encode({ query: 'mutation { a: addStar { id } b: deleteRef { id } }' }) },
      { ...graphql, body: encode({ query: 'mutation { ...F } fragment F on Mutation { deleteRef { id } }' }) },
      {
        ...graphql,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: encode({ query: '{ viewer { login } }' }),
      },
      { host: 'github.com', method: 'POST', path: '/login/oauth/access_token' },
      { host: 'github.com', method: 'GET', path: '/acme/app/settings' },
    ],
  },
}
