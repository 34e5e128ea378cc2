import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AwsKeys, sha256, signAws, writeQuery } from '../../src/credentials/protocols/aws-sign.ts'
import { Secret } from '../../src/secret.ts'
import { freePort } from './free-port.ts'
import { findPython } from './python.ts'
import { type Service, serviceOrSkip } from './service.ts'
import { supervise } from './supervise.ts'
import { untilOpen } from './until-open.ts'

export const REGION = 'eu-central-1'
export const ROLE = 'arn:aws:iam::123456789012:role/stint-agents'

/** An AWS emulator that checks signatures and policies. It has a role, a user who may assume it, a bucket with two objects and a table. */
export interface Moto {
  readonly port: number
  readonly origin: string
  /** Of the user `stint`, who may do everything. */
  readonly keys: AwsKeys
  /** One signed call; answers the body. Rejects when it is refused. */
  call(request: MotoRequest, keys?: AwsKeys): Promise<string>
  stop(): Promise<void>
}

export interface MotoRequest {
  readonly service: string
  readonly method?: string
  readonly path?: string
  readonly query?: readonly (readonly [string, string])[]
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** Starts one for a test file; it stops with the file's process. */
export function startMoto(): Promise<Service<Moto>> {
  return serviceOrSkip(() => start())
}

async function start(triesLeft = 3): Promise<Moto> {
  const python = await findPython('moto', 'flask')
  const directory = mkdtempSync(join(tmpdir(), 'moto-'))
  const port = await freePort()
  const program = join(import.meta.dirname, 'moto_server.py')
  const server = supervise([python, '-B', program, String(port)], { directory, signal: 'TERM' })
  try {
    await untilOpen(port, server)
  } catch (thrown) {
    if (!/Address already in use/.test(String(thrown)) || triesLeft === 1) throw thrown
    return start(triesLeft - 1)
  }
  const origin = `http://127.0.0.1:${port}`
  const keys = await furnish(origin)
  return { port, origin, keys, call: (request, with_ = keys) => call(origin, request, with_), stop: server.stop }
}

/** A call by AWS's Query protocol. */
export function form(service: string, parameters: Readonly<Record<string, string>>): MotoRequest {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  return { service, method: 'POST', headers, body: new URLSearchParams(parameters).toString() }
}

async function call(origin: string, request: MotoRequest, keys: AwsKeys): Promise<string> {
  const { service, method = 'GET', path = '/', query = [], headers = {}, body = '' } = request
  const { host } = new URL(origin)
  const asked = { method, host, path, query, headers, payloadHash: sha256(body) }
  const signed = await signAws(asked, keys, { service, region: REGION }, new Date())
  const url = `${origin}${path}${query.length > 0 ? `?${writeQuery(query)}` : ''}`
  const answer = await fetch(url, { method, headers: { ...headers, ...signed }, ...(body !== '' && { body }) })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${text}`)
  return text
}

const ALL = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] })

/** Nothing is checked until all is there. */
async function furnish(origin: string): Promise<AwsKeys> {
  const nobody = { id: 'AKIAIOSFODNN7EXAMPLE', secret: new Secret('nothing-is-checked-yet') }
  const does = (service: string, parameters: Record<string, string>) => call(origin, form(service, parameters), nobody)
  await does('iam', { Action: 'CreateUser', UserName: 'stint' })
  await does('iam', { Action: 'PutUserPolicy', UserName: 'stint', PolicyName: 'all', PolicyDocument: ALL })
  const trust = ALL.replace('"Resource":"*"', '"Principal":{"AWS":"*"}').replace('"Action":"*"', '"Action":"sts:AssumeRole"')
  await does('iam', { Action: 'CreateRole', RoleName: 'stint-agents', AssumeRolePolicyDocument: trust })
  await does('iam', { Action: 'PutRolePolicy', RoleName: 'stint-agents', PolicyName: 'all', PolicyDocument: ALL })
  const put = (path: string, body = '') => call(origin, { service: 's3', method: 'PUT', path, body }, nobody)
  const where = `<CreateBucketConfiguration><LocationConstraint>${REGION}</LocationConstraint></CreateBucketConfiguration>`
  for (const bucket of ['acme', 'other']) await put(`/${bucket}`, where)
  await put('/acme/docs/a%20%2B%28b%29.txt', 'kettle')
  await put('/other/a.txt', 'secret plans')
  const answer = await does('iam', { Action: 'CreateAccessKey', UserName: 'stint' })
  const read = (name: string): string => new RegExp(`<${name}>([^<]+)</${name}>`).exec(answer)?.[1] ?? ''
  await fetch(`${origin}/moto-api/reset-auth`, { method: 'POST', body: '0' })
  return { id: read('AccessKeyId'), secret: new Secret(read('SecretAccessKey')) }
}
