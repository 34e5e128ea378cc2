import { StintError } from '../../errors.ts'
import type { Action, Target } from '../../model.ts'
import { Secret } from '../../secret.ts'
import type { Connector, Signable } from '../connector.ts'
import type { Grant, Io, Issued, Minted, Minting, MintOrder, Setting } from '../minting.ts'
import { awsBodyPrefix, describeAws } from '../protocols/aws-action.ts'
import { awsPlaces, callAws, errorOf, isAnswerOf, readSession, unclear } from '../protocols/aws-calls.ts'
import { speakAwsRefusal } from '../protocols/aws-refusal.ts'
import { resignAws } from '../protocols/aws-resign.ts'
import type { AwsKeys } from '../protocols/aws-sign.ts'
import { readAwsStanding } from '../protocols/aws-standing.ts'
import { describeUsers } from '../protocols/aws-users.ts'
import { handOutForAws } from '../protocols/hand-out-aws.ts'
import { settingOf } from '../protocols/setting.ts'

const SETTINGS: Readonly<Record<string, Setting>> = {
  role_arn: {
    summary:
      'The role whose sessions tasks get. It must allow ec2:DescribeRegions, which tells a live session from a dead one. Stint may iam:ListRolePolicies, iam:PutRolePolicy and iam:DeleteRolePolicy on it, to end sessions before they expire.',
    required: true,
    isList: false,
    pattern: /^arn:aws:iam::[0-9]{12}:role\/(?:[\w+=,.@-]+\/)*[\w+=,.@-]{1,64}$/,
  },
  regions: {
    summary: 'The regions that may be used; sessions are made in the first.',
    required: true,
    isList: true,
    pattern: /^[a-z]{2}(?:-[a-z]+)+-[0-9]$/,
  },
  external_id: {
    summary: 'What the role’s trust policy asks for, where it does.',
    required: false,
    isList: false,
    pattern: /^[\w+=,.@:/-]{2,1224}$/,
  },
  endpoint: {
    summary: 'Where STS, IAM and EC2 are instead of amazonaws.com: an emulator’s URL.',
    required: false,
    isList: false,
    pattern: /^https?:\/\/[^\s/?#@]+\/?$/,
  },
}

function checkAwsTarget({ credentialId, privateNetworks, settings = {} }: Target): void {
  const wrong = (what: string): StintError => new StintError('invalid_argument', what)
  if (credentialId === undefined) throw wrong('credentialId is missing; it names what Stint shows STS')
  if ([settings.regions].flat().length > 20) throw wrong('settings.regions takes at most 20')
  const endpoint = settingOf({ settings }, 'endpoint')
  const isClear = endpoint.startsWith('http:') && privateNetworks.length === 0
  if (endpoint !== '' && (URL.parse(endpoint) === null || isClear))
    throw wrong('settings.endpoint takes an https URL; http only into privateNetworks')
}

/** One action on what it touches, in its region. A session of S3 reaches all keys of one bucket; each request is decided by itself. */
function grant({ action }: { readonly action: Action }): Grant {
  const { grants = [], region: named = '' } = action.parameters
  const regions = [named].flat()
  const region = regions.length === 1 ? (regions[0] ?? '') : regions
  const sorted = [...new Set([grants].flat())].sort()
  if (sorted.length === 0) throw new StintError('unknown_action', 'the action names nothing that IAM could be asked for')
  const reach = sorted.map((one) => `${one.replace(' ', ' on ').slice(0, 170)} in ${regions.join(', ')}`)
  return { key: [regions.join(), ...sorted].join(' '), reach, terms: { region, grants: sorted } }
}

/** What tells a live session from a dead one: it gives away nothing, and is denied with all else. */
const PROBE = 'ec2:DescribeRegions'

/** IAM User Guide, "Session policies": a session may do what both the role and this allow. */
function sessionPolicy({ terms }: Grant): string {
  const pairs = [terms.grants ?? []].flat().map((one) => one.split(' ', 2))
  const byResource = new Map<string, string[]>()
  for (const [action = '', resource = ''] of pairs) byResource.set(resource, [...(byResource.get(resource) ?? []), action])
  const inRegion = { StringEquals: { 'aws:RequestedRegion': terms.region } }
  const allowed = [...byResource].map(([Resource, Action]) => ({ Effect: 'Allow', Action, Resource, Condition: inRegion }))
  return JSON.stringify({ Version: '2012-10-17', Statement: [...allowed, { Effect: 'Allow', Action: PROBE, Resource: '*' }] })
}

const MIN_LIFE_SECONDS = 900
const MAX_LIFE_SECONDS = 3600

/** Codes that no repetition changes: all others may pass. STS API Reference, "Common Errors", "AssumeRole". */
const FINAL =
  /^(?:AccessDenied(?:Exception)?|ExpiredToken(?:Exception)?|IDPRejectedClaim|Invalid(?:ClientTokenId|IdentityToken|Parameter(?:Value|Combination))|MalformedPolicyDocument|MissingAuthenticationToken|OptInRequired|PackedPolicyTooLarge|RegionDisabledException|SignatureDoesNotMatch|UnrecognizedClientException|ValidationError)$/

async function mint({ leaseId, target, grant, standing, expiresAt }: MintOrder, _prepared: unknown, io: Io): Promise<Minted> {
  const shown = readAwsStanding(standing)
  const lifeSeconds = Math.min(Math.max(Math.ceil((expiresAt - io.now()) / 1000), MIN_LIFE_SECONDS), MAX_LIFE_SECONDS)
  const externalId = settingOf(target, 'external_id')
  const parameters = {
    Action: 'keys' in shown ? 'AssumeRole' : 'AssumeRoleWithWebIdentity',
    ...('webIdentityToken' in shown && { WebIdentityToken: shown.webIdentityToken }),
    ...('keys' in shown && externalId !== '' && { ExternalId: externalId }),
    ...{ RoleArn: settingOf(target, 'role_arn'), RoleSessionName: leaseId, Policy: sessionPolicy(grant) },
    DurationSeconds: String(lifeSeconds),
  }
  const answer = await callAws(target, { service: 'sts', parameters, ...('keys' in shown && shown) }, io)
  const code = errorOf(answer)
  if (code !== undefined && FINAL.test(code))
    throw new StintError('mint_refused', `STS answered ${code}`, { operatorDetail: `${answer.status} to ${parameters.Action}` })
  const session = isAnswerOf(answer, parameters.Action) ? readSession(answer) : undefined
  if (session === undefined) throw unclear(answer, parameters.Action)
  const { id, secret, token } = session.keys
  const material = JSON.stringify({ id, secret: secret.reveal(), token: token.reveal() })
  const until = Math.min(session.expiresAt, io.now() + MAX_LIFE_SECONDS * 1000)
  return { material: new Secret(material), handle: { session: leaseId, expires_at: String(until) }, expiresAt: until }
}

/** Our own writing. */
function keysIn(material: Secret): AwsKeys & { readonly token: Secret } {
  const { id, secret, token } = JSON.parse(material.reveal()) as Record<'id' | 'secret' | 'token', string>
  return { id, secret: new Secret(secret), token: new Secret(token) }
}

/** How the policy is called that ends a session: by the lease, and by when it is needed no more (epoch seconds). */
const DENIAL = /^(lease_[a-z2-7]+)\.until\.([0-9]{1,12})$/

/**
 * A session cannot be taken back; but an inline policy of the role denies it everything, by its name (`aws:userid` is the role’s id and
 * the session’s name), and leaves the role’s other sessions alone, as a condition on `aws:TokenIssueTime` would not. Those of sessions
 * that have expired are removed. Where Stint may not do this, the session lives until it expires.
 */
async function revoke(issued: Issued, io: Io): Promise<{ readonly irrevocableUntil?: number }> {
  const { leaseId, target, standing, handle } = issued
  const until = Number(handle.expires_at) || io.now() + MAX_LIFE_SECONDS * 1000
  const shown = readAwsStanding(standing)
  if (!('keys' in shown)) return { irrevocableUntil: until }
  const names = await denials(issued, shown.keys, io)
  if (names === 'denied') return { irrevocableUntil: until }
  if (names.some((name) => DENIAL.exec(name)?.[1] === leaseId)) return {}
  const RoleName = roleOf(target)
  for (const PolicyName of names.filter((name) => Number(DENIAL.exec(name)?.[2]) * 1000 < io.now() - 60_000)) {
    const parameters = { Action: 'DeleteRolePolicy', RoleName, PolicyName }
    const answer = await callAws(target, { service: 'iam', parameters, keys: shown.keys }, io)
    if (!isAnswerOf(answer, 'DeleteRolePolicy') && errorOf(answer) !== 'NoSuchEntity') throw unclear(answer, 'DeleteRolePolicy')
  }
  const statement = { Effect: 'Deny', Action: '*', Resource: '*', Condition: { StringLike: { 'aws:userid': `*:${leaseId}` } } }
  const parameters = {
    ...{ Action: 'PutRolePolicy', RoleName, PolicyName: `${leaseId}.until.${Math.ceil(until / 1000)}` },
    PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: statement }),
  }
  const answer = await callAws(target, { service: 'iam', parameters, keys: shown.keys }, io)
  if (isAnswerOf(answer, 'PutRolePolicy')) return {}
  if (/^(?:AccessDenied|LimitExceeded)$/.test(errorOf(answer) ?? '')) return { irrevocableUntil: until }
  throw unclear(answer, 'PutRolePolicy')
}

/** The names of the role’s inline policies that end sessions, or `denied` where Stint may not know them. */
async function denials({ target }: Issued, keys: AwsKeys, io: Io): Promise<readonly string[] | 'denied'> {
  const parameters = { Action: 'ListRolePolicies', RoleName: roleOf(target), MaxItems: '1000' }
  const answer = await callAws(target, { service: 'iam', parameters, keys }, io)
  if (errorOf(answer) === 'AccessDenied') return 'denied'
  if (!isAnswerOf(answer, 'ListRolePolicies')) throw unclear(answer, 'ListRolePolicies')
  return [...answer.body.toString().matchAll(/<member>([\w+=,.@-]{1,128})<\/member>/g)]
    .map(([, name = '']) => name)
    .filter((name) => DENIAL.test(name))
}

function roleOf(target: Target): string {
  return settingOf(target, 'role_arn').split('/').at(-1) ?? ''
}

/** EC2 API Reference, "Error codes", and IAM’s common errors: what is said to keys that may not, or that are none. */
const DEAD =
  /^(?:AccessDenied(?:Exception)?|AuthFailure|ExpiredToken(?:Exception)?|InvalidClientTokenId|UnauthorizedOperation|UnrecognizedClientException)$/

async function probe(issued: Issued, io: Io): Promise<'live' | 'refused'> {
  const { target, material, standing, leaseId } = issued
  if (material !== undefined) {
    const answer = await callAws(
      target,
      { service: 'ec2', parameters: { Action: 'DescribeRegions' }, keys: keysIn(material) },
      io,
    )
    if (isAnswerOf(answer, 'DescribeRegions')) return 'live'
    if (DEAD.test(errorOf(answer) ?? '')) return 'refused'
    throw unclear(answer, 'DescribeRegions')
  }
  const shown = readAwsStanding(standing)
  const names = 'keys' in shown ? await denials(issued, shown.keys, io) : 'denied'
  if (names === 'denied') throw new StintError('upstream_failed', 'a session that was lost cannot be asked about')
  return names.some((name) => DENIAL.exec(name)?.[1] === leaseId) ? 'refused' : 'live'
}

const minting: Minting = {
  settings: SETTINGS,
  checkTarget: checkAwsTarget,
  places: awsPlaces,
  propagationMs: 15_000,
  maxLifeMs: MAX_LIFE_SECONDS * 1000,
  grant,
  handOut: { aws: handOutForAws },
  mint,
  place({ material }) {
    const keys = keysIn(material)
    const sign = (request: Signable) => resignAws(request, keys)
    return [
      { kind: 'header', name: 'x-amz-security-token', prefix: '', value: keys.token },
      { kind: 'sign', sign, value: keys.secret, keyId: keys.id },
    ]
  },
  revoke,
  probe,
  async discover({ target, standing }, io) {
    const shown = readAwsStanding(standing)
    if (!('keys' in shown))
      throw new StintError('credential_missing', 'IAM lists users to keys, which the credential has none of')
    return describeUsers((parameters) => callAws(target, { service: 'iam', parameters, ...shown }, io))
  },
}

const ACCOUNT = '123456789012'
const KEY = `Credential=stint-placeholder/20260101/eu-central-1/SERVICE/aws4_request, SignedHeaders=host, Signature=${'0'.repeat(64)}`
const headersFor = (service: string, more: Record<string, string> = {}): Record<string, string> => ({
  authorization: `AWS4-HMAC-SHA256 ${KEY.replace('SERVICE', service)}`,
  ...more,
})
const S3 = headersFor('s3', { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' })
const JSON_BODY = '{"TableName":"orders"}'
const JSON_CALL = { 'content-type': 'application/x-amz-json-1.0', 'content-length': String(JSON_BODY.length) }
const FORM = 'Action=DescribeInstances&Version=2016-11-15'
const FORM_CALL = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(FORM.length) }

/** AWS: each task gets sessions of a role, narrowed to what each action takes; programs sign with placeholder keys. */
export const aws: Connector = {
  kind: 'aws',
  summary:
    'AWS: sessions of a role, narrowed to the decided action; the credential is JSON with access_key_id and secret_access_key, or with web_identity_token.',
  defaultHosts: [{ scheme: 'https', host: '*.amazonaws.com', port: 443 }],
  defaultPlacement: { kind: 'none' },
  placeholderVariables: ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
  bodyPrefix: awsBodyPrefix,
  describe: describeAws,
  speakRefusal: speakAwsRefusal,
  minting,
  example: {
    target: {
      id: 'aws',
      connector: 'aws',
      hosts: [{ scheme: 'https', host: '*.amazonaws.com', port: 443 }],
      environment: 'production',
      sensitivity: 'confidential',
      labels: [],
      privateNetworks: [],
      credentialId: 'aws-stint',
      placement: { kind: 'none' },
      settings: { role_arn: `arn:aws:iam::${ACCOUNT}:role/stint-agents`, regions: ['eu-central-1'] },
    },
    known: [
      {
        operation: { method: 'GET', host: 'acme.s3.eu-central-1.amazonaws.com', path: '/docs/a.txt', headers: S3 },
        action: { id: 'aws:s3::GetObject', access: 'read', resource: 'arn:aws:s3:::acme/docs/a.txt' },
      },
      {
        operation: {
          method: 'GET',
          host: 's3.eu-central-1.amazonaws.com',
          path: '/acme',
          query: 'list-type=2&prefix=docs',
          headers: S3,
        },
        action: { id: 'aws:s3::ListObjects', access: 'read', resource: 'arn:aws:s3:::acme' },
      },
      {
        operation: {
          ...{ method: 'POST', host: 'dynamodb.eu-central-1.amazonaws.com', path: '/', body: Buffer.from(JSON_BODY) },
          headers: headersFor('dynamodb', { ...JSON_CALL, 'x-amz-target': 'DynamoDB_20120810.GetItem' }),
        },
        action: {
          id: 'aws:dynamodb::GetItem',
          access: 'read',
          resource: `arn:aws:dynamodb:eu-central-1:${ACCOUNT}:table/orders`,
        },
      },
      {
        operation: {
          ...{ method: 'POST', host: 'ec2.eu-central-1.amazonaws.com', path: '/', body: Buffer.from(FORM) },
          headers: headersFor('ec2', FORM_CALL),
        },
        action: { id: 'aws:ec2::DescribeInstances', access: 'read', resource: 'arn:aws:ec2:eu-central-1' },
      },
    ],
    unknown: [
      { method: 'GET', host: 'acme.s3.eu-central-1.amazonaws.com', path: '/docs/a.txt' },
      { method: 'GET', host: 'acme.s3.eu-west-1.amazonaws.com', path: '/docs/a.txt', headers: S3 },
      { method: 'GET', host: 's3.eu-central-1.amazonaws.com', path: '/acme', query: 'inventory', headers: S3 },
      { method: 'GET', host: 'ec2.eu-central-1.amazonaws.com', path: '/docs', headers: S3 },
      { method: 'GET', host: 'lambda.eu-central-1.amazonaws.com', path: '/2015-03-31/functions', headers: headersFor('lambda') },
    ],
  },
}
