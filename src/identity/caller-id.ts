/** First path segments under the trust domain that only Stint hands out; no issuer's rule may name a workload there. */
const RESERVED = ['operator', 'local']

const SPIFFE_ID = /^spiffe:\/\/[a-z0-9._-]{1,255}\/([A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*)$/

/** True for a SPIFFE ID (SPIFFE-ID, section 2) that an issuer's rule may give to a workload. */
export function isGrantableId(id: string): boolean {
  const segments = id.length <= 2048 ? SPIFFE_ID.exec(id)?.[1]?.split('/') : undefined
  if (segments === undefined || RESERVED.includes(segments[0] ?? '')) return false
  return !segments.some((segment) => segment === '.' || segment === '..')
}

/** The id of whoever holds the operator socket. */
export function operatorId(trustDomain: string): string {
  return `spiffe://${trustDomain}/operator`
}
