import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Permit } from '../src/audit/permit.ts'
import type { Connector } from '../src/credentials/connector.ts'
import { CONNECTORS } from '../src/credentials/connectors/index.ts'
import type { Operation } from '../src/model.ts'
import { Secret } from '../src/secret.ts'
import { decidedOf } from '../test/credentials/permit.ts'
import { newTask, openLeaseWorld } from './rig/leases.ts'
import { type Row, tableOf } from './row.ts'

/** Leases that are held: what one more use of one costs, and what very many of them do. */
export async function bench(): Promise<Row[]> {
  return [await obtaining(), ...(await many())]
}

/** Of every connector that mints, the slowest: it derives the grant from the action each time. */
async function obtaining(): Promise<Row> {
  let [value, slowest] = [0, '']
  for (const [kind, connector] of Object.entries(CONNECTORS)) {
    if (connector.minting === undefined) continue
    const cost = await costOf(connector)
    if (cost <= value) continue
    value = cost
    slowest = kind
  }
  const name = `obtain from an active lease (${slowest}, the slowest)`
  return { name, value, unit: 'µs', bar: '≤ 20', holds: value <= 20 }
}

async function costOf(connector: Connector): Promise<number> {
  const { target, known, sessions = [] } = connector.example
  const [{ opening } = { opening: undefined }] = sessions
  const [sample] = known
  const operation = { ...PLAIN, host: target.hosts[0]?.host ?? '', ...sample?.operation }
  const action = opening === undefined ? connector.describe(operation, target) : connector.describeSession?.(opening, target)
  if (action === undefined) throw new Error(`${connector.kind} describes nothing`)
  const world = await openLeaseWorld(withoutProvider(connector), target, '')
  const permit = Permit.grant(0, { ...decidedOf({ task: newTask(), target }), action })
  const lease = await world.obtain(permit)
  const rounds = 50_000
  let best = Number.POSITIVE_INFINITY
  for (let series = 0; series < 5; series += 1) {
    const started = performance.now()
    for (let round = 0; round < rounds; round += 1) if (world.obtain(permit) !== lease) throw new Error('it is another lease')
    best = Math.min(best, ((performance.now() - started) * 1000) / rounds)
  }
  await world.close()
  return best
}

const PLAIN: Operation = { scheme: 'https', host: '', port: 443, method: 'GET', path: '/', query: '', headers: {} }

/** Its grants as they are; nothing is asked of anyone. */
function withoutProvider(connector: Connector): Connector {
  const { minting } = connector
  if (minting === undefined) throw new Error(`${connector.kind} mints nothing`)
  const material = new Secret('x'.repeat(40))
  const { prepare: _, strays: __, ...rest } = minting
  const mint = async () => ({ material, handle: {} })
  return { ...connector, minting: { ...rest, mint, place: () => [], probe: async () => 'live', revoke: async () => ({}) } }
}

async function many(): Promise<Row[]> {
  const child = fork(join(import.meta.dirname, 'rig', 'many-leases.ts'), { execArgv: ['--expose-gc'] })
  const [{ before, after, lateMs }] = (await once(child, 'message')) as [Record<'before' | 'after' | 'lateMs', number>]
  return [
    { name: '100,000 live leases', value: after - before, unit: 'MiB', bar: '≤ 250', holds: after - before <= 250 },
    { name: '… with the rest of the process', value: after, unit: 'MiB', bar: 'for comparison', holds: true },
    { name: '… taken up late when they expired, p99', value: lateMs, unit: 'ms', bar: '≤ 1000', holds: lateMs <= 1000 },
  ]
}

if (import.meta.main) process.stdout.write(`${tableOf(await bench())}\n`)
