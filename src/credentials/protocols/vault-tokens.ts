import { StintError } from '../../errors.ts'
import type { HttpAnswer, Identity } from '../minting.ts'
import { MAX_IDENTITIES, readTimes } from './identities.ts'
import { failure, isRefusal, readObject } from './provider-answer.ts'

const VAULT = 'Vault'
/** In the metadata of a lease’s token: its name. */
export const LEASE_NAME = 'stint_lease'

/** Asks for a path below `/v1`, by POST where there is a body, as who may list tokens. */
export type AskVault = (path: string, body?: object) => Promise<HttpAnswer>

/** A token as its accessor finds it. Attacker-controlled: who may make tokens may name them. */
export interface FoundToken {
  readonly accessor: string
  readonly token: Readonly<Record<string, unknown>>
}

/** Every token with an accessor, at most so many: batch tokens have none. Throws `upstream_failed`, also for more. */
export async function listTokens(ask: AskVault, most: number): Promise<readonly FoundToken[]> {
  const answer = await ask('auth/token/accessors?list=true')
  if (answer.status !== 200) throw failure(answer, VAULT)
  const { keys } = memberOf(readObject(answer, VAULT), 'data')
  if (!Array.isArray(keys) || !keys.every(isPlain)) throw failure(answer, VAULT)
  if (keys.length > most) throw new StintError('upstream_failed', `Vault has more than ${most} tokens to look through`)
  const found: FoundToken[] = []
  for (const accessor of new Set(keys)) {
    const looked = await ask('auth/token/lookup-accessor', { accessor })
    if (saysGone(looked)) continue
    if (looked.status !== 200) throw failure(looked, VAULT)
    found.push({ accessor, token: memberOf(readObject(looked, VAULT), 'data') })
  }
  return found
}

/**
 * The tokens by accessor, and lease or display name: what an engine made for one is its child and goes with it. What a policy allows is
 * not in a token, but for `root`.
 */
export async function describeTokens(ask: AskVault, now: number): Promise<readonly Identity[]> {
  const found = await listTokens(ask, MAX_IDENTITIES)
  return found.map((one) => identityOf(one, now))
}

function identityOf({ accessor, token }: FoundToken, now: number): Identity {
  const { display_name, policies, issue_time, expire_time } = token
  const name = memberOf(token, 'meta')[LEASE_NAME] ?? display_name
  if (typeof name !== 'string' || !Array.isArray(policies))
    throw new StintError('upstream_failed', 'Vault answered with something that is not a token')
  const times = readTimes({ createdAt: issue_time, expiresAt: expire_time }, VAULT)
  const isUsable = times.expiresAt === undefined || times.expiresAt > now
  return { kind: 'token', id: `${accessor} ${name}`, access: policies.includes('root') ? 'admin' : 'unknown', isUsable, ...times }
}

/** Vault’s own words for a lease or token that is not there any more. */
export function saysGone(answer: HttpAnswer): boolean {
  if (!isRefusal(answer, 400) && !isRefusal(answer, 403) && !isRefusal(answer, 404)) return false
  const { errors } = readObject(answer, VAULT)
  return Array.isArray(errors) && errors.some((one) => /invalid lease|lease not found|invalid accessor/.test(String(one)))
}

/** What a header, a username and a JSON text can carry. */
export function isPlain(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]{1,4000}$/.test(value)
}

/** A member that is an object; an empty one for everything else. Attacker-controlled. */
export function memberOf(value: Readonly<Record<string, unknown>>, name: string): Readonly<Record<string, unknown>> {
  const member = value[name]
  return typeof member === 'object' && member !== null ? { ...member } : {}
}
