import type { Socket } from 'node:net'
import type { Lease } from '../credentials/lease.ts'
import { StintError } from '../errors.ts'
import type { Action, Flow, Outcome, Target } from '../model.ts'
import type { Inside } from './connections.ts'
import type { Dial } from './dial.ts'
import { checkHost } from './forward.ts'
import { outcomeOf, startTally } from './outcome.ts'
import { splice } from './splice.ts'

/** A tunnel to open: its bytes pass unread, and nothing is injected. */
export interface Tunnel {
  readonly place: Inside
  readonly socket: Socket
  /** What tells the client that it is open. */
  readonly established: string
  readonly dial: Dial
}

const targets = new Map<string, Target>()
const MAX_TARGETS = 1000

/** A tunnel-only host as what policy is asked about; the same value every time, since a lease is held for a target. */
export function tunnelTarget(place: Inside): { target: Target; action: Action } {
  const name = `${place.host}:${place.port}`
  const target = targets.get(name) ?? makeTarget(name, place)
  if (targets.size >= MAX_TARGETS) targets.clear()
  targets.set(name, target)
  return { target, action: { id: 'tunnel:open', access: 'write', resource: name, parameters: {} } }
}

function makeTarget(name: string, { host, port }: Inside): Target {
  return {
    id: `tunnel:${name}`,
    connector: 'http',
    hosts: [{ scheme: 'https', host, port }],
    environment: 'unknown',
    sensitivity: 'internal',
    labels: ['tunnel', 'external-sink'], // anything can leave by it, unread
    privateNetworks: [],
    placement: { kind: 'none' },
  }
}

/** Dials, tells the client, and carries bytes until either side ends or the flow is cut. Throws what `dial` throws. */
export async function openTunnel({ place, socket, established, dial }: Tunnel, lease: Lease, flow: Flow): Promise<Outcome> {
  checkHost(lease, place)
  const tally = startTally()
  const { privateNetworks } = lease
  const target = await dial.dial({ host: place.host, port: place.port, tls: false, privateNetworks })
  if (flow.isCut || socket.destroyed) {
    target.destroy()
    throw new StintError('revoked', 'it was broken off before anything was sent')
  }
  socket.write(established)
  return outcomeOf(tally, await splice(socket, target, flow, tally))
}
