import { StintError } from '../../errors.ts'
import type { HttpAnswer, Identity } from '../minting.ts'
import { checkCount, MAX_IDENTITIES, readTimes } from './identities.ts'
import { failure, readObjects } from './provider-answer.ts'

const GITLAB = 'GitLab'
const PAGE = 100
/** More tokens of one project or group than this are not looked through. */
const MAX_TOKENS = 5000
/** From here on its holder adds and removes members (GitLab Docs, "Roles and permissions"). */
const MAINTAINER = 40

/** A project or group, as its API path: `projects/acme%2Fapp`. */
export type Place = `${'projects' | 'groups'}/${string}`

/** Asks for a path below `/api/v4`, as who may see tokens. */
export type AskGitlab = (path: string) => Promise<HttpAnswer>

type Token = Readonly<Record<string, unknown>>

/**
 * The tokens of a project or group, each with a number for its `id`; what else they have is attacker-controlled. The active ones of a
 * name that holds `search`, as far as GitLab knows these parameters. Throws `upstream_failed`.
 */
export async function listTokens(
  ask: AskGitlab,
  place: Place,
  { search, most = MAX_TOKENS }: { readonly search?: string; readonly most?: number },
): Promise<readonly Token[]> {
  const all: Token[] = []
  for (let page = 1; page <= most / PAGE; page += 1) {
    const query = new URLSearchParams({ state: 'active', ...(search !== undefined && { search }), per_page: String(PAGE) })
    const answer = await ask(`/${place}/access_tokens?${query}&page=${page}`)
    if (answer.status !== 200) throw failure(answer, GITLAB)
    const tokens = readObjects(answer, GITLAB)
    if (!tokens.every(({ id }) => Number.isSafeInteger(id))) throw failure(answer, GITLAB)
    all.push(...tokens)
    if (tokens.length < PAGE) return all
  }
  throw new StintError('upstream_failed', `GitLab lists ${most} tokens of one project or group, and more`)
}

/** The active tokens of these places, each once, by number and name: those that are over are many, and ours. */
export async function describeTokens(ask: AskGitlab, places: readonly Place[]): Promise<readonly Identity[]> {
  const found = new Map<unknown, Identity>()
  for (const place of places) {
    for (const token of await listTokens(ask, place, { most: MAX_IDENTITIES })) found.set(token.id, identityOf(token))
    checkCount(found.size, GITLAB)
  }
  return [...found.values()]
}

function identityOf({ id, name, active, scopes, access_level, created_at, last_used_at, expires_at }: Token): Identity {
  if (typeof name !== 'string' || typeof active !== 'boolean' || !Number.isSafeInteger(access_level) || !Array.isArray(scopes))
    throw new StintError('upstream_failed', 'GitLab lists something that is not an access token')
  const isAdmin = Number(access_level) >= MAINTAINER && scopes.includes('api')
  return {
    ...{ kind: 'token', id: `${id} ${name}`, access: isAdmin ? 'admin' : 'limited', isUsable: active },
    ...readTimes({ createdAt: created_at, lastUsedAt: last_used_at, expiresAt: expires_at }, GITLAB),
  }
}
