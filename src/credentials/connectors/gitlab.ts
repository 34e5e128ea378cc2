import { StintError } from '../../errors.ts'
import type { Action, Target } from '../../model.ts'
import { Secret } from '../../secret.ts'
import type { Connector } from '../connector.ts'
import type { Grant, Handle, HttpAnswer, HttpRequest, Io, Issued, Minting, MintOrder, Stray } from '../minting.ts'
import { type AskGitlab, describeTokens, listTokens, type Place } from '../protocols/gitlab-tokens.ts'
import { handOutForDocker, handOutForGit } from '../protocols/hand-out-repository.ts'
import { failure, isRefusal, readObject, refusal } from '../protocols/provider-answer.ts'
import { decodeSegment } from '../protocols/slash.ts'
import { gitRest } from './git-rest.ts'

const GITLAB = 'GitLab'
const DAY_MS = 86_400_000
/** Reporter, Developer, Maintainer (GitLab REST API, "Access level values"). */
const LEVELS: Readonly<Record<string, number>> = { reporter: 20, developer: 30, maintainer: 40 }
/** What tokens are for whose scopes are not the API’s (GitLab Docs, "Project access tokens"). */
const PARTS: Readonly<Record<string, string>> = { git: 'repository', oci: 'registry' }
const OWNER = /^\/api\/v4\/(projects|groups)\/([^/]+)/
/** GitLab lets the prefix be set; nothing else is in a token but what goes into a header. */
const TOKEN = /^[\x21-\x7e]{20,1000}$/

function grant({ target, action }: Parameters<Minting['grant']>[0]): Grant {
  const [kind = ''] = action.id.split(':')
  const place = placeOf(action, target)
  const isRead = action.access === 'read' && action.id !== 'git:push' // its announcement wants what the push wants
  const part = Object.hasOwn(PARTS, kind) ? PARTS[kind] : undefined
  const scope = part === undefined ? (isRead ? 'read_api' : 'api') : `${isRead ? 'read' : 'write'}_${part}`
  const level = isRead ? 'reporter' : text(target, 'write_level') || 'developer'
  return {
    key: [place, scope, level].join(' '),
    reach: [`${scope} of ${decodeSegment(place).slice(0, 150)} as ${level}`],
    terms: { place, scope, level },
  }
}

/** The project or group that the action names. Throws `unknown_action` for one that the target does not list, and for none. */
function placeOf({ id, resource, parameters }: Action, { settings }: Target): Place {
  const [, kind, segment = ''] = OWNER.exec(resource) ?? []
  const name = /^(?:git|oci):/.test(id) ? String(parameters.repository) : decodeSegment(segment)
  const listed = [(kind === 'groups' ? settings?.groups : settings?.projects) ?? []].flat()
  if (!listed.some((one) => one.toLowerCase() === name.toLowerCase()))
    throw new StintError('unknown_action', 'the request names no project or group that the target’s settings list')
  return `${kind === 'groups' ? kind : 'projects'}/${encodeURIComponent(name.toLowerCase())}`
}

async function mint(order: MintOrder, _: unknown, io: Io) {
  const { leaseId, grant, expiresAt } = order
  const { place, scope, level } = grant.terms
  /** Tokens end at midnight UTC of a day: the first that is not before the lease’s end. */
  const end = Math.ceil(expiresAt / DAY_MS) * DAY_MS
  const answer = await askAsOwner(order, io, {
    method: 'POST',
    path: `/${place}/access_tokens`,
    body: {
      name: leaseId,
      scopes: [scope],
      access_level: LEVELS[String(level)],
      expires_at: new Date(end).toISOString().slice(0, 10),
    },
  })
  if (answer.status !== 201) throw refusal(answer, GITLAB)
  const { id, token } = readObject(answer, GITLAB)
  if (typeof token !== 'string' || !TOKEN.test(token) || !Number.isSafeInteger(id))
    throw new StintError('upstream_failed', 'GitLab answered with something that is not an access token')
  return { material: new Secret(token), handle: { id: String(id), place: String(place) }, expiresAt: end }
}

/** By the token itself, which any token may; without it, or where that does not go, by its name. */
async function revoke(issued: Issued, io: Io): Promise<Record<string, never>> {
  if (issued.material !== undefined) {
    const answer = await askAsSelf('DELETE', issued, issued.material, io)
    if (answer.status === 204 || isRefusal(answer, 401)) return {}
  }
  for (const { id, place } of await objectsOf(issued, io)) {
    const answer = await askAsOwner(issued, io, { method: 'DELETE', path: `/${place}/access_tokens/${id}` })
    if (answer.status !== 204 && !isRefusal(answer, 404)) throw failure(answer, GITLAB)
  }
  return {}
}

async function probe(issued: Issued, io: Io): Promise<'live' | 'refused'> {
  if (issued.material === undefined) {
    const found = await objectsOf(issued, io)
    return found.length > 0 ? 'live' : 'refused'
  }
  const answer = await askAsSelf('GET', issued, issued.material, io)
  if (isRefusal(answer, 401)) return 'refused'
  if (answer.status === 200 && readObject(answer, GITLAB).active === true) return 'live'
  throw failure(answer, GITLAB)
}

async function strays(
  { target, standing, installation }: Parameters<NonNullable<Minting['strays']>>[0],
  io: Io,
): Promise<readonly Stray[]> {
  const found = await named({ target, standing }, `lease_${installation}`, placesOf(target), io)
  return found.map(({ name, ...handle }) => ({ leaseId: name, handle }))
}

function placesOf({ settings }: Target): readonly Place[] {
  return (['projects', 'groups'] as const).flatMap((kind) =>
    [settings?.[kind] ?? []].flat().map((name): Place => `${kind}/${encodeURIComponent(name.toLowerCase())}`),
  )
}

/** Every active token of one lease: more than one where minting was begun again. */
async function objectsOf(issued: Issued, io: Io) {
  const found = await named(issued, issued.leaseId, [placeIn(issued)], io)
  return found.filter(({ name }) => name === issued.leaseId)
}

/** The active tokens whose name is a lease’s id that begins so, at these places; each is there once. */
async function named(
  owner: Pick<MintOrder, 'target' | 'standing'>,
  start: string,
  places: readonly Place[],
  io: Io,
): Promise<readonly (Handle & { readonly id: string; readonly place: Place; readonly name: string })[]> {
  const found = new Map<string, { readonly id: string; readonly place: Place; readonly name: string }>()
  for (const place of places)
    for (const { id, name, active } of await listTokens(asOwner(owner, io), place, { search: start }))
      if (active === true && typeof name === 'string' && /^lease_[a-z2-7]+$/.test(name) && name.startsWith(start))
        found.set(String(id), { id: String(id), place, name })
  return [...found.values()]
}

interface Ask {
  readonly method: HttpRequest['method']
  readonly path: string
  readonly body?: unknown
}

function asOwner(owner: Pick<MintOrder, 'target' | 'standing'>, io: Io): AskGitlab {
  return (path) => askAsOwner(owner, io, { method: 'GET', path })
}

function askAsOwner({ target, standing }: Pick<MintOrder, 'target' | 'standing'>, io: Io, ask: Ask): Promise<HttpAnswer> {
  if (standing === undefined) throw new StintError('credential_missing', 'the target names no credential')
  return exchange(target, standing, io, ask)
}

function askAsSelf(method: 'GET' | 'DELETE', { target }: Issued, material: Secret, io: Io): Promise<HttpAnswer> {
  return exchange(target, material, io, { method, path: '/personal_access_tokens/self' })
}

function exchange({ hosts }: Target, token: Secret, io: Io, { method, path, body }: Ask): Promise<HttpAnswer> {
  const { scheme, host, port } = hosts[0] ?? { scheme: 'https', host: '', port: 443 }
  return io.exchange({
    ...{ method, url: `${scheme}://${host}:${port}/api/v4${path}` },
    headers: { 'private-token': token.reveal(), 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
}

/** Where a lease’s token is: where the sweep found it, or where it was ordered. Both are ours, not GitLab’s. */
function placeIn({ handle, grant }: Issued): Place {
  return String(handle.place ?? grant.terms.place) as Place
}

function text({ settings }: Target, name: string): string {
  return String(settings?.[name] ?? '')
}

const NAME = /^(?:[0-9]{1,15}|[A-Za-z0-9_][A-Za-z0-9_.-]*(?:\/[A-Za-z0-9_][A-Za-z0-9_.-]*)*)$/

const minting: Minting = {
  settings: {
    projects: {
      summary: 'The projects that tokens may be for: by path, and by number where programs name them so.',
      required: true,
      isList: true,
      pattern: NAME,
    },
    groups: {
      summary: 'The groups that tokens may be for, the same way.',
      required: false,
      isList: true,
      pattern: NAME,
    },
    write_level: {
      summary: 'The role of tokens that write, developer unless said: a protected branch may want maintainer.',
      required: false,
      isList: false,
      pattern: /^(?:developer|maintainer)$/,
    },
  },
  /** GitLab publishes no bound; a token is looked up in the database for each request. */
  propagationMs: 1000,
  grant,
  handOut: {
    git: (wish) => handOutForGit(wish, [wish.target.settings?.projects ?? []].flat()),
    docker: (wish) => handOutForDocker(wish, [wish.target.settings?.projects ?? []].flat()),
  },
  mint,
  place({ material, grant: { terms } }) {
    if (/_(?:repository|registry)$/.test(String(terms.scope))) return [{ kind: 'basic', username: 'stint', value: material }]
    return [{ kind: 'header', name: 'private-token', prefix: '', value: material }]
  },
  revoke,
  probe,
  strays,
  discover: (asked, io) => describeTokens(asOwner(asked, io), placesOf(asked.target)),
}

const { obtain: _wrapped, ...spoken } = gitRest

/** GitLab by access tokens of a project or group, one for each task, named after its lease. */
export const gitlab: Connector = {
  ...spoken,
  kind: 'gitlab',
  summary:
    'GitLab: an access token of one project or group, for reading or writing its repository or the API; the credential is the personal access token, with scope api, of one of its maintainers or owners.',
  defaultHosts: [{ scheme: 'https', host: 'gitlab.com', port: 443 }],
  defaultPlacement: { kind: 'none' },
  placeholderVariables: ['GITLAB_TOKEN'],
  minting,
  example: {
    ...gitRest.example,
    target: {
      ...gitRest.example.target,
      id: 'gitlab',
      connector: 'gitlab',
      hosts: [{ scheme: 'https', host: 'gitlab.com', port: 443 }],
      credentialId: 'gitlab-owner',
      placement: { kind: 'none' },
      settings: { projects: ['acme/app'] },
    },
  },
}
