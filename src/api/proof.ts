import type { IncomingMessage } from 'node:http'
import type { SignedHead } from '../credentials/webhook-signature.ts'
import { StintError } from '../errors.ts'
import type { Gate, Who } from './routes.ts'
import type { Proof } from './verbs.ts'

/** Where a connection came in. Only the operator's socket has a peer whose user the kernel vouches for. */
export type Entrance = { readonly kind: 'socket'; readonly pid: number | undefined } | { readonly kind: 'tcp' }

const WHO: Readonly<Record<Proof['kind'], Who>> = {
  operator: 'operator',
  dpop: 'task',
  federated: 'federated',
  webhook: 'webhook',
}

/**
 * The proof that a request carries, if the gate takes its kind. Attacker-controlled. Throws `unauthenticated`, `not_operator`, or
 * `malformed_request` for a proof given twice.
 */
export function proofOf(request: IncomingMessage, entrance: Entrance, url: string, gate: Gate): Proof {
  const authorization = single(request, 'authorization')
  const proof = entrance.kind === 'socket' ? operatorProof(entrance.pid, authorization) : tokenProof(request, authorization, url)
  if (proof === undefined) throw new StintError('unauthenticated', adviceFor(gate))
  if (gate.who.includes(WHO[proof.kind])) return proof
  throw new StintError('not_operator', adviceFor(gate))
}

/** The head of a signed message (Standard Webhooks 1.0). Attacker-controlled. Throws `unauthenticated`; `malformed_request` for a field given twice. */
export function signedHeadOf(request: IncomingMessage): SignedHead {
  const [id, timestamp, signature] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => single(request, name))
  if (id !== undefined && timestamp !== undefined && signature !== undefined) return { id, timestamp, signature }
  throw new StintError('unauthenticated', 'sign it: webhook-id, webhook-timestamp and webhook-signature (docs/approvals.md)')
}

function operatorProof(pid: number | undefined, authorization: string | undefined): Proof {
  if (authorization === undefined) return { kind: 'operator', pid }
  throw new StintError('malformed_request', 'on the operator socket the connection is the proof: send no Authorization header')
}

/** RFC 9449, section 7.1, and RFC 6750, section 2.1; the scheme is case-insensitive (RFC 9110, section 11.1). */
function tokenProof(request: IncomingMessage, authorization: string | undefined, url: string): Proof | undefined {
  if (authorization === undefined) return undefined
  const [, scheme, token] = /^(dpop|bearer) +([\w.~+/=-]+)$/i.exec(authorization) ?? []
  if (scheme === undefined || token === undefined) return undefined
  const dpop = single(request, 'dpop')
  const possession = dpop && { dpop, method: request.method ?? '', url }
  if (scheme.toLowerCase() === 'bearer') return { kind: 'federated', token, ...(possession && { possession }) }
  if (possession) return { kind: 'dpop', token, ...possession }
  throw new StintError('unauthenticated', 'a task token needs a DPoP header with a proof of its key')
}

/** A header that may stand once. Throws `malformed_request` when it is repeated. */
export function single(request: IncomingMessage, name: string): string | undefined {
  const values = request.headersDistinct[name]
  if (values !== undefined && values.length > 1) throw new StintError('malformed_request', `the ${name} header may be sent once`)
  return values?.[0]
}

function adviceFor({ who }: Gate): string {
  if (who.includes('federated')) return 'send an OIDC token of a configured issuer as Bearer, or use the operator socket'
  if (who.includes('task')) return 'send the token of this very task as DPoP, or use the operator socket'
  return 'this is for the operator: use the socket in the data directory, as the `stint` command does'
}
