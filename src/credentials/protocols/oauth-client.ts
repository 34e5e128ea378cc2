import { createPrivateKey, randomUUID, webcrypto } from 'node:crypto'
import {
  type AuthorizationServer,
  allowInsecureRequests,
  type Client,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  customFetch,
  type ModifyAssertionFunction,
  modifyAssertion,
  None,
  PrivateKeyJwt,
} from 'oauth4webapi'
import type { Target } from '../../model.ts'
import type { Secret } from '../../secret.ts'
import type { Io } from '../minting.ts'
import { type Kept, missing, readKept } from './oauth-standing.ts'
import { settingOf } from './setting.ts'

/** All that a request to the authorization server takes. */
export interface OauthClient {
  readonly server: AuthorizationServer
  readonly client: Client
  readonly auth: ClientAuth
  readonly options: { readonly [customFetch]: ReturnType<typeof fetchOver>; readonly [allowInsecureRequests]: boolean }
  /** What is exchanged for a token, where the grant takes one. */
  readonly subject: string
}

/**
 * The client that a target names, with what it proves itself by. A client assertion (RFC 7523) bears the lease's id in its `jti`.
 * Throws `credential_missing` where the standing credential does not hold what the settings need.
 */
export async function openClient(target: Target, standing: Secret | undefined, leaseId: string, io: Io): Promise<OauthClient> {
  const kept = readKept(standing)
  const tokenUrl = settingOf(target, 'token_url')
  const endpoint = (name: string): Record<string, string> => {
    const url = settingOf(target, `${name}_url`)
    return url === '' ? {} : { [`${name}_endpoint`]: url }
  }
  return {
    server: {
      issuer: settingOf(target, 'issuer') || new URL(tokenUrl).origin,
      token_endpoint: tokenUrl,
      ...endpoint('revocation'),
      ...endpoint('introspection'),
    },
    client: { client_id: settingOf(target, 'client_id') },
    auth: await authOf(target, kept, leaseId),
    options: { [customFetch]: fetchOver(io), [allowInsecureRequests]: target.privateNetworks.length > 0 },
    subject: kept.subject ?? '',
  }
}

async function authOf(target: Target, { clientSecret, privateKey }: Kept, leaseId: string): Promise<ClientAuth> {
  const need = (value: string | undefined, name: string): string => {
    if (value === undefined) throw missing(`the standing credential has no ${name}`)
    return value
  }
  switch (settingOf(target, 'auth_method')) {
    case 'none':
      return None()
    case 'client_secret_post':
      return ClientSecretPost(need(clientSecret, 'client_secret'))
    case 'private_key_jwt':
      return assertionAuth(target, need(privateKey, 'private_key'), leaseId)
    default:
      return ClientSecretBasic(need(clientSecret, 'client_secret'))
  }
}

/** WebCrypto's parameters of each `signing_alg` (RFC 7518, section 3.1; RFC 9864). */
const ALGORITHMS: Readonly<Record<string, webcrypto.RsaHashedImportParams | webcrypto.EcKeyImportParams | webcrypto.Algorithm>> =
  {
    RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
    PS256: { name: 'RSA-PSS', hash: 'SHA-256' },
    ES256: { name: 'ECDSA', namedCurve: 'P-256' },
    Ed25519: { name: 'Ed25519' },
  }

async function assertionAuth(target: Target, pem: string, leaseId: string): Promise<ClientAuth> {
  const [alg, kid] = [settingOf(target, 'signing_alg') || 'RS256', settingOf(target, 'key_id')]
  const key = await importKey(pem, alg)
  const nameLease: ModifyAssertionFunction = (_header, payload) => {
    payload.jti = `${leaseId}.${randomUUID()}`
  }
  return PrivateKeyJwt({ key, ...(kid !== '' && { kid }) }, { [modifyAssertion]: nameLease })
}

async function importKey(pem: string, alg: string): Promise<webcrypto.CryptoKey> {
  try {
    const der = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' })
    return await webcrypto.subtle.importKey('pkcs8', der, ALGORITHMS[alg] ?? alg, false, ['sign'])
  } catch {
    throw missing(`private_key in the standing credential is not a PEM key for ${alg}`) // the reason could quote the key
  }
}

/** The fetch that oauth4webapi calls, over the connector's own way out. */
function fetchOver(io: Io) {
  return async (
    url: string,
    request: { readonly method: 'GET' | 'POST'; readonly headers: Record<string, string>; readonly body?: unknown },
  ): Promise<Response> => {
    const { method, headers, body } = request
    const sent = body instanceof URLSearchParams ? { body: body.toString() } : {}
    const answer = await io.exchange({ method, url, headers, ...sent })
    return new Response(answer.body.length > 0 ? new Uint8Array(answer.body) : null, {
      status: answer.status,
      headers: answer.headers,
    })
  }
}
