import { StintError } from '../../errors.ts'
import type { HostRule, Target } from '../../model.ts'
import { Secret } from '../../secret.ts'
import type { HttpAnswer, Io } from '../minting.ts'
import { type AwsKeys, sha256, signAws } from './aws-sign.ts'
import { listOf, settingOf } from './setting.ts'

/** One call by AWS’s Query protocol. Without keys it is not signed. */
export interface AwsCall {
  readonly service: 'sts' | 'iam' | 'ec2'
  readonly parameters: Readonly<Record<string, string>>
  readonly keys?: AwsKeys
}

const VERSIONS = { sts: '2011-06-15', iam: '2010-05-08', ec2: '2016-11-15' }

/** Where Stint itself calls AWS: the services of the target’s first region, or the one endpoint that it names for all. */
export function awsPlaces(target: Target): readonly HostRule[] {
  return (['sts', 'iam', 'ec2'] as const).map((service) => {
    const { protocol, hostname, port } = new URL(urlOf(target, service))
    const scheme = protocol === 'http:' ? 'http' : 'https'
    return { scheme, host: hostname, port: Number(port) || (scheme === 'https' ? 443 : 80) }
  })
}

/** The answer, whatever its status. Throws as `io.exchange`. */
export async function callAws(target: Target, { service, parameters, keys }: AwsCall, io: Io): Promise<HttpAnswer> {
  const url = new URL(urlOf(target, service))
  const body = new URLSearchParams({ ...parameters, Version: VERSIONS[service] }).toString()
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const request = { method: 'POST', host: url.host, path: '/', query: [], headers, payloadHash: sha256(body) }
  const scope = { service, region: service === 'iam' ? 'us-east-1' : regionOf(target) }
  const signed = keys === undefined ? {} : await signAws(request, keys, scope, new Date(io.now()))
  return io.exchange({ method: 'POST', url: url.href, headers: { ...headers, ...signed }, body })
}

/** The first region that the target allows: where its sessions are made. */
export function regionOf(target: Target): string {
  return listOf(target, 'regions')[0] ?? ''
}

function urlOf(target: Target, service: AwsCall['service']): string {
  const endpoint = settingOf(target, 'endpoint')
  if (endpoint !== '') return new URL('/', endpoint).href
  return service === 'iam' ? 'https://iam.amazonaws.com/' : `https://${service}.${regionOf(target)}.amazonaws.com/`
}

/** The error code that an answer names; undefined for what is not an error of AWS’s. */
export function errorOf({ status, body }: HttpAnswer): string | undefined {
  if (status < 400 || status > 499) return undefined
  const text = body.toString()
  return /^\s*(?:<\?xml[^>]*>\s*)?<(?:ErrorResponse|Response|Error)\b/.test(text)
    ? /<Code>([A-Za-z][A-Za-z.]{0,99})<\/Code>/.exec(text)?.[1]
    : undefined
}

/** The text of an element that is in the answer once; undefined else. Attacker-controlled. */
export function elementOf({ body }: HttpAnswer, name: string): string | undefined {
  const found = [...body.toString().matchAll(new RegExp(`<${name}>([^<>]{1,8192})</${name}>`, 'g'))]
  return found.length === 1 ? found[0]?.[1] : undefined
}

/** True for an answer of this operation. */
export function isAnswerOf({ status, body }: HttpAnswer, operation: string): boolean {
  return (
    status === 200 &&
    new RegExp(`^\\s*(?:<\\?xml[^>]*>\\s*)?<${operation}Response\\b[^]*</${operation}Response>\\s*$`).test(body.toString())
  )
}

/** What the session’s keys are in the answer of an AssumeRole; undefined for what is none. */
export function readSession(
  answer: HttpAnswer,
): { readonly keys: AwsKeys & { readonly token: Secret }; readonly expiresAt: number } | undefined {
  const [id, secret, token] = ['AccessKeyId', 'SecretAccessKey', 'SessionToken'].map((name) => elementOf(answer, name))
  const expiresAt = Date.parse(elementOf(answer, 'Expiration') ?? '')
  if (!/^[A-Z0-9]{16,128}$/.test(id ?? '') || Number.isNaN(expiresAt)) return undefined
  if (!/^[\x21-\x7e]{16,128}$/.test(secret ?? '') || !/^[A-Za-z0-9+/=_-]{16,8192}$/.test(token ?? '')) return undefined
  return { keys: { id: id ?? '', secret: new Secret(secret ?? ''), token: new Secret(token ?? '') }, expiresAt }
}

/** What to throw for an answer that says neither yes nor no. What it says is not passed on. */
export function unclear(answer: HttpAnswer, what: string): StintError {
  const code = errorOf(answer)
  return new StintError('upstream_failed', `AWS gave no clear answer to ${what}`, {
    operatorDetail: `${answer.status}${code === undefined ? '' : ` ${code}`}`,
  })
}
