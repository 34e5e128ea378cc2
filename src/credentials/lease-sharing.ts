import { hash } from 'node:crypto'
import { createCache } from '../cache.ts'
import type { LeaseRecord } from './lease-record.ts'

const GENERATION = 10_000

/** Equal parts of many records become one object: 100,000 leases are of a few targets, and of far fewer tasks and grants. */
export function createSharing(): (record: LeaseRecord) => LeaseRecord {
  const known = createCache<object>(GENERATION)
  const share = <T extends object>(part: T): T => {
    const key = hash('sha256', JSON.stringify(part), 'base64url')
    const found = known.get(key) as T | undefined
    if (found === undefined) known.set(key, part)
    return found ?? part
  }
  return (record) => ({
    ...record,
    target: share(record.target),
    grant: share(record.grant),
    coveredBy: share(record.coveredBy),
  })
}
