import type { Duplex } from 'node:stream'
import type { Caller, Flow } from '../model.ts'

/** The one place that requests inside a CONNECT may name. `host` is canonical. */
export interface Inside {
  readonly scheme: 'http' | 'https'
  readonly host: string
  readonly port: number
}

/** What the gateway knows about an open client connection. */
export interface Connection {
  /** Set when the connection was proved as a whole: an attach, or a CONNECT with its own proof. */
  readonly caller?: Caller
  /** Set inside a CONNECT. */
  readonly inside?: Inside
  /** Exchanges that are going on. */
  busy: number
}

/** Every connection by the object its requests arrive on: a socket, or an HTTP/2 session. */
export interface Connections {
  of(carrier: object): Connection
  /** Says what a carrier is; it replaces what was known before. */
  know(carrier: object, connection: Omit<Connection, 'busy'>): void
  /** Destroys the socket when the flow is cut, and closes the flow when the socket closes (G3). */
  bind(socket: Duplex, flow: Flow): void
}

/** An empty register. */
export function createConnections(): Connections {
  const known = new WeakMap<object, Connection>()
  return {
    of(carrier) {
      const found = known.get(carrier)
      if (found !== undefined) return found
      const fresh: Connection = { busy: 0 }
      known.set(carrier, fresh)
      return fresh
    },
    know(carrier, connection) {
      known.set(carrier, { ...connection, busy: 0 })
    },
    bind(socket, flow) {
      flow.onCut(() => socket.destroy())
      if (socket.destroyed) flow.close()
      else socket.once('close', () => flow.close())
    },
  }
}
