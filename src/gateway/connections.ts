import type { Duplex } from 'node:stream'
import type { Caller, Flow } from '../model.ts'
import { breakOff } from './break-off.ts'

/** The one place that requests inside a CONNECT may name. `host` is canonical. */
export interface Inside {
  readonly scheme: 'http' | 'https'
  readonly host: string
  readonly port: number
}

/** What the gateway knows about an open client connection. */
export interface Connection {
  /** Set when the connection was proved as a whole: an attach, or a CONNECT with its own proof. */
  caller: Caller | undefined
  /** The task of its caller is over: every request is refused, for the caller to be told so. */
  isOver: boolean
  /** Set inside a CONNECT. */
  inside: Inside | undefined
  /** Exchanges and tunnels that are going on. */
  busy: number
  /** It closes after the answer that is on its way: the rest of the request is not read, or was lost. */
  isLast: boolean
}

/** Every connection by the object its requests arrive on: a TCP or TLS socket. */
export interface Connections {
  of(carrier: object): Connection
  /** Makes `inner` the same connection as the one it runs over. */
  share(inner: object, carrier: object): void
  /** Destroys the socket when the flow is cut, and closes the flow when the socket closes (G3). */
  bind(socket: Duplex, flow: Flow): void
}

/** An empty register. */
export function createConnections(): Connections {
  const known = new WeakMap<object, Connection>()
  function of(carrier: object): Connection {
    const found = known.get(carrier)
    if (found !== undefined) return found
    const fresh: Connection = { caller: undefined, isOver: false, inside: undefined, busy: 0, isLast: false }
    known.set(carrier, fresh)
    return fresh
  }
  return {
    of,
    share: (inner, carrier) => void known.set(inner, of(carrier)),
    bind(socket, flow) {
      flow.onCut(() => breakOff(socket))
      if (socket.destroyed) flow.close()
      else socket.once('close', () => flow.close())
    },
  }
}
