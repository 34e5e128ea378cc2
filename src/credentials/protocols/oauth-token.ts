import {
  genericTokenEndpointRequest,
  introspectionRequest,
  processGenericTokenEndpointResponse,
  processIntrospectionResponse,
  processRevocationResponse,
  ResponseBodyError,
  revocationRequest,
  type TokenEndpointResponse,
  WWWAuthenticateChallengeError,
} from 'oauth4webapi'
import { type ErrorCode, StintError } from '../../errors.ts'
import type { OauthClient } from './oauth-client.ts'

/** Answers to a token request that no repetition changes (RFC 6749, section 5.2; RFC 8707, section 2). */
const FINAL = [
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'invalid_target',
  'access_denied',
]

/** Asks for a token. Throws `mint_refused` for a clear refusal, else `upstream_failed` and what the way out throws. */
export function requestToken({ server, client, auth, options }: OauthClient, grantType: string, parameters: URLSearchParams) {
  return inWords('token', 'mint_refused', async (): Promise<TokenEndpointResponse> => {
    const answer = await genericTokenEndpointRequest(server, client, auth, grantType, parameters, options)
    return processGenericTokenEndpointResponse(server, client, answer)
  })
}

/**
 * Revokes a token (RFC 7009); one that is unknown is fine. False where the server cannot revoke this kind. Throws `upstream_failed` and
 * what the way out throws.
 */
export async function revokeToken({ server, client, auth, options }: OauthClient, token: string): Promise<boolean> {
  return inWords('revocation', 'upstream_failed', async () => {
    const answer = await revocationRequest(server, client, auth, token, options)
    if (answer.status === 200) {
      if (!isEmptyOrJson(await answer.text())) throw new Error('a page of something else')
      return true
    }
    try {
      await processRevocationResponse(answer)
      return true
    } catch (thrown) {
      if (thrown instanceof ResponseBodyError && thrown.status === 400 && thrown.error === 'unsupported_token_type') return false
      throw thrown
    }
  })
}

/** Whether the server says that the token is active (RFC 7662). Throws `upstream_failed` and what the way out throws. */
export async function isActive({ server, client, auth, options }: OauthClient, token: string): Promise<boolean> {
  return inWords('introspection', 'upstream_failed', async () => {
    const answer = await introspectionRequest(server, client, auth, token, options)
    return (await processIntrospectionResponse(server, client, answer)).active
  })
}

/** RFC 7009, section 2.2, has clients ignore the content; but a page that asks to sign in was not written by the server. */
function isEmptyOrJson(text: string): boolean {
  if (text === '') return true
  try {
    return JSON.parse(text) !== undefined
  } catch {
    return false
  }
}

/** Failures by the catalogue. What the server wrote is not passed on, since it may echo what it was sent. */
async function inWords<T>(endpoint: string, refused: ErrorCode, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (thrown) {
    if (thrown instanceof StintError) throw thrown
    const said = refusalIn(thrown)
    if (said === undefined) throw new StintError('upstream_failed', `the ${endpoint} endpoint gave no answer that can be used`)
    throw new StintError(refused, `the ${endpoint} endpoint refuses`, { operatorDetail: said })
  }
}

/** The refusal in the words of the standard; undefined where it is none, or not for good. */
function refusalIn(thrown: unknown): string | undefined {
  if (thrown instanceof WWWAuthenticateChallengeError && thrown.status === 401) return '401: it does not accept the client'
  if (thrown instanceof ResponseBodyError && [400, 401, 403].includes(thrown.status) && FINAL.includes(thrown.error))
    return `${thrown.status} ${thrown.error}`
  return undefined
}
