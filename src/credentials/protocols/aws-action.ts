import { StintError } from '../../errors.ts'
import type { Action, Operation, Target } from '../../model.ts'
import { nameS3Call } from './aws-s3.ts'
import { type AwsScope, payloadOf, readQuery, readScope, withoutSignature } from './aws-scope.ts'
import { type AwsService, accessOf, findService, permissionsOf } from './aws-services.ts'
import { isCoded } from './body-type.ts'
import { refuseDisguise } from './disguise.ts'
import { readJsonObject } from './json-object.ts'
import { listOf, settingOf } from './setting.ts'

/** Bytes of body that are read to name an operation, and to hash where the request does not tell the hash. */
const LONGEST_BODY = 1_048_576

/** What a request must show of its body: nothing, where it is S3’s and tells its hash. */
export function awsBodyPrefix({ headers }: Operation): number {
  const isHashed = headers['x-amz-content-sha256'] !== undefined
  return isHashed && /\/s3\/aws4_request\b/.test(headers.authorization ?? '') ? 0 : LONGEST_BODY
}

/**
 * Names a signed request: `aws:s3::GetObject` on `arn:aws:s3:::bucket/key`. `parameters.grants` are what IAM is asked for it, as
 * `s3:GetObject arn:aws:s3:::bucket/*`. Throws `unknown_action`, `body_too_large`, `malformed_request`.
 */
export function describeAws(operation: Operation, target: Target): Action {
  refuseDisguise(operation)
  const scope = readScope(operation)
  if (!listOf(target, 'regions').includes(scope.region)) throw unknown(`the target does not allow the region ${scope.region}`)
  payloadOf(operation, scope)
  return scope.service === 's3' ? describeS3(operation, scope) : describeCall(operation, scope, target)
}

function describeS3(operation: Operation, { region }: AwsScope): Action {
  const { operation: name, access, bucket, key, grants } = nameS3Call(operation, bucketOfHost(operation.host, region))
  const resource = bucket === '' ? 'arn:aws:s3:::' : `arn:aws:s3:::${bucket}${key === '' ? '' : `/${key}`}`
  const more = { ...(bucket !== '' && { bucket }), ...(key !== '' && { key }) }
  return { id: `aws:s3::${name}`, access, resource, parameters: { service: 's3', region, ...more, grants } }
}

const AWS = '.amazonaws.com'

/**
 * The bucket in front of S3’s name in the host; none for a path’s. Other hosts than AWS’s own, such as an emulator’s, take paths.
 * Throws `unknown_action` for a host of another service or region.
 */
function bucketOfHost(host: string, region: string): string | undefined {
  if (!host.endsWith(AWS)) return undefined
  const found = /^(?:([a-z0-9.-]+?)\.)?s3(?:\.dualstack)?(?:[.-]([a-z]{2}(?:-[a-z]+)+-[0-9]))?\.amazonaws\.com$/.exec(host)
  if (found === null || (found[2] !== undefined && found[2] !== region))
    throw unknown('the host is not that of S3 in the region that the request is signed for')
  return found[1]
}

/** A call of one operation by its name, at `/`. */
function describeCall(operation: Operation, { service, region, isPresigned }: AwsScope, target: Target): Action {
  const known = findService(service)
  if (isPresigned) throw unknown('a signature in the query is known for S3 only')
  checkHost(operation.host, known.host ?? service, region)
  if (operation.path !== '/') throw unknown('the path is not that of a call')
  if ((operation.body?.length ?? 0) >= LONGEST_BODY)
    throw new StintError('body_too_large', 'a call is read to decide, up to 1 MiB; split it into smaller ones')
  const { name, values } = readCall(operation, known)
  const access = accessOf(service, name)
  const arn = arnOf(service, region, settingOf(target, 'role_arn').split(':')[4] ?? '', values)
  const grants = permissionsOf(service, name).flatMap((permission) => (arn ?? ['*']).map((one) => `${permission} ${one}`))
  const resource = arn?.[0] ?? `arn:aws:${service}:${region}`
  return { id: `aws:${service}::${name}`, access, resource, parameters: { service, region, grants } }
}

/** Global services, as IAM, have no region in their hosts. */
function checkHost(host: string, service: string, region: string): void {
  if (host.endsWith(AWS) && host !== `${service}.${region}${AWS}` && host !== `${service}${AWS}`)
    throw unknown('the host is not that of the service and region that the request is signed for')
}

interface Call {
  readonly name: string
  /** The members of its body, where they are texts. */
  readonly values: Readonly<Record<string, string>>
}

function readCall(operation: Operation, { target, takesForm }: AwsService): Call {
  const { headers, query, body = new Uint8Array() } = operation
  if (isCoded(operation)) throw unknown('the body is compressed; send it as it is')
  const wanted = headers['x-amz-target']
  if (wanted === undefined) {
    if (takesForm !== true) throw unknown('the request has no X-Amz-Target')
    return readForm(operation)
  }
  const [prefix, name = '', ...more] = wanted.split('.')
  if (prefix !== target || more.length > 0) throw unknown('X-Amz-Target is not of the service that the request is signed for')
  if (operation.method !== 'POST' || query !== '' || !/^application\/x-amz-json-1\.[01]$/.test(headers['content-type'] ?? ''))
    throw unknown('a call by X-Amz-Target is a POST of application/x-amz-json-1.0 or 1.1')
  return { name, values: textsIn(readJsonObject(body, (why) => unknown(`the body cannot be read: ${why}`))) }
}

/** AWS’s Query protocol: a form in a POST, or the query of a GET. */
function readForm({ method, headers, query, body = new Uint8Array() }: Operation): Call {
  const isForm =
    method === 'POST' && /^application\/x-www-form-urlencoded(?:; ?charset=utf-8)?$/i.test(headers['content-type'] ?? '')
  if (isForm ? query !== '' : method !== 'GET' || body.length > 0)
    throw unknown('a call by Action is a form in a POST, or the query of a GET')
  const pairs = withoutSignature(readQuery(isForm ? Buffer.from(body).toString('latin1') : query))
  const values: Record<string, string> = Object.fromEntries(pairs)
  if (new Set(pairs.map(([name]) => name.toLowerCase())).size !== pairs.length) throw unknown('a parameter is given twice')
  return { name: Object.hasOwn(values, 'Action') ? (values.Action ?? '') : '', values }
}

function textsIn(value: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(value).flatMap(([name, one]) => (typeof one === 'string' ? [[name, one]] : [])))
}

/** Where a call names what it touches: the parameter, what it looks like, and the end of the ARN; no wildcards of IAM’s in it. */
const NAMED: Readonly<Record<string, readonly [parameter: string, looks: RegExp, ends: (name: string) => readonly string[]]>> = {
  dynamodb: ['TableName', /^[A-Za-z0-9_.-]{3,255}$/, (name) => [`table/${name}`, `table/${name}/*`]],
  secretsmanager: ['SecretId', /^[A-Za-z0-9/_+=.@-]{1,512}$/, (name) => [`secret:${name}`, `secret:${name}-??????`]],
  sqs: ['QueueUrl', /^https?:\/\/[^/]+\/[0-9]{12}\/[A-Za-z0-9_-]{1,80}(?:\.fifo)?$/, (url) => [url.split('/')[4] ?? '']],
  ssm: ['Name', /^\/?[A-Za-z0-9_./-]{1,1011}$/, (name) => [`parameter/${name.replace(/^\//, '')}`]],
}

/** The ARNs of what a call names, in the role’s account; undefined where it is not known to name one. */
function arnOf(service: string, region: string, account: string, values: Call['values']): readonly string[] | undefined {
  const [parameter = '', looks, ends] = (Object.hasOwn(NAMED, service) && NAMED[service]) || []
  const value = Object.hasOwn(values, parameter) ? values[parameter] : undefined
  if (value === undefined || looks === undefined || ends === undefined || !looks.test(value)) return undefined
  const owner = service === 'sqs' ? value.split('/')[3] : account
  return ends(value).map((end) => `arn:aws:${service}:${region}:${owner}:${end}`)
}

function unknown(detail: string): StintError {
  return new StintError('unknown_action', detail)
}
