import { StintError } from '../../errors.ts'
import type { Target } from '../../model.ts'
import { Secret } from '../../secret.ts'
import type { HttpAnswer, Io, MintOrder } from '../minting.ts'
import { readObject, refusal } from './provider-answer.ts'
import { settingOf } from './setting.ts'
import { askInTime, readRsaKey, signJwt } from './signed-jwt.ts'

/** What answers are said to come from. */
export const GOOGLE = 'Google Cloud'
export const IAM = 'https://iamcredentials.googleapis.com'
export const STS = 'https://sts.googleapis.com'
export const OAUTH = 'https://oauth2.googleapis.com'
const TOKEN = /^[\x21-\x7e]{20,8000}$/
/** A project’s id, with its domain where it has one (Resource Manager, v1 projects). */
const PROJECT = /^[a-z][a-z0-9.:-]{4,100}[a-z0-9]$/

type Standing = Readonly<Record<string, unknown>>
type Ask = (headers: Readonly<Record<string, string>>) => Promise<HttpAnswer>

/**
 * Asks with the headers of somebody who may impersonate: federated where the target names a provider; else as the credential’s file
 * says, the key of a service account (AIP-4111) or a user’s application default credentials (AIP-4113). Throws `credential_missing`,
 * without quoting it, and `mint_refused`.
 */
export async function askAsMinter({ target, standing }: MintOrder, io: Io, ask: Ask): Promise<HttpAnswer> {
  if (standing === undefined) throw new StintError('credential_missing', 'the target names no credential')
  if (settingOf(target, 'workload_identity_provider') !== '') return ask(bearing(await federate(target, standing, io)))
  const file = readFile(standing)
  if (file.type === 'authorized_user') return askAsUser(target, file, io, ask)
  if (file.type === 'external_account')
    throw missing('holds no token, it says where one is: give that, and workload_identity_provider')
  const key = readRsaKey(new Secret(String(file.private_key)))
  const who = { iss: String(file.client_email), sub: String(file.client_email), aud: `${IAM}/` }
  const head = { kid: String(file.private_key_id) }
  return askInTime(io, (now) => ask(bearing(signJwt({ ...who, iat: now - 10, exp: now + 600 }, key, head))))
}

/** Workload identity federation (RFC 8693 at Google’s Security Token Service): a token of another issuer for one of Google’s. */
async function federate(target: Target, standing: Secret, io: Io): Promise<string> {
  const answer = await io.exchange({
    ...{ method: 'POST', url: `${origin(target, STS)}/v1/token`, headers: { 'content-type': 'application/json' } },
    body: JSON.stringify({
      grantType: 'urn:ietf:params:oauth:grant-type:token-exchange',
      requestedTokenType: 'urn:ietf:params:oauth:token-type:access_token',
      subjectTokenType: 'urn:ietf:params:oauth:token-type:jwt',
      audience: `//iam.googleapis.com/${settingOf(target, 'workload_identity_provider')}`,
      scope: 'https://www.googleapis.com/auth/cloud-platform',
      subjectToken: standing.reveal(),
    }),
  })
  return readToken(answer)
}

/** RFC 6749, section 6. What a user’s calls count against is the project that the file names. */
async function askAsUser(target: Target, file: Standing, io: Io, ask: Ask): Promise<HttpAnswer> {
  const { client_id, client_secret, refresh_token, quota_project_id: project = '' } = file
  const parts = { client_id, client_secret, refresh_token }
  for (const [name, value] of Object.entries(parts))
    if (typeof value !== 'string' || value === '') throw missing(`has no ${name}`)
  if (project !== '' && !(typeof project === 'string' && PROJECT.test(project))) throw missing('has no valid quota_project_id')
  const answer = await io.exchange({
    ...{ method: 'POST', url: `${origin(target, OAUTH)}/token` },
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ grant_type: 'refresh_token', ...(parts as Record<string, string>) }).toString(),
  })
  return ask({ ...bearing(readToken(answer)), ...(project !== '' && { 'x-goog-user-project': project }) })
}

function readToken(answer: HttpAnswer): string {
  if (answer.status !== 200) throw refusal(answer, GOOGLE)
  const { access_token } = readObject(answer, GOOGLE)
  if (!isToken(access_token)) throw unusable()
  return access_token
}

function readFile(standing: Secret): Standing {
  try {
    return readObject({ status: 200, headers: {}, body: Buffer.from(standing.reveal()) }, GOOGLE)
  } catch {
    throw new StintError('credential_missing', 'the credential is not the JSON key file of a service account')
  }
}

function missing(what: string): StintError {
  return new StintError('credential_missing', `the credential’s file ${what}`)
}

function bearing(token: string): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${token}` }
}

export function isToken(value: unknown): value is string {
  return typeof value === 'string' && TOKEN.test(value)
}

export function unusable(): StintError {
  return new StintError('upstream_failed', 'Google Cloud answered with something that is not an access token')
}

/** Where the target reaches what is at this address of Google’s. */
export function origin(target: Target, googles: string): string {
  return settingOf(target, 'endpoint') || googles
}
