import { StintError } from '../../errors.ts'
import type { HttpAnswer, Identity } from '../minting.ts'
import { checkCount, readTimes } from './identities.ts'
import { failure, readObjects } from './provider-answer.ts'

const GITHUB = 'GitHub'
const PAGE = 100
/** Permissions that let an app make or change who else has access (GitHub Docs, "Permissions required for GitHub Apps"). */
const ADMIN = ['administration', 'organization_administration', 'members']

/** Asks for a path of GitHub’s API, as the app. */
export type AskGithub = (path: string) => Promise<HttpAnswer>

/**
 * Where the app’s key can act: its installations, on the target’s owner and on others, by number and owner. The tokens of an
 * installation are listed nowhere, nor can an app ask for people. Throws `upstream_failed`.
 */
export async function describeInstallations(ask: AskGithub): Promise<readonly Identity[]> {
  const found: Identity[] = []
  for (let page = 1; ; page += 1) {
    const answer = await ask(`/app/installations?per_page=${PAGE}&page=${page}`)
    if (answer.status !== 200) throw failure(answer, GITHUB)
    const installations = readObjects(answer, GITHUB)
    found.push(...installations.map(identityOf))
    checkCount(found.length, GITHUB)
    if (installations.length < PAGE) return found
  }
}

function identityOf({ id, account, permissions, created_at, suspended_at }: Readonly<Record<string, unknown>>): Identity {
  const granted = membersOf(permissions)
  const { login, slug = '' } = membersOf(account)
  const owner = login ?? slug // an enterprise has a slug
  if (!Number.isSafeInteger(id) || typeof owner !== 'string' || typeof permissions !== 'object' || permissions === null)
    throw new StintError('upstream_failed', 'GitHub lists something that is not an installation')
  return {
    ...{
      kind: 'account',
      id: `${id} ${owner}`.trimEnd(),
      access: ADMIN.some((name) => granted[name] === 'write') ? 'admin' : 'limited',
    },
    ...{ isUsable: (suspended_at ?? null) === null, ...readTimes({ createdAt: created_at }, GITHUB) },
  }
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
