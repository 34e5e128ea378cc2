import type { Socket } from 'node:net'
import { type Dispatcher, Pool } from 'undici'
import type { Lease } from '../credentials/lease.ts'
import { StintError } from '../errors.ts'
import type { Operation, Program } from '../model.ts'
import type { Dial } from './dial.ts'
import { createProgramRoute, type ProgramServers, tenantOf } from './program-route.ts'

/** Kept-alive connections to one place of one target. */
export interface Route {
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void
  /** Call once for each exchange, before it is broken off: no connection is opened for what nobody waits for. */
  leave(): void
}

type Place = Pick<Operation, 'scheme' | 'host' | 'port'>

/** The ways to targets, apart for each target, place and way of reaching it. Every socket comes from `dial`. */
export interface Pools {
  /** The way for one exchange. */
  enter(lease: Lease, place: Place): Route
  /** One connection that no pool keeps. Throws what `dial` throws. */
  dial(lease: Lease, place: Place): Promise<Socket>
  close(): Promise<void>
}

interface Way extends Route {
  exchanges: number
  readonly pool: Pool
}

/** Wildcard hosts let a caller name ever new places; the oldest gives way. */
const MAX_WAYS = 512
const MAX_HEADER_BYTES = 64 * 1024

/** One for all, as for BROKEN_OFF in forward.ts. */
const NOBODY_WAITS = new StintError('revoked', 'nobody waits for this connection')

/** Pools over `dial`; a lease of a program goes to `programs`. */
export function createPools(options: { dial: Dial; headersTimeoutMs: number; programs: ProgramServers }): Pools {
  const ways = new Map<string, Way>()
  const prefixes = new WeakMap<Lease, string>()
  const programs = new WeakMap<Lease, Route>()
  return { enter, dial, close }

  function enter(lease: Lease, { scheme, host, port }: Place): Route {
    if (lease.program !== undefined) return programs.get(lease) ?? routeTo(lease, lease.program)
    const origin = `${scheme}://${host}:${port}`
    const key = prefixOf(lease) + origin
    let way = ways.get(key)
    if (way === undefined) {
      way = open(lease, origin)
      ways.set(key, way)
      if (ways.size > MAX_WAYS) dropOldest(ways)
    }
    way.exchanges += 1
    return way
  }

  function routeTo(lease: Lease, program: Program): Route {
    const route = createProgramRoute(options.programs, tenantOf(program, lease))
    programs.set(lease, route)
    return route
  }

  function prefixOf(lease: Lease): string {
    const known = prefixes.get(lease)
    if (known !== undefined) return known
    const prefix = JSON.stringify([lease.targetId, lease.privateNetworks, lease.trustedCa ?? ''])
    prefixes.set(lease, prefix)
    return prefix
  }

  function open({ trustedCa, privateNetworks }: Lease, origin: string): Way {
    const connector = options.dial.connector({ trustedCa, privateNetworks })
    const pool = new Pool(origin, {
      // undici connects again for a request that was aborted while it ran
      connect: (to, callback) => {
        if (way.exchanges > 0) connector(to, callback)
        else callback(NOBODY_WAITS, null)
      },
      headersTimeout: options.headersTimeoutMs,
      bodyTimeout: 0, // a silent stream may be an idle event source; the task's end cuts it
      maxHeaderSize: MAX_HEADER_BYTES,
    })
    const way: Way = {
      exchanges: 0,
      pool,
      dispatch: (request, handler) => void pool.dispatch(request, handler),
      leave: () => {
        way.exchanges -= 1
      },
    }
    return way
  }

  async function dial({ trustedCa, privateNetworks, program }: Lease, { scheme, host, port }: Place): Promise<Socket> {
    if (program !== undefined) throw new StintError('upstream_failed', 'a program takes no trailers')
    return options.dial.dial({ host, port, tls: scheme === 'https', trustedCa, privateNetworks })
  }

  async function close(): Promise<void> {
    await Promise.all([...ways.values()].map(({ pool }) => pool.destroy()))
    ways.clear()
  }
}

/** Its exchanges finish; its idle connections close. */
function dropOldest(ways: Map<string, Way>): void {
  const [oldest] = ways.keys()
  if (oldest === undefined) return
  void ways.get(oldest)?.pool.close()
  ways.delete(oldest)
}
