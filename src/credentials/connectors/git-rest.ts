import type { Action, Operation } from '../../model.ts'
import type { Connector, Obtained, ObtainInput } from '../connector.ts'
import { injectionsOf } from '../protocols/placement.ts'
import { caselessName, describeGit, git, gitBodyPrefix, obtainForGit } from './git.ts'
import { describeHttp, http } from './http.ts'

function describe(operation: Operation): Action {
  return describeGit(operation, caselessName) ?? describeHttp(operation)
}

async function obtain(input: ObtainInput): Promise<Obtained> {
  if (isGit(input.action)) return obtainForGit(input, 'x-token-auth')
  return { injections: injectionsOf(input.target.placement, input.standing) }
}

function isGit({ id }: Action): boolean {
  return id.startsWith('git:')
}

/** A code host with git and REST on one host: GitLab, Gitea, Forgejo, Bitbucket. */
export const gitRest: Connector = {
  kind: 'git-rest',
  summary:
    'A code host with git and REST on one host, such as GitLab, Gitea, Forgejo and Bitbucket: git is named as git, the rest by method.',
  defaultHosts: [],
  defaultPlacement: { kind: 'header', name: 'authorization', prefix: 'Bearer ' },
  placeholderVariables: [],
  bodyPrefix: gitBodyPrefix,
  describe,
  obtain,
  variant: (action) => (isGit(action) ? 'git' : 'rest'),
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
    ],
    unknown: [...http.example.unknown, ...git.example.unknown.slice(1)],
  },
}
