import type { Injection } from '../../src/credentials/connector.ts'
import { aws } from '../../src/credentials/connectors/aws.ts'
import type { Io } from '../../src/credentials/minting.ts'
import { createDial } from '../../src/gateway/dial.ts'
import { createIo } from '../../src/gateway/io.ts'
import type { Target } from '../../src/model.ts'
import { Secret } from '../../src/secret.ts'
import { form, type Moto, REGION, ROLE, startMoto } from '../services/moto.ts'
import type { StartProvider } from './provider.ts'

/** A target at an emulator. */
export function targetAt({ port, origin }: Pick<Moto, 'port' | 'origin'>): Target {
  return {
    ...aws.example.target,
    hosts: [{ scheme: 'http', host: '127.0.0.1', port }],
    privateNetworks: ['127.0.0.0/8'],
    settings: { role_arn: ROLE, regions: [REGION], endpoint: origin },
  }
}

/** The standing credential as it is kept. */
export function standingOf({ keys }: Pick<Moto, 'keys'>): Secret {
  return new Secret(JSON.stringify({ access_key_id: keys.id, secret_access_key: keys.secret.reveal() }))
}

/** The way out of a target, as Stint makes it. */
export function ioOf(target: Target): Io {
  const places = [...target.hosts, ...(aws.minting?.places?.(target) ?? [])]
  return createIo(createDial({ connectTimeoutMs: 3000 }), places, { privateNetworks: target.privateNetworks }, Date.now)
}

/** Sends a request as a program with placeholder keys would, signed again as the gateway does. Answers the body. */
export async function send(moto: Moto, path: string, injections: readonly Injection[]): Promise<string> {
  const { host } = new URL(moto.origin)
  const day = new Date().toISOString().slice(0, 10).replaceAll('-', '')
  const scope = `stint-placeholder/${day}/${REGION}/s3/aws4_request`
  const authorization = `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=${'0'.repeat(64)}`
  const headers = { authorization, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' }
  const place = { scheme: 'http', host: '127.0.0.1', port: moto.port } as const
  const [url = '', query = ''] = path.split('?')
  const operation = { ...place, method: 'GET', path: url, query, headers }
  const placed = injections.flatMap((one) => (one.kind === 'header' ? [one.name, one.value.reveal()] : []))
  const signer = injections.find((one) => one.kind === 'sign')
  if (signer === undefined) throw new Error('nothing signs')
  const signed = await signer.sign({ operation, headers: ['host', host, ...placed] })
  const pairs = signed.headers.flatMap((name, at) =>
    at % 2 === 0 ? [[name, signed.headers[at + 1] ?? ''] as [string, string]] : [],
  )
  const answer = await fetch(moto.origin + signed.path, { headers: pairs.filter(([name]) => name !== 'host') })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${text}`)
  return text
}

/** A real emulator of AWS, which checks signatures, the role’s policies and the session’s. */
export const start: StartProvider = async () => {
  const service = await startMoto()
  if (service.skip !== false) return { missing: service.skip }
  const moto = service.running
  const target = targetAt(moto)
  return {
    target,
    standing: standingOf(moto),
    scope: { targets: ['aws'], actions: ['aws:s3::GetObject'] },
    action: {
      ...{ id: 'aws:s3::GetObject', access: 'read', resource: 'arn:aws:s3:::acme/docs/a.txt' },
      parameters: { service: 's3', region: REGION, grants: ['s3:GetObject arn:aws:s3:::acme/*'] },
    },
    io: ioOf(target),
    propagationMs: 0,
    hidesMinted: true,
    use: async (injections) => void (await send(moto, '/acme/docs/a%20%2B%28b%29.txt', injections)),
    exceed: async (injections) => void (await send(moto, '/other/a.txt', injections)),
    leases: () => leasesOf(moto),
    close: moto.stop,
  }
}

/** The sessions that nothing denies. */
async function leasesOf(moto: Moto): Promise<readonly string[]> {
  const data = (await (await fetch(`${moto.origin}/moto-api/data.json`)).json()) as {
    sts?: { AssumedRole?: { session_name: string }[] }
  }
  const policies = await moto.call(form('iam', { Action: 'ListRolePolicies', RoleName: 'stint-agents' }))
  const sessions = (data.sts?.AssumedRole ?? []).map(({ session_name }) => session_name)
  return sessions.filter((name) => !policies.includes(name))
}
