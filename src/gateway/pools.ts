import type { Socket } from 'node:net'
import { type Dispatcher, Pool } from 'undici'
import type { Lease } from '../credentials/lease.ts'
import type { Operation } from '../model.ts'
import type { Dial } from './dial.ts'

/** Keep-alive connections to targets, apart for each target, place and way of reaching it. */
export interface Pools {
  poolFor(lease: Lease, place: Pick<Operation, 'scheme' | 'host' | 'port'>): Dispatcher
  /** One connection that no pool keeps. Throws what `dial` throws. */
  dial(lease: Lease, place: Pick<Operation, 'scheme' | 'host' | 'port'>): Promise<Socket>
  close(): Promise<void>
}

/** Wildcard hosts let a caller name ever new places; the place used longest ago gives way. */
const MAX_POOLS = 512
const MAX_HEADER_BYTES = 64 * 1024

/** Pools whose every socket comes from `dial`. */
export function createPools(options: { dial: Dial; headersTimeoutMs: number }): Pools {
  const pools = new Map<string, Pool>()
  const prefixes = new WeakMap<Lease, string>()
  function prefixOf(lease: Lease): string {
    const known = prefixes.get(lease)
    if (known !== undefined) return known
    const prefix = JSON.stringify([lease.targetId, lease.privateNetworks, lease.trustedCa ?? ''])
    prefixes.set(lease, prefix)
    return prefix
  }
  function open(lease: Lease, origin: string): Pool {
    const { trustedCa, privateNetworks } = lease
    return new Pool(origin, {
      connect: options.dial.connector({ trustedCa, privateNetworks }),
      headersTimeout: options.headersTimeoutMs,
      bodyTimeout: 0, // a silent stream may be an idle event source; the task's end cuts it
      maxHeaderSize: MAX_HEADER_BYTES,
    })
  }
  return {
    poolFor(lease, { scheme, host, port }) {
      const origin = `${scheme}://${host}:${port}`
      const key = prefixOf(lease) + origin
      const found = pools.get(key)
      if (found !== undefined) return found
      const pool = open(lease, origin)
      pools.set(key, pool)
      if (pools.size > MAX_POOLS) dropOldest(pools)
      return pool
    },
    dial({ trustedCa, privateNetworks }, { scheme, host, port }) {
      return options.dial.dial({ host, port, tls: scheme === 'https', trustedCa, privateNetworks })
    },
    async close() {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()))
      pools.clear()
    },
  }
}

/** Its exchanges finish; its idle connections close. */
function dropOldest(pools: Map<string, Pool>): void {
  const [oldest] = pools.keys()
  if (oldest === undefined) return
  void pools.get(oldest)?.close()
  pools.delete(oldest)
}
