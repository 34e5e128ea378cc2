import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Context, Provider } from 'oidc-provider'

export const RESOURCE = 'https://orders.example.com/'
export const CLIENT_SECRET = 'a-client-secret-of-tests-0123456789'
/** The key that the client `by-key` proves itself by. */
export const CLIENT_KEY = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const SCOPES = 'orders:read orders:write'
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'

/** A real authorization server on loopback, and an API that takes its tokens: GET needs orders:read, all else orders:write. */
export interface AuthorizationServer {
  readonly issuer: string
  /** The API’s origin. */
  readonly api: string
  /** What token requests asked for, the refused ones as well. */
  readonly asked: Readonly<Record<string, string>>[]
  /** A refresh token that the client `by-refresh` may use. */
  refreshToken(): Promise<string>
  /** An access token for all scopes, to exchange. */
  wideToken(): Promise<string>
  /** Answers revocations as done without doing them. */
  lie(): void
  close(): Promise<void>
}

export interface AuthorizationServerOptions {
  readonly format?: 'opaque' | 'jwt'
  readonly lifeSeconds?: number
  readonly rotates?: boolean
}

/** Starts oidc-provider and the API. */
export async function startAuthorizationServer(options: AuthorizationServerOptions = {}): Promise<AuthorizationServer> {
  let listener: RequestListener = () => undefined
  const server = await listen((request, response) => listener(request, response))
  const issuer = originOf(server)
  const provider = new Provider(issuer, configurationOf(options))
  provider.registerGrantType(EXCHANGE, (context) => exchange(provider, context), ['subject_token', 'subject_token_type', 'scope'])
  const asked: Readonly<Record<string, string>>[] = []
  const note = ({ oidc }: Context): void => void asked.push({ ...oidc.params })
  provider.on('grant.success', note).on('grant.error', note)
  const callback = provider.callback()
  let lies = false
  listener = (request, response) => {
    if (lies && request.url?.includes('revocation')) response.end()
    else callback(request, response)
  }
  const api = await listen((request, response) => void answerAsApi(provider, request, response))
  return {
    ...{ issuer, api: originOf(api), asked },
    refreshToken: () => makeRefreshToken(provider),
    wideToken: () => saveToken(provider, 'by-secret', SCOPES),
    lie() {
      lies = true
    },
    async close() {
      for (const one of [server, api]) {
        one.close()
        one.closeAllConnections()
        await once(one, 'close')
      }
    },
  }
}

function configurationOf({ format = 'opaque', lifeSeconds = 600, rotates = false }: AuthorizationServerOptions): object {
  const client = { redirect_uris: [], response_types: [], client_secret: CLIENT_SECRET }
  const [basic, post] = ['client_secret_basic', 'client_secret_post']
  const { kty, crv, x, y } = CLIENT_KEY.publicKey.export({ format: 'jwk' })
  return {
    clients: [
      { ...client, client_id: 'by-secret', grant_types: ['client_credentials', EXCHANGE], token_endpoint_auth_method: basic },
      { ...client, client_id: 'by-post', grant_types: ['client_credentials'], token_endpoint_auth_method: post },
      {
        ...client,
        client_id: 'by-refresh',
        grant_types: ['refresh_token', 'authorization_code'],
        response_types: ['code'],
        redirect_uris: ['https://stint.example.com/'],
        token_endpoint_auth_method: basic,
      },
      {
        client_id: 'by-key',
        redirect_uris: [],
        response_types: [],
        grant_types: ['client_credentials'],
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'ES256',
        jwks: { keys: [{ kty, crv, x, y, kid: 'k1', use: 'sig' }] },
      },
    ],
    scopes: [...SCOPES.split(' '), 'offline_access'],
    ttl: { ClientCredentials: lifeSeconds, AccessToken: lifeSeconds, RefreshToken: 3600, Grant: 3600 },
    rotateRefreshToken: rotates,
    findAccount: (_context: unknown, accountId: string) => ({ accountId, claims: () => ({ sub: accountId }) }),
    cookies: { keys: ['a-cookie-key-of-tests'] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: SCOPES,
          accessTokenFormat: format,
          audience: RESOURCE,
          accessTokenTTL: lifeSeconds,
        }),
      },
    },
  }
}

async function saveToken(provider: Provider, clientId: string, scope: string): Promise<string> {
  const client = await provider.Client.find(clientId)
  return new provider.ClientCredentials({ client, scope }).save()
}

/** RFC 8693 as small as it can be: a token of this server for one with fewer scopes. */
async function exchange(provider: Provider, context: Context): Promise<void> {
  const { subject_token = '', scope = '' } = context.oidc.params
  const subject = await provider.ClientCredentials.find(subject_token)
  if (subject === undefined || !scope.split(' ').every((one) => subject.scope?.split(' ').includes(one)))
    throw Object.assign(new Error('invalid_grant'), { status: 400, statusCode: 400, expose: true, error: 'invalid_grant' })
  context.body = {
    access_token: await saveToken(provider, 'by-secret', scope),
    issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    ...{ token_type: 'Bearer', expires_in: 600, scope },
  }
}

async function makeRefreshToken(provider: Provider): Promise<string> {
  const client = await provider.Client.find('by-refresh')
  const grant = new provider.Grant({ clientId: 'by-refresh', accountId: 'alice' })
  grant.addResourceScope(RESOURCE, SCOPES)
  const more = { accountId: 'alice', resource: RESOURCE, gty: 'authorization_code' }
  return new provider.RefreshToken({ client, grantId: await grant.save(), scope: SCOPES, ...more }).save()
}

async function answerAsApi(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const value = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
  const token = (await provider.ClientCredentials.find(value)) ?? (await provider.AccessToken.find(value))
  const needed = request.method === 'GET' ? 'orders:read' : 'orders:write'
  const scopes = token?.scope?.split(' ') ?? scopesOfJwt(value)
  const status = scopes === undefined ? 401 : scopes.includes(needed) ? 200 : 403
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ status }))
}

/** This API reads a JWT and asks nobody, as most do. Its signature is the business of no test here. */
function scopesOfJwt(value: string): string[] | undefined {
  const payload = value.split('.')[1]
  if (payload === undefined) return undefined
  const { scope, exp } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { scope: string; exp: number }
  return exp * 1000 > Date.now() ? scope.split(' ') : undefined
}

async function listen(listener: RequestListener): Promise<Server> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function originOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
