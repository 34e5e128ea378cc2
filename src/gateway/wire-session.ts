import type { Socket } from 'node:net'
import type { Attempt, Served } from '../broker.ts'
import type { Connector, Injection, SessionOpening } from '../credentials/connector.ts'
import type { Lease } from '../credentials/lease.ts'
import { StintError } from '../errors.ts'
import type { Caller, Flow, Outcome, Scheme, Target, WireScheme } from '../model.ts'
import { checkHost } from './forward.ts'
import type { GatewayProof } from './proof.ts'

/** Protocols that CONNECT leads to an entrance of their own for. */
export const WIRE_SCHEMES = ['postgres', 'mysql', 'redis', 'ssh'] as const satisfies readonly WireScheme[]

/** What an entrance for a protocol of its own needs of the rest of the product. */
export interface WireVerbs {
  serve(attempt: Attempt<GatewayProof>): Promise<Served>
  match(scheme: Scheme, host: string, port: number): Target | undefined
  connectorOf(target: Target): Connector
}

/** A connection that asks for a declared server, its caller proved. */
export interface WireSession {
  readonly socket: Socket
  readonly place: { readonly host: string; readonly port: number }
  readonly caller: Caller
}

/** Where a decided session goes, and what it may use there. */
export interface WirePlace {
  readonly host: string
  readonly port: number
  readonly tls: boolean
  readonly lease: Lease
}

/** One session to decide and to carry out. */
export interface WireAttempt {
  readonly scheme: Scheme
  readonly opening: SessionOpening
  readonly correlationId: string
  carry(place: WirePlace, flow: Flow): Promise<Outcome>
}

/** Has the opening of a session decided and recorded, and lets `carry` carry it out with its lease. Throws nothing. */
export function serveSession(verbs: WireVerbs, { place, caller }: WireSession, attempt: WireAttempt): Promise<Served> {
  const { scheme, opening, correlationId, carry } = attempt
  let tls = true
  return verbs.serve({
    correlationId,
    proof: { kind: 'attached', caller },
    describe() {
      const target = verbs.match(scheme, place.host, place.port)
      if (target === undefined)
        throw new StintError('target_unknown', `no target declares ${scheme}://${place.host}:${place.port}`)
      const { describeSession } = verbs.connectorOf(target)
      if (describeSession === undefined) throw new StintError('unknown_action', 'this target opens no sessions')
      tls = target.settings?.tls !== 'off'
      return { target, action: describeSession(opening, target) }
    },
    async carryOut(_permit, lease, flow) {
      checkHost(lease, { ...place, scheme })
      return carry({ ...place, tls, lease }, flow)
    },
  })
}

/** Whom the entrance logs in as. Throws `credential_missing`. */
export function loginOf({ injections }: Lease): Extract<Injection, { kind: 'login' }> {
  const login = injections.find((one) => one.kind === 'login')
  if (login === undefined) throw new StintError('credential_missing', 'the lease holds no login')
  return login
}

/** What a session that ended before it began is. */
export function brokenOff(): StintError {
  return new StintError('revoked', 'it was broken off before anything was sent')
}
