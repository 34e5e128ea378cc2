import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { Permit } from '../src/audit/permit.ts'
import { postgres } from '../src/credentials/connectors/postgres.ts'
import type { Task } from '../src/model.ts'
import { decidedOf } from '../test/credentials/permit.ts'
import { fillShop, OPERATOR, shopTarget } from '../test/providers/postgres.ts'
import { type Postgres, startPostgres } from '../test/services/postgres.ts'
import { type LeaseWorld, manyGrants, newTask, openLeaseWorld } from './rig/leases.ts'
import { quantile, type Row, tableOf } from './row.ts'

const MINTED = 300
const KILLED = 1000

/** Roles of a real PostgreSQL, beside what bare statements do on it in the same run. Nothing where it is not installed. */
export async function bench(): Promise<Row[]> {
  const service = await startPostgres({ fsync: true })
  if (service.skip !== false) {
    process.stderr.write(`not measured: ${service.skip}\n`)
    return []
  }
  try {
    await fillShop(service.running)
    return [...(await minting(service.running)), ...(await killing(service.running))]
  } finally {
    await service.running.stop()
  }
}

/** Both one at a time, in turns, so that both meet the same machine. */
async function minting(running: Postgres): Promise<Row[]> {
  const { world, obtain } = await open(running)
  const bare = new pg.Client({
    host: '127.0.0.1',
    port: running.port,
    user: OPERATOR.username,
    password: OPERATOR.password,
    database: 'shop',
  })
  await bare.connect()
  const ratios: number[] = []
  for (let round = 0; round < 10; round += 1) {
    const task = newTask()
    const without = await seconds(MINTED / 10, (one) => bare.query(roleOf(`bare_${round}_${one}`)))
    const ours = await seconds(MINTED / 10, (one) => obtain(task, one))
    ratios.push(without / ours)
  }
  await bare.end()
  await world.close()
  await running.query(DROP_ALL, [], 'shop')
  const value = quantile(ratios, 0.5)
  return [{ name: 'PostgreSQL mints/s ÷ bare CREATE ROLE … GRANT', value, unit: '×', bar: '≥ 0.6', holds: value >= 0.6 }]
}

async function killing(running: Postgres): Promise<Row[]> {
  const { world, obtain } = await open(running)
  const task = newTask()
  await Promise.all(Array.from({ length: KILLED }, (_, one) => obtain(task, one)))
  const started = performance.now()
  const dropped = world.drop({ kind: 'task', id: task.id }, { why: 'the bench is over' })
  const refusedMs = performance.now() - started
  if (dropped !== KILLED) throw new Error(`${dropped} leases were dropped`)
  while (world.leases.counts().living > 0) await sleep(20)
  const deadSeconds = (performance.now() - started) / 1000
  const [left] = await running.query("select count(*)::int4 as roles from pg_roles where rolname like 'lease%'")
  if (left?.roles !== 0) throw new Error(`${left?.roles} roles are left`)
  await world.close()
  return [
    {
      name: '1,000 leases of a killed task, none used any more',
      value: refusedMs,
      unit: 'ms',
      bar: '≤ 100',
      holds: refusedMs <= 100,
    },
    { name: '… all proved dead at PostgreSQL', value: deadSeconds, unit: 's', bar: '≤ 15', holds: deadSeconds <= 15 },
  ]
}

async function open(running: Postgres): Promise<{ world: LeaseWorld; obtain(task: Task, one: number): unknown }> {
  const target = shopTarget(running)
  const world = await openLeaseWorld(manyGrants(postgres), target, OPERATOR.password)
  const action = { id: 'postgres:Session::write', access: 'write', resource: 'shop' } as const
  const obtain = (task: Task, one: number) =>
    world.obtain(Permit.grant(one, { ...decidedOf({ task, target }), action: { ...action, parameters: { name: String(one) } } }))
  return { world, obtain }
}

const DROP_ALL = `do $$ declare name text; begin
  for name in select rolname from pg_roles where rolname ~ '^(lease|bare)_' loop
    execute format('drop owned by %1$I; drop role %1$I', name);
  end loop;
end $$`

/** What makes such a role, and no more. */
function roleOf(name: string): string {
  const verifier =
    'SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2E=$A5v6ZIDBfGEHCNMjiqbTFdqMnzNzSLfKlnpgmMS8dUg=:EyV0vLzRIeaSNlEvZ4xIdCZ2sSDmvLWbOCtFHGW4LMw='
  return `create role ${name} login password '${verifier}' valid until '2040-01-01'; grant connect on database shop to ${name};
    grant usage on schema app to ${name}; grant select on app.notes to ${name};
    grant select, insert, update, delete on app.orders to ${name}; grant usage, select on app.orders_id_seq to ${name}`
}

async function seconds(count: number, work: (one: number) => unknown): Promise<number> {
  const started = performance.now()
  for (let one = 0; one < count; one += 1) await work(one)
  return (performance.now() - started) / 1000
}

if (import.meta.main) process.stdout.write(`${tableOf(await bench())}\n`)
