import type { Signable, Signed } from '../connector.ts'
import { payloadOf, readQuery, readScope, withoutSignature } from './aws-scope.ts'
import { type AwsKeys, escapeAll, sha256, signAws, writeQuery } from './aws-sign.ts'

/** What the new signature stands for instead, or what dates it. */
const REPLACED = new Set(['authorization', 'date', 'x-amz-date', 'x-amz-content-sha256', 'x-amz-security-token'])

/**
 * Signs a request again, with other keys, for the region and service that it says itself and that `describe` has checked. A signature
 * in the query moves into a header. Throws as `readScope` and `payloadOf` do.
 */
export async function resignAws({ operation, headers }: Signable, keys: AwsKeys): Promise<Signed> {
  const scope = readScope(operation)
  const payload = payloadOf(operation, scope)
  const payloadHash = 'told' in payload ? payload.told : sha256(payload.body)
  const query = withoutSignature(readQuery(operation.query))
  const path = escapePath(operation.path)
  const named = new Map<string, string>()
  for (let i = 0; i + 1 < headers.length; i += 2) named.set(headers[i] ?? '', headers[i + 1] ?? '')
  const request = {
    method: operation.method,
    host: named.get('host') ?? '',
    path,
    query,
    headers: Object.fromEntries(named),
    payloadHash,
  }
  const signed = await signAws(request, keys, scope, new Date())
  const kept = headers.flatMap((name, at) => (at % 2 === 0 && !REPLACED.has(name) ? [name, headers[at + 1] ?? ''] : []))
  return {
    path: query.length === 0 ? path : `${path}?${writeQuery(query)}`,
    headers: [...kept, ...Object.entries(signed).flat()],
  }
}

/** Escaped as AWS has it in its own reckoning, so that both reckon the same. */
function escapePath(path: string): string {
  return path
    .split('/')
    .map((part) => escapeAll(decodeURIComponent(part)))
    .join('/')
}
