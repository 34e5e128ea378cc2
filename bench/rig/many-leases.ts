import { setTimeout as sleep } from 'node:timers/promises'
import { Permit } from '../../src/audit/permit.ts'
import type { Connector } from '../../src/credentials/connector.ts'
import { http } from '../../src/credentials/connectors/http.ts'
import { Secret } from '../../src/secret.ts'
import { decidedOf } from '../../test/credentials/permit.ts'
import { quantile } from '../row.ts'
import { newTask, openLeaseWorld } from './leases.ts'

/**
 * A process of its own, so that its memory is that of the leases: makes `LEASES` of them, 10 for each task, that end over `OVER_MS`, and
 * tells what they took and how late each was taken up.
 */
const LEASES = 100_000
const TASKS = LEASES / 10
const OVER_MS = 30_000
const AT_ONCE = 500

const { obtain: _, ...rest } = http
/** A provider that takes no time, so that what is measured is ours. */
const instant: Connector = {
  ...rest,
  kind: 'instant',
  minting: {
    settings: {},
    propagationMs: 0,
    grant: ({ action }) => ({ key: action.resource, reach: [`reads ${action.resource}`], terms: { path: action.resource } }),
    mint: async ({ leaseId }) => ({ material: new Secret(`token-of-${leaseId}-and-more`), handle: { id: leaseId } }),
    place: ({ material }) => [{ kind: 'header', name: 'authorization', prefix: 'Bearer ', value: material }],
    revoke: async () => ({}),
    probe: async () => 'refused',
    strays: async () => [],
  },
}

const late: number[] = []
const target = { ...http.example.target, connector: 'instant' }
const world = await openLeaseWorld(instant, target, '', (step, { expiresAt, revokingAt }) => {
  if (step === 'revoke') late.push((revokingAt ?? 0) - expiresAt)
})
const tasks = Array.from({ length: TASKS }, newTask)
const rssMiB = (): number => {
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' }) // what is held, not what is yet to be collected
  return process.memoryUsage().rss / 1024 / 1024
}
const before = rssMiB()
const endsAt = Date.now() + 120_000
for (let at = 0; at < LEASES; at += AT_ONCE) await Promise.all(Array.from({ length: AT_ONCE }, (_, one) => obtainOne(at + one)))
await sleep(2000)
const after = rssMiB()
if (world.leases.counts().living !== LEASES) throw new Error(`${world.leases.counts().living} leases live`)
await sleep(endsAt + OVER_MS - Date.now() + 5000)
if (late.length !== LEASES) throw new Error(`${late.length} leases were taken up`)
process.send?.({ before, after, lateMs: quantile(late, 0.99) })
process.exit(0)

async function obtainOne(number: number): Promise<void> {
  const ttlSeconds = (endsAt + Math.floor((number * OVER_MS) / LEASES) - Date.now()) / 1000
  const decided = decidedOf({ task: tasks[number % TASKS], target, decision: { ttlSeconds } })
  const action = { ...decided.action, resource: `/orders/${Math.floor(number / TASKS)}` }
  await world.obtain(Permit.grant(number, { ...decided, action }))
}
