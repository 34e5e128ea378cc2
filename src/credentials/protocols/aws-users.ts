import { StintError } from '../../errors.ts'
import type { HttpAnswer, Identity } from '../minting.ts'
import { elementOf, errorOf, isAnswerOf, unclear } from './aws-calls.ts'
import { checkCount, MAX_IDENTITIES, readTimes } from './identities.ts'

const AWS = 'AWS'
/** Each user is two calls and more, which IAM throttles: of an account with more users than this the keys are not listed. */
const MAX_USERS_WITH_KEYS = 100
/** IAM API Reference, "User" and "AccessKeyMetadata". */
const [USER_NAME, KEY_ID] = [/^[\w+=,.@-]{1,64}$/, /^\w{16,128}$/]

/** Calls IAM with these parameters, by keys that may list users. */
export type AskIam = (parameters: Readonly<Record<string, string>>) => Promise<HttpAnswer>

/** The texts of an element’s elements, by name. Attacker-controlled. */
type Member = Readonly<Record<string, string>>

/**
 * The account’s users, and their access keys by id and user where Stint may list them. What they may do is in policies of many kinds,
 * and told by no single answer. What Stint makes are sessions of a role, which AWS lists nowhere. Throws `upstream_failed`.
 */
export async function describeUsers(ask: AskIam): Promise<readonly Identity[]> {
  const users = await listAll(ask, { Action: 'ListUsers' }, 'Users')
  const found = users.map((user): Identity => {
    const times = { createdAt: user.CreateDate, lastUsedAt: user.PasswordLastUsed }
    return { kind: 'account', id: read(user, 'UserName', USER_NAME), access: 'unknown', isUsable: true, ...readTimes(times, AWS) }
  })
  if (found.length > MAX_USERS_WITH_KEYS) return found
  const keys: Identity[] = []
  for (const { id } of found) keys.push(...(await describeKeys(ask, id)))
  return [...found, ...keys]
}

async function describeKeys(ask: AskIam, user: string): Promise<readonly Identity[]> {
  const listed = await unlessDenied(listAll(ask, { Action: 'ListAccessKeys', UserName: user }, 'AccessKeyMetadata'))
  const keys: Identity[] = []
  for (const key of listed ?? []) {
    const AccessKeyId = read(key, 'AccessKeyId', KEY_ID)
    const last = await unlessDenied(call(ask, { Action: 'GetAccessKeyLastUsed', AccessKeyId }))
    const times = { createdAt: key.CreateDate, lastUsedAt: last === undefined ? undefined : elementOf(last, 'LastUsedDate') }
    const isUsable = read(key, 'Status', /^(?:Active|Inactive|Expired)$/) === 'Active'
    keys.push({ kind: 'key', id: `${AccessKeyId} ${user}`, access: 'unknown', isUsable, ...readTimes(times, AWS) })
  }
  return keys
}

/** Every page (IAM API Reference, "ListUsers"): each has at least one, or is the last. */
async function listAll(ask: AskIam, parameters: Member & { readonly Action: string }, list: string): Promise<readonly Member[]> {
  const all: Member[] = []
  let marker: string | undefined
  do {
    const page = { ...parameters, MaxItems: String(MAX_IDENTITIES), ...(marker !== undefined && { Marker: marker }) }
    const answer = await call(ask, page)
    const members = membersOf(answer, list)
    const isMore = elementOf(answer, 'IsTruncated') === 'true'
    marker = isMore ? elementOf(answer, 'Marker') : undefined
    if (members === undefined || (isMore && (marker === undefined || members.length === 0)))
      throw unclear(answer, parameters.Action)
    all.push(...members)
    checkCount(all.length, AWS)
  } while (marker !== undefined)
  return all
}

async function call(ask: AskIam, parameters: Member & { readonly Action: string }): Promise<HttpAnswer> {
  const answer = await ask(parameters)
  if (isAnswerOf(answer, parameters.Action)) return answer
  if (errorOf(answer) === 'AccessDenied') throw new IamDenied(parameters.Action)
  throw unclear(answer, parameters.Action)
}

/** The members of the answer’s one list of this name; undefined for what is none. Nothing in them has elements of its own. */
function membersOf({ body }: HttpAnswer, list: string): readonly Member[] | undefined {
  const text = body.toString().replaceAll(/>\s+</g, '><')
  if (text.includes(`<${list}/>`) || text.includes(`<${list} />`)) return []
  const [, inner, ...more] = text.split(new RegExp(`</?${list}>`))
  if (inner === undefined || more.length !== 1) return undefined
  const members: Member[] = []
  const rest = inner.replaceAll(/<member>((?:<(\w+)>[^<>]*<\/\2>)*)<\/member>/g, (_, elements: string) => {
    members.push(Object.fromEntries([...elements.matchAll(/<(\w+)>([^<>]*)</g)].map(([, name, value]) => [name, value])))
    return ''
  })
  return rest.trim() === '' ? members : undefined
}

function read(member: Member, name: string, pattern: RegExp): string {
  const value = Object.hasOwn(member, name) ? (member[name] ?? '') : ''
  if (pattern.test(value)) return value
  throw new StintError('upstream_failed', `AWS told a ${name} that is none`)
}

/** The keys may not do this. */
class IamDenied extends StintError {
  constructor(action: string) {
    super('upstream_failed', `AWS does not let Stint call ${action}`)
  }
}

async function unlessDenied<T>(asked: Promise<T>): Promise<T | undefined> {
  return asked.catch((thrown: unknown) => {
    if (thrown instanceof IamDenied) return undefined
    throw thrown
  })
}
