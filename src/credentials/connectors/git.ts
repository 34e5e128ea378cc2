import { StintError } from '../../errors.ts'
import type { Action, Operation, Target } from '../../model.ts'
import type { Connector, Obtained, ObtainInput, RefusalText, SpokenRefusal } from '../connector.ts'
import { isCoded } from '../protocols/body-type.ts'
import { refuseDisguise } from '../protocols/disguise.ts'
import { readPush } from '../protocols/git.ts'
import { describeLfs, lfsPrefix, speakLfsRefusal } from '../protocols/git-lfs.ts'
import { reportRefusal } from '../protocols/git-report.ts'
import { injectionsOf, obtainPlaced } from '../protocols/placement.ts'
import { tellPush } from '../protocols/tell-push.ts'
import { undoOfPush } from '../protocols/undo-push.ts'

/** Bytes of a push that are read to decide: about 500 refs. */
const PUSH_PREFIX = 65_536
const SERVICE = /^git-(?:upload-pack|receive-pack|upload-archive)/i
const PATH = /^\/(?<repository>.+)\/(?<end>info\/refs|git-upload-pack|git-receive-pack)$/

/** Bytes of body that `describeGit` must see. */
export function gitBodyPrefix(operation: Operation): number {
  const { method, path } = operation
  return method === 'POST' && path.endsWith('/git-receive-pack') ? PUSH_PREFIX : lfsPrefix(operation)
}

/**
 * Names a request of git’s smart HTTP protocol (gitprotocol-http): `git:fetch`, `git:push`, `git:delete-ref`, or of Git LFS.
 * Undefined for what is neither; throws `unknown_action` for what comes close to it without being it. `nameOf` spells a repository
 * one way.
 */
export function describeGit(operation: Operation, nameOf: (repository: string) => string = plainName): Action | undefined {
  const { method, path, query } = operation
  const { repository, end } = PATH.exec(path)?.groups ?? {}
  const lfs = repository === undefined ? describeLfs(operation, nameOf) : undefined
  if (repository !== undefined || lfs !== undefined) refuseDisguise(operation)
  if (lfs !== undefined) return lfs
  const asked = `${method} ${end}${query === '' ? '' : `?${query}`}`
  if (repository !== undefined) {
    const name = nameOf(repository)
    if (asked === 'GET info/refs?service=git-upload-pack') return fetched(name)
    if (asked === 'POST git-upload-pack') return fetched(name)
    if (asked === 'GET info/refs?service=git-receive-pack') return announced(name)
    if (asked === 'POST git-receive-pack') return pushed(name, operation)
  }
  const isAnnouncement = query !== '' && /\/info\/refs\/*$/i.test(path)
  if (isAnnouncement || path.split(/\/|%2F/).some((part) => SERVICE.test(part))) throw unknown()
  return undefined
}

/** Says the refusal of a push in git’s own protocol, and one of Git LFS in its; undefined for everything else. */
function speakGitRefusal(operation: Operation, refusal: RefusalText): SpokenRefusal | undefined {
  if (!operation.path.endsWith('/git-receive-pack')) return speakLfsRefusal(operation, refusal)
  return reportRefusal(operation, (operation.body?.length ?? 0) >= PUSH_PREFIX, refusal)
}

/** For hosts that do not tell upper from lower case in a repository’s name: policies must not either. */
export function caselessName(repository: string): string {
  return plainName(repository.toLowerCase())
}

function plainName(repository: string): string {
  return repository.replace(/\.git$/, '')
}

/** A git server takes the secret as a password, whatever the placement for other requests is. */
async function obtainForGit({ target, standing }: ObtainInput, username: string): Promise<Obtained> {
  const { placement } = target
  const isGit = placement.kind === 'header' || placement.kind === 'query'
  return { injections: injectionsOf(isGit ? { kind: 'basic', username } : placement, standing) }
}

/**
 * What a host with git and REST is: one credential in two shapes, as git takes it and where the placement says, each with a lease of
 * its own, refusals that git shows, and pushes that can be undone.
 */
export function gitBesideRest(
  username: string,
): Pick<Required<Connector>, 'obtain' | 'variant' | 'speakRefusal' | 'tellBody' | 'undoOf'> {
  const isGit = ({ id }: Action): boolean => id.startsWith('git:')
  return {
    obtain: (input) => (isGit(input.action) ? obtainForGit(input, username) : obtainPlaced(input)),
    variant: (action) => (isGit(action) ? 'git' : 'rest'),
    speakRefusal: speakGitRefusal,
    tellBody: tellPush,
    undoOf: undoOfPush,
  }
}

function fetched(repository: string): Action {
  return { id: 'git:fetch', access: 'read', resource: repository, parameters: { repository } }
}

/** Before a push, git asks which refs there are. It changes nothing, so it is read; policies that forbid every push stop it here. */
function announced(repository: string): Action {
  return { id: 'git:push', access: 'read', resource: repository, parameters: { repository, refs: [] } }
}

function pushed(repository: string, operation: Operation): Action {
  if (isCoded(operation)) throw new StintError('unknown_action', 'a compressed push is not read')
  const { body = new Uint8Array() } = operation
  /** git asks so whether it may push at all, before it sends much. */
  if (body.length === 4 && body.every((byte) => byte === 0x30)) return announced(repository)
  const { creates, updates, deletes, options } = readPush(body, body.length >= PUSH_PREFIX)
  const refs = [...creates, ...updates, ...deletes]
  if (refs.length === 0) throw new StintError('unknown_action', 'the push names no ref')
  if (deletes.length > 0 && refs.length > deletes.length) {
    throw new StintError('unknown_action', 'one push both deletes refs and changes others; make them two')
  }
  const [id, access] = deletes.length > 0 ? (['git:delete-ref', 'destructive'] as const) : (['git:push', 'write'] as const)
  const resource = `${repository}:${refs.length === 1 ? refs[0] : `${refs.length} refs`}`
  return { id, access, resource, parameters: { repository, refs, creates, updates, deletes, options } }
}

function unknown(): StintError {
  return new StintError('unknown_action', 'this is not a request of git’s smart HTTP protocol')
}

const target: Target = {
  id: 'code',
  connector: 'git',
  hosts: [{ scheme: 'https', host: 'git.example.com', port: 443 }],
  environment: 'unknown',
  sensitivity: 'internal',
  labels: [],
  privateNetworks: [],
  credentialId: 'code-token',
  placement: { kind: 'basic', username: 'x-token-auth' },
}

const batch = {
  method: 'POST',
  path: '/acme/app.git/info/lfs/objects/batch',
  headers: { 'content-type': 'application/vnd.git-lfs+json' },
}

/** Any git server over smart HTTP: fetches are reads, pushes are writes on named refs, and nothing else passes. */
export const git: Connector = {
  kind: 'git',
  summary:
    'Any git server over smart HTTP, with Git LFS: a fetch is a read, a push is a write on named refs, nothing else passes.',
  defaultHosts: [],
  defaultPlacement: { kind: 'basic', username: 'x-token-auth' },
  placeholderVariables: [],
  bodyPrefix: gitBodyPrefix,
  describe(operation) {
    const action = describeGit(operation)
    if (action === undefined) throw unknown()
    return action
  },
  speakRefusal: speakGitRefusal,
  tellBody: tellPush,
  undoOf: undoOfPush,
  obtain: (input) => obtainForGit(input, 'x-token-auth'),
  example: {
    target,
    known: [
      {
        operation: { method: 'GET', path: '/acme/app.git/info/refs', query: 'service=git-upload-pack' },
        action: { id: 'git:fetch', access: 'read', resource: 'acme/app' },
      },
      {
        operation: { method: 'POST', path: '/acme/app.git/git-upload-pack' },
        action: { id: 'git:fetch', access: 'read', resource: 'acme/app' },
      },
      {
        operation: { method: 'GET', path: '/acme/app/info/refs', query: 'service=git-receive-pack' },
        action: { id: 'git:push', access: 'read', resource: 'acme/app' },
      },
      {
        operation: { method: 'POST', path: '/acme/app/git-receive-pack', body: pushOf('refs/heads/main', '1', '2') },
        action: { id: 'git:push', access: 'write', resource: 'acme/app:refs/heads/main' },
      },
      {
        operation: { method: 'POST', path: '/acme/app/git-receive-pack', body: pushOf('refs/heads/old', '1', '0') },
        action: { id: 'git:delete-ref', access: 'destructive', resource: 'acme/app:refs/heads/old' },
      },
      {
        operation: { ...batch, body: encode({ operation: 'download', objects: [] }) },
        action: { id: 'git:lfs-download', access: 'read', resource: 'acme/app' },
      },
      {
        operation: { ...batch, body: encode({ operation: 'upload', ref: { name: 'refs/heads/main' }, objects: [] }) },
        action: { id: 'git:lfs-upload', access: 'write', resource: 'acme/app' },
      },
      {
        operation: { method: 'PUT', path: `/acme/app.git/info/lfs/objects/${'0'.repeat(64)}/7` },
        action: { id: 'git:lfs-upload', access: 'write', resource: 'acme/app' },
      },
      {
        operation: { method: 'POST', path: '/acme/app.git/info/lfs/locks' },
        action: { id: 'git:lfs-lock', access: 'write', resource: 'acme/app' },
      },
    ],
    unknown: [
      { method: 'GET', path: '/acme/app.git/HEAD' },
      { ...batch, body: encode({ objects: [] }) },
      { method: 'POST', path: '/acme/app.git/Git-Receive-Pack' },
      { method: 'GET', path: '/acme/app.git/info/refs', query: 'service=git-upload-pack&service=git-receive-pack' },
    ],
  },
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value))
}

function pushOf(ref: string, from: string, to: string): Uint8Array {
  const line = `${from.repeat(40)} ${to.repeat(40)} ${ref}\0report-status`
  return new TextEncoder().encode(`${(line.length + 4).toString(16).padStart(4, '0')}${line}0000`)
}
