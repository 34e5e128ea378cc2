import { StintError } from '../../errors.ts'
import type { Action, Target } from '../../model.ts'
import { Secret } from '../../secret.ts'
import type { Connector } from '../connector.ts'
import type { Grant, HttpAnswer, HttpRequest, Io, Issued, Minting, MintOrder } from '../minting.ts'
import { describeInstallations } from '../protocols/github-installations.ts'
import { permissionsFor } from '../protocols/github-permissions.ts'
import { handOutForGit } from '../protocols/hand-out-repository.ts'
import { failure, isRefusal, readObject, refusal, skewOf } from '../protocols/provider-answer.ts'
import { askInTime, readRsaKey, signJwt } from '../protocols/signed-jwt.ts'
import { github } from './github.ts'

const GITHUB = 'GitHub'
/** GitHub gives every installation token this life; it cannot be asked for less. */
const LIFE_MS = 60 * 60_000
/** How long after it was ordered a token may have been made, and lost: two exchanges, and the clocks apart. */
const ON_ITS_WAY_MS = 60_000
/** Both formats: `ghs_` and 36 letters, and since 2026 `ghs_<app>_<jwt>`, about 520 characters. */
const TOKEN = /^ghs_[A-Za-z0-9_.-]{16,4000}$/
const REPOSITORY = /^(?<owner>[a-z0-9][a-z0-9-]*)\/(?<name>[a-z0-9._-]+)$/
const IN_PATH = /^(?:uploads\/)?repos\/([^/]+\/[^/]+)/

function grant({ task, target, action }: Parameters<Minting['grant']>[0]): Grant {
  const shape = action.id.startsWith('git:') ? 'git' : 'rest'
  const permissions = permissionsFor(action, task.scope)
  const repositories = repositoriesFor(action, target)
  const on = `${repositories.slice(0, 3).join(', ')}${repositories.length > 3 ? ` and ${repositories.length - 3} more` : ''}`
  return {
    key: [shape, permissions.join(), repositories.join()].join(' '),
    reach: permissions.map((permission) => `${permission.replace(':', ': ')} on ${on} of ${text(target, 'owner')}`.slice(0, 200)),
    terms: { shape, permissions, repositories },
  }
}

/** The repository that the action names, or where it names none all that the target lists. Throws `unknown_action`. */
function repositoriesFor({ parameters, resource }: Action, target: Target): readonly string[] {
  const listed = [target.settings?.repositories ?? []].flat().map((name) => name.toLowerCase())
  const named = parameters.repository ?? IN_PATH.exec(resource)?.[1]
  if (named === undefined) {
    if (listed.length > 0) return [...new Set(listed)].sort()
    throw new StintError('unknown_action', 'the request names no repository, and the target’s setting repositories lists none')
  }
  const { owner, name = '' } = REPOSITORY.exec(String(named).toLowerCase())?.groups ?? {}
  const isKnown = owner === text(target, 'owner').toLowerCase() && (listed.length === 0 || listed.includes(name))
  if (!isKnown) throw new StintError('unknown_action', 'the repository is not one that the app’s target names')
  return [name]
}

async function mint({ target, standing, grant: { terms } }: MintOrder, _: unknown, io: Io) {
  const answer = await askAsApp({ target, standing }, io, {
    method: 'POST',
    url: `${apiOf(target)}/app/installations/${text(target, 'installation_id')}/access_tokens`,
    body: JSON.stringify({
      repositories: terms.repositories,
      permissions: Object.fromEntries([terms.permissions ?? []].flat().map((one) => one.split(':'))),
    }),
  })
  if (answer.status !== 201) throw refusal(answer, GITHUB)
  const { token, expires_at } = readObject(answer, GITHUB)
  const expiresAt = Date.parse(String(expires_at)) - skewOf(answer, io.now())
  if (typeof token !== 'string' || !TOKEN.test(token) || !(expiresAt <= io.now() + 2 * LIFE_MS))
    throw new StintError('upstream_failed', 'GitHub answered with something that is not an installation token')
  return { material: new Secret(token), handle: { expires_at: new Date(expiresAt).toISOString() }, expiresAt }
}

/** With a JWT of the app (GitHub Docs, "Generating a JSON Web Token (JWT) for a GitHub App"). */
function askAsApp(
  { target, standing }: Pick<MintOrder, 'target' | 'standing'>,
  io: Io,
  request: HttpRequest,
): Promise<HttpAnswer> {
  const key = readRsaKey(standing)
  return askInTime(io, (now) => {
    const jwt = signJwt({ iat: now - 60, exp: now + 480, iss: text(target, 'app_id') }, key)
    return io.exchange({ ...request, headers: headersOf(jwt) })
  })
}

async function revoke({ target, material, handle, expiresAt }: Issued, io: Io): Promise<{ irrevocableUntil?: number }> {
  if (material === undefined) {
    const end = Date.parse(handle.expires_at ?? '')
    return { irrevocableUntil: Number.isNaN(end) ? Math.min(io.now(), expiresAt) + LIFE_MS + ON_ITS_WAY_MS : end }
  }
  const request = { method: 'DELETE', url: `${apiOf(target)}/installation/token` } as const
  const answer = await io.exchange({ ...request, headers: headersOf(material.reveal()) })
  if (answer.status === 204 || isRefusal(answer, 401)) return {}
  throw failure(answer, GITHUB)
}

async function probe({ target, material }: Issued, io: Io): Promise<'live' | 'refused'> {
  if (material === undefined) throw new StintError('upstream_failed', 'GitHub cannot be asked about a token that was lost')
  const request = { method: 'GET', url: `${apiOf(target)}/installation/repositories?per_page=1` } as const
  const answer = await io.exchange({ ...request, headers: headersOf(material.reveal()) })
  if (isRefusal(answer, 401)) return 'refused'
  if (answer.status === 200 && typeof readObject(answer, GITHUB).total_count === 'number') return 'live'
  throw failure(answer, GITHUB)
}

function headersOf(token: string): Record<string, string> {
  return {
    accept: 'application/vnd.github+json',
    'content-type': 'application/json',
    'x-github-api-version': '2022-11-28',
    authorization: `Bearer ${token}`,
  }
}

/** api.github.com and `api.` of GitHub with data residency; below /api/v3 on an Enterprise Server. */
function apiOf({ hosts }: Target): string {
  const api = hosts.find(({ host }) => host.startsWith('api.'))
  const { scheme, host, port } = api ?? hosts[0] ?? { scheme: 'https', host: '', port: 443 }
  return `${scheme}://${host}:${port}${api === undefined ? '/api/v3' : ''}`
}

function text({ settings }: Target, name: string): string {
  return String(settings?.[name] ?? '')
}

const minting: Minting = {
  settings: {
    app_id: {
      summary: 'The app’s id or client id; its private key in PEM is the credential.',
      required: true,
      isList: false,
      pattern: /^(?:[0-9]{1,20}|Iv[0-9A-Za-z.]{8,40})$/,
    },
    installation_id: {
      summary: 'The installation: the number at the end of its settings page’s address.',
      required: true,
      isList: false,
      pattern: /^[0-9]{1,20}$/,
    },
    owner: {
      summary: 'The user or organisation that the app is installed on.',
      required: true,
      isList: false,
      pattern: /^[A-Za-z0-9][A-Za-z0-9-]{0,99}$/,
    },
    repositories: {
      summary:
        'The repositories, by name without owner, that tokens may be for; GraphQL and searches, which name none, are for all.',
      required: false,
      isList: true,
      pattern: /^[A-Za-z0-9._-]{1,100}$/,
    },
  },
  /** GitHub publishes no bound. */
  propagationMs: 2000,
  maxLifeMs: LIFE_MS + ON_ITS_WAY_MS,
  grant,
  handOut: {
    git(wish) {
      const owner = text(wish.target, 'owner')
      return handOutForGit(
        wish,
        [wish.target.settings?.repositories ?? []].flat().map((name) => `${owner}/${name}`),
      )
    },
  },
  mint,
  place({ material, grant: { terms } }) {
    if (terms.shape === 'git') return [{ kind: 'basic', username: 'x-access-token', value: material }]
    return [{ kind: 'header', name: 'authorization', prefix: 'Bearer ', value: material }]
  },
  revoke,
  probe,
  discover: (asked, io) =>
    describeInstallations((path) => askAsApp(asked, io, { method: 'GET', url: `${apiOf(asked.target)}${path}` })),
}

const { obtain: _wrapped, ...spoken } = github

/** GitHub by an app: each task gets an installation token for its repository and permissions, taken back when it ends. */
export const githubApp: Connector = {
  ...spoken,
  kind: 'github-app',
  summary:
    'GitHub by a GitHub App, whose private key in PEM is the credential: an installation token for one repository and the permissions of the action. One that is lost before it is saved cannot be listed, and dies within the hour.',
  defaultPlacement: { kind: 'none' },
  minting,
  example: {
    ...github.example,
    target: {
      ...github.example.target,
      id: 'github-app',
      connector: 'github-app',
      credentialId: 'github-app-key',
      placement: { kind: 'none' },
      settings: { app_id: '1', installation_id: '2', owner: 'acme' },
    },
  },
}
