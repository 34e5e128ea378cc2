import { StintError } from '../../errors.ts'
import type { Action, Scope } from '../../model.ts'
import { namesAction } from '../../scope.ts'

/** Permissions of a GitHub App that an action may need, as POST /app/installations/{installation_id}/access_tokens names them. */
export const PERMISSIONS = [
  ...['actions', 'administration', 'checks', 'contents', 'deployments', 'issues', 'metadata', 'pages', 'pull_requests'],
  ...[
    'repository_hooks',
    'secret_scanning_alerts',
    'secrets',
    'security_events',
    'statuses',
    'vulnerability_alerts',
    'workflows',
  ],
] as const

type Permission = (typeof PERMISSIONS)[number]
type Level = 'read' | 'write'
/** A permission at the level of the action’s access, or at one of its own. */
type Needed = Permission | `${Permission}:${Level}`

/**
 * What an action takes (GitHub Docs, "Permissions required for GitHub Apps"): by its id, else by its noun. What is not here is
 * nothing that an installation may do: gists, notifications, the user. Variables have a permission that the API does not name.
 */
const NEEDED: Readonly<Record<string, readonly Needed[]>> = {
  'git:fetch': ['contents:read'],
  'git:lfs-download': ['contents:read'],
  'git:lfs-list-locks': ['contents:read'],
  git: ['contents:write'],
  Branch: ['contents'],
  'Branch::protect': ['administration'],
  'Branch::unprotect': ['administration'],
  CheckRun: ['checks'],
  Collaborator: ['administration'],
  Commit: ['contents'],
  'Commit::comment': ['contents:read'],
  'Commit::set-status': ['statuses'],
  Contents: ['contents'],
  DeployKey: ['administration'],
  Deployment: ['deployments'],
  GitObject: ['contents'],
  GitRef: ['contents'],
  Issue: ['issues'],
  'Issue::search': ['issues:read', 'pull_requests:read'],
  Label: ['issues'],
  Milestone: ['issues'],
  PullRequest: ['pull_requests'],
  'PullRequest::merge': ['contents:write'],
  Release: ['contents'],
  'Release::generate-notes': ['contents:write'],
  Repository: ['administration'],
  'Repository::download': ['contents:read'],
  'Repository::fork': ['administration:write', 'contents:read'],
  'Repository::get': ['metadata:read'],
  'Repository::list': ['metadata:read'],
  Ruleset: ['administration'],
  Secret: ['secrets'],
  Webhook: ['repository_hooks'],
  Workflow: ['actions'],
  WorkflowRun: ['actions'],
}

/** Reads that have no name of their own, by what follows the repository in their path. The rest is metadata. */
const READS: readonly (readonly [path: RegExp, needed: Needed])[] = [
  [/^actions\/secrets(?:\/|$)/, 'secrets:read'],
  [/^(?:actions\/runners|keys)(?:\/|$)/, 'administration:read'],
  [/^(?:actions|environments)(?:\/|$)/, 'actions:read'],
  [/^(?:check-runs|check-suites|commits\/[^/]+\/check-(?:runs|suites))(?:\/|$)/, 'checks:read'],
  [/^(?:statuses|commits\/[^/]+\/status(?:es)?)(?:\/|$)/, 'statuses:read'],
  [/^branches\/[^/]+\/protection(?:\/|$)/, 'administration:read'],
  [/^(?:branches|commits|compare|contents|git|releases|tags|readme)(?:\/|$)/, 'contents:read'],
  [/^deployments(?:\/|$)/, 'deployments:read'],
  [/^(?:issues|labels|milestones|assignees)(?:\/|$)/, 'issues:read'],
  [/^pulls(?:\/|$)/, 'pull_requests:read'],
  [/^hooks(?:\/|$)/, 'repository_hooks:read'],
  [/^pages(?:\/|$)/, 'pages:read'],
  [/^code-scanning(?:\/|$)/, 'security_events:read'],
  [/^secret-scanning(?:\/|$)/, 'secret_scanning_alerts:read'],
  [/^dependabot(?:\/|$)/, 'vulnerability_alerts:read'],
]

/** A GraphQL query does not say in time what it reads: what the task’s scope speaks of, of these. */
const QUERIED = ['Contents', 'Issue', 'PullRequest']

/**
 * The permissions that an action takes, each as `name:level`, sorted. Throws `unknown_action` for what an installation token cannot do.
 * A push may not change workflows: nothing tells in time whether it does.
 */
export function permissionsFor(action: Action, scope: Scope): readonly string[] {
  const needed = neededFor(action, scope)
  if (needed.length === 0) throw new StintError('unknown_action', 'no permission of a GitHub App is known to allow this')
  const level = action.access === 'read' ? 'read' : 'write'
  return [...new Set(needed.map((one) => (one.includes(':') ? one : `${one}:${level}`)))].sort()
}

function neededFor({ id, resource, parameters }: Action, scope: Scope): readonly Needed[] {
  const name = id.replace(/^github:/, '')
  if (name === 'rest::get') return [readOf(resource)]
  if (name === 'graphql::query') return QUERIED.filter((noun) => speaksOf(scope, noun)).flatMap((noun) => find(noun))
  if (name === 'Workflow::dispatch' && parameters.id === undefined) return ['contents:write'] // POST /repos/{owner}/{repo}/dispatches
  const exact = find(name)
  const found = exact.length > 0 ? exact : find(name.split(':', 1).join())
  return isWorkflow(name, parameters.path) ? [...found, 'workflows:write'] : found
}

function find(name: string): readonly Needed[] {
  return (Object.hasOwn(NEEDED, name) && NEEDED[name]) || []
}

function readOf(resource: string): Needed {
  const [, rest = ''] = /^repos\/[^/]+\/[^/]+\/(.*)$/.exec(resource) ?? []
  return READS.find(([path]) => path.test(rest))?.[1] ?? 'metadata:read'
}

function speaksOf({ actions }: Scope, noun: string): boolean {
  const prefix = `github:${noun}::`
  return actions.some((pattern) => pattern.startsWith(prefix) || namesAction(pattern, prefix))
}

function isWorkflow(name: string, path: string | readonly string[] | undefined): boolean {
  return /^Contents::(?:put|delete)$/.test(name) && /^\.github\/workflows\//i.test(String(path))
}
