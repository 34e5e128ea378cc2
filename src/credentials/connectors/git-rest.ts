import type { Action, Operation } from '../../model.ts'
import type { Connector } from '../connector.ts'
import { formPrefix, refuseOverrideInForm } from '../protocols/disguise.ts'
import { undoOfMade } from '../protocols/gitlab-inverses.ts'
import { createSlashFinder } from '../protocols/slash.ts'
import { undoOfPush } from '../protocols/undo-push.ts'
import { caselessName, describeGit, git, gitBesideRest, gitBodyPrefix } from './git.ts'
import { describeHttp, http } from './http.ts'

/** GitLab takes a project or group by its path, and files, branches and tags by theirs (GitLab REST API, "Path parameters"). */
const findSlash = createSlashFinder([
  '/api/v4/projects/{project}/**',
  '/api/v4/groups/{group}/**',
  '/api/v4/projects/*/repository/files/{file}/**',
  '/api/v4/projects/*/repository/branches/{branch}/**',
  '/api/v4/projects/*/repository/tags/{tag}/**',
])
/** What GitLab names without telling upper from lower case. */
const CASELESS = ['project', 'group']

function describe(operation: Operation): Action {
  return describeGit(operation, caselessName) ?? describeRest(operation)
}

function bodyPrefix(operation: Operation): number {
  return Math.max(gitBodyPrefix(operation), isGitlab(operation) ? formPrefix(operation) : 0)
}

/** GitLab’s API, which is on Rack. */
function isGitlab({ path }: Operation): boolean {
  return path.includes('/api/v4/')
}

function describeRest(operation: Operation): Action {
  const action = describeHttp(operation)
  if (isGitlab(operation)) refuseOverrideInForm(operation)
  const found = findSlash(operation.path)
  if (found === undefined) return action
  const { name, text } = found
  if (!CASELESS.includes(name)) return { ...action, parameters: { ...action.parameters, [name]: text } }
  const resource = action.resource.replace(/[^/]*%2F[^/]*/, lowerCase)
  return { ...action, resource, parameters: { ...action.parameters, [name]: text.toLowerCase() } }
}

/** Of a path: its escapes keep their big letters. */
function lowerCase(path: string): string {
  return path.toLowerCase().replaceAll(/%[0-9a-f]{2}/g, (octet) => octet.toUpperCase())
}

/** A code host with git and REST on one host: GitLab, Gitea, Forgejo, Bitbucket. */
export const gitRest: Connector = {
  kind: 'git-rest',
  summary:
    'A code host with git and REST on one host, such as GitLab, Gitea, Forgejo and Bitbucket: git is named as git, the rest by method.',
  defaultHosts: [],
  defaultPlacement: { kind: 'header', name: 'authorization', prefix: 'Bearer ' },
  placeholderVariables: [],
  bodyPrefix,
  describe,
  takesSlash: (path) => findSlash(path) !== undefined,
  ...gitBesideRest('x-token-auth'),
  undoOf: (start, action, note) => undoOfMade(start, action, note) ?? undoOfPush(start, action, note),
  example: {
    target: {
      ...git.example.target,
      id: 'gitlab',
      connector: 'git-rest',
      placement: { kind: 'header', name: 'private-token', prefix: '' },
    },
    known: [
      ...git.example.known,
      ...http.example.known,
      {
        operation: { method: 'GET', path: '/Acme/App.git/info/refs', query: 'service=git-upload-pack' },
        action: { id: 'git:fetch', access: 'read', resource: 'acme/app' },
      },
      {
        operation: { method: 'GET', path: '/api/v4/projects/Acme%2FApp/issues' },
        action: { id: 'http:GET', access: 'read', resource: '/api/v4/projects/acme%2Fapp/issues' },
      },
      {
        operation: { method: 'GET', path: '/api/v4/groups/acme%2Ftools' },
        action: { id: 'http:GET', access: 'read', resource: '/api/v4/groups/acme%2Ftools' },
      },
      {
        operation: { method: 'PUT', path: '/api/v4/projects/7/repository/files/docs%2FREADME.md' },
        action: { id: 'http:PUT', access: 'write', resource: '/api/v4/projects/7/repository/files/docs%2FREADME.md' },
      },
      {
        operation: { method: 'DELETE', path: '/api/v4/projects/7/repository/branches/agent%2Fold' },
        action: { id: 'http:DELETE', access: 'destructive', resource: '/api/v4/projects/7/repository/branches/agent%2Fold' },
      },
      {
        operation: { method: 'GET', path: '/api/v4/projects/7/repository/tags/release%2F1' },
        action: { id: 'http:GET', access: 'read', resource: '/api/v4/projects/7/repository/tags/release%2F1' },
      },
    ],
    unknown: [
      ...http.example.unknown,
      ...git.example.unknown.slice(1),
      { method: 'POST', path: '/api/v4/projects/7', body: new TextEncoder().encode('_method=delete') },
    ],
  },
}
