import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Finished, finish, type Installation, startStint } from '../fakes/stint.ts'
import { isInstalled, succeed } from '../fakes/world.ts'
import { fillShop, OPERATOR, shopTarget } from '../providers/postgres.ts'
import { startPostgres } from '../services/postgres.ts'

/** Waits until it holds; a test that never gets there runs into its time limit. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((later) => setTimeout(later, 50))
}

const service = await startPostgres({ tls: true })
const skip = service.skip || (!isInstalled('psql') && 'psql is not installed')

describe('psql, unmodified, under a task', { skip }, () => {
  let stint: Installation
  const directory = mkdtempSync(join(tmpdir(), 'stint-psql-'))
  const workspace = join(directory, 'workspace')
  const roles = async (): Promise<unknown[]> =>
    (await service.running.query("select rolname from pg_roles where rolname like 'lease%'")).map(({ rolname }) => rolname)

  before(async () => {
    const { running } = service
    await fillShop(running)
    mkdirSync(workspace)
    stint = await startStint()
    const target = shopTarget(running)
    const ca = join(directory, 'ca.pem')
    writeFileSync(ca, String(target.trustedCa))
    const settings = Object.entries(target.settings ?? {}).flatMap(([name, value]) =>
      [value].flat().flatMap((one) => ['--set', `${name}=${one}`]),
    )
    const place = ['--host', `postgres://localhost:${running.port}`, '--private-network', '127.0.0.0/8', '--ca-file', ca]
    const kind = ['--connector', 'postgres', '--credential', 'shop-roles', '--environment', 'development']
    await succeed(stint.cli(['target', 'add', 'shop', ...kind, ...place, ...settings]))
    await succeed(stint.cli(['credential', 'add', 'shop-roles'], OPERATOR.password))
  })
  after(async () => {
    await stint?.stop()
    await service.running.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  function begin(command: readonly string[], options: readonly string[] = []): ChildProcess {
    const wish = ['--task', 'count orders', '--target', 'shop', '--ttl', '5m', ...options]
    return stint.spawn(['run', ...wish, '--', ...command], { cwd: workspace, stdio: ['pipe', 'pipe', 'pipe'] })
  }
  const run = (command: readonly string[], options?: readonly string[]): Promise<Finished> => finish(begin(command, options))
  const psql = (...args: readonly string[]): string[] => ['psql', '--no-psqlrc', '--no-password', '-At', ...args]

  test('reads what its task may, as a role of its own, and leaves none behind', async () => {
    const { stdout, stderr } = await succeed(run(psql('-c', 'select item from app.orders', '-c', 'select current_user')))
    assert.match(stdout, /^tea\nlease_[a-z2-7]+\n$/)
    assert.match(stderr, /shop: PostgreSQL, without a password/)
    await until(async () => (await roles()).length === 0)
  })

  test('is told no by the server where it goes further than its task', async () => {
    const reading = ['--action', 'postgres:Session::read']
    const insert = "insert into app.orders (item) values ('milk')"
    const denied = await run(psql('-c', insert), reading)
    assert.equal(denied.code, 1)
    assert.match(denied.stderr, /permission denied for table orders/)
    const more = await run(psql('-U', 'write', '-c', insert), reading)
    assert.equal(more.code, 2)
    assert.match(more.stderr, /stint: .*(denied|scope)/)
    const written = await succeed(run(psql('-c', insert, '-c', "delete from app.orders where item = 'milk'")))
    assert.match(written.stdout, /INSERT 0 1\nDELETE 1/)
  })

  test('hears in its own words why it is refused', async () => {
    const other = await run(psql('-U', 'postgres', '-c', 'select 1'))
    assert.equal(other.code, 2)
    assert.match(other.stderr, /stint: .*\(unknown_action\): connect as the user `read`/)
    const database = await run(psql('-d', 'postgres', '-c', 'select 1'))
    assert.match(database.stderr, /this target’s database is shop/)
    const service = await succeed(run(psql('service=shop', '-c', 'select 1')))
    assert.equal(service.stdout, '1\n')
  })

  test('shows its operator who else can act there', async () => {
    const child = begin(psql('-c', 'select pg_sleep(600)'))
    const finished = finish(child)
    await until(async () => (await roles()).length === 1)
    const [role] = await roles()
    const { items } = JSON.parse((await succeed(stint.cli(['target', 'discover', 'shop', '--json']))).stdout)
    const found = (id: unknown) => items.find((one: { id: string }) => one.id === id)
    assert.deepEqual(found('stint'), { kind: 'account', id: 'stint', access: 'admin', isUsable: true })
    assert.deepEqual([found(role).leaseId, found(role).access], [role, 'limited'])
    assert.match(
      (await succeed(stint.cli(['target', 'discover', 'shop']))).stdout,
      /account +lease_\w+ +limited +yes +- +in \d+ min/,
    )
    child.kill('SIGTERM')
    await finished
    await until(async () => (await roles()).length === 0)
  })

  test('is cut off when its task is revoked, and its role is gone', async () => {
    const child = begin(psql('-c', 'select pg_sleep(600)'))
    const finished = finish(child)
    await until(async () => (await roles()).length === 1)
    const sleeping = "select 1 from pg_stat_activity where usename like 'lease%' and query like '%sleep%'"
    await until(async () => (await service.running.query(sleeping)).length === 1)
    await succeed(stint.cli(['revoke', '--target', 'shop', '--reason', 'drill', '--wait']))
    assert.deepEqual(await roles(), [], 'it was waited for')
    const { items } = JSON.parse((await succeed(stint.cli(['lease', 'list', '--json']))).stdout)
    assert.deepEqual(items.map(({ state, revocation }: { state: string; revocation?: number }) => [state, revocation])[0], [
      'dead',
      1,
    ])
    const { code, stderr } = await finished
    assert.notEqual(code, 0)
    assert.match(stderr, /server closed the connection|connection to server was lost|Connection reset/)
    assert.deepEqual(await service.running.query(sleeping), [])
  })

  test('logs in again after somebody dropped its role at the server', async () => {
    await succeed(stint.cli(['revoke', 'lift', '1', '--reason', 'over']))
    const wait = 'until [ -e go ]; do sleep 0.1; done'
    const again = 'for try in $(seq 30); do query && exit; sleep 1; done; exit 1'
    const script = ['query() { psql --no-psqlrc -Atc "select 1"; }', 'query', wait, again]
    const finished = run(['bash', '-c', script.join('\n')])
    const leases = async () =>
      JSON.parse((await succeed(stint.cli(['lease', 'list', '--state', 'active', '--json']))).stdout).items
    await until(async () => (await leases())[0]?.sightings.length === 1)
    const [{ id: role }] = await leases()
    await service.running.query(`drop owned by ${role}`, [], 'shop')
    await service.running.query(`drop role ${role}`)
    writeFileSync(join(workspace, 'go'), '')
    const { code, stdout, stderr } = await finished
    assert.deepEqual([code, stdout], [0, '1\n1\n'], stderr)
    assert.match(stderr, /SQLSTATE 28P01/)
  })

  test('cancels what it does, by a key that is not the server’s', async () => {
    const script = 'psql --no-psqlrc -c "select pg_sleep(600)" & sleep 2; kill -INT $!; wait $!'
    const { stderr } = await run(['bash', '-c', `set -m; ${script}`])
    assert.match(stderr, /canceling statement due to user request/)
  })
})
