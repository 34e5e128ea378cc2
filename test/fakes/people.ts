import type { createClient } from '../../src/cli/client.ts'
import { newKey, sign, startIssuer } from '../identity/fake-issuer.ts'
import type { Installation } from './stint.ts'

/** People who sign in by an issuer of their own, and act on the API as themselves. */
export interface People {
  /** The id that the issuer's rule gives a name. */
  idOf(name: string): string
  as(name: string, method: string, path: string, body?: unknown): Promise<{ status: number; json: Record<string, unknown> }>
  close(): void
}

/** The id of one, before there is an issuer: for the setting `approvers`. */
export function personId(name: string): string {
  return `spiffe://stint.local/person/${name}`
}

/** Declares an issuer for these names. */
export async function startPeople(
  stint: Installation,
  call: ReturnType<typeof createClient>['call'],
  names: readonly string[],
): Promise<People> {
  const key = await newKey('people')
  const issuer = await startIssuer([key])
  const rights = { owner: 'nobody', targets: ['none'], actions: ['http:GET'], maxTtlSeconds: 60 }
  const rules = names.map((name) => ({ claims: { sub: name }, workload: personId(name), ...rights }))
  const more = { audience: 'stint', allowReuse: false, privateNetworks: ['127.0.0.0/8'] }
  await call('POST', '/v1/issuers', { id: 'people', kind: 'oidc', issuer: issuer.url, ...more, rules })
  return {
    idOf: personId,
    async as(sub, method, path, body) {
      const seconds = Math.floor(Date.now() / 1000)
      const claims = { iss: issuer.url, aud: 'stint', sub, iat: seconds, exp: seconds + 300, jti: crypto.randomUUID() }
      const headers = { authorization: `Bearer ${await sign(key, claims)}`, 'content-type': 'application/json' }
      const url = `http://127.0.0.1:${stint.apiPort}${path}`
      const answer = await fetch(url, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) })
      return { status: answer.status, json: (await answer.json()) as Record<string, unknown> }
    },
    close: issuer.close,
  }
}
