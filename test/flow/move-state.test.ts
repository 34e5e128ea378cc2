import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createClient } from '../../src/cli/client.ts'
import { placesIn } from '../../src/home.ts'
import type { MovedTable } from '../../src/store/move-rows.ts'
import { type Installation, startStint } from '../fakes/stint.ts'
import { startPostgres } from '../services/postgres.ts'

const postgres = await startPostgres()

describe('stint state move', { skip: postgres.skip }, () => {
  let stint: Installation
  let url: string
  before(async () => {
    stint = await startStint()
    url = await postgres.running.createDatabase()
  })
  after(() => stint?.stop())

  const settings = () => join(stint.home, 'config.yaml')
  const nameDatabase = () => writeFileSync(settings(), `databaseUrl: ${url}\n`, { mode: 0o600 })
  async function halt(): Promise<void> {
    stint.server.kill('SIGTERM')
    await once(stint.server, 'close')
  }
  async function moveTo(place: string): Promise<readonly MovedTable[]> {
    const { code, stdout, stderr } = await stint.cli(['--json', 'state', 'move', '--to', place])
    assert.equal(code, 0, stderr)
    assert.doesNotMatch(stdout + stderr, new RegExp(postgres.running.password))
    return JSON.parse(stdout).tables
  }
  async function refusal(...args: readonly string[]): Promise<string> {
    const { code, stderr } = await stint.cli(args)
    assert.notEqual(code, 0)
    return stderr
  }
  const doctorsWord = async () => {
    const { stdout } = await stint.cli(['--json', 'doctor'])
    return JSON.parse(stdout).checks.find(({ what }: { what: string }) => what === 'state').state
  }

  test('needs a database that is named, and a Stint that does not run', async () => {
    await stint.cli(['target', 'add', 'orders', '--host', 'orders.example.com'])
    await stint.cli(['credential', 'add', 'orders'], 'value-of-orders')
    assert.match(await refusal('state', 'move', '--to', 'postgres'), /STINT_DATABASE_URL/)
    nameDatabase()
    assert.match(await refusal('state', 'move', '--to', 'postgres'), /another Stint runs/)
    assert.match(await refusal('state', 'move', '--to', 'sqlite'), /another Stint runs/)
    await halt()
    assert.match(await refusal('state', 'move', '--to', 'sqlite'), /there is no state in PostgreSQL/)
  })

  test('serves from PostgreSQL what it held in the file, and the log says so', async () => {
    const tables = await moveTo('postgres')
    const rowsOf = (name: string) => tables.find(({ table }) => table === name)?.rows ?? 0
    assert.equal(rowsOf('targets'), 1)
    assert.ok(rowsOf('credentials') > 1, 'what Stint sealed for itself goes along')
    await stint.restart()
    const { call } = createClient(() => stint.home)
    const { items } = await call<{ items: { id: string }[] }>('GET', '/v1/credentials')
    assert.deepEqual(
      items.map(({ id }) => id),
      ['orders'],
    )
    assert.match(JSON.stringify(await call('GET', '/v1/audit/entries?kind=system')), /state_moved.*1 targets/)
    assert.equal(await doctorsWord(), 'ok')
    await halt()
  })

  test('leaves behind what no start opens and the doctor names', async () => {
    rmSync(settings())
    assert.match(await refusal('start'), /moved away/)
    assert.equal(await doctorsWord(), 'fail')
    assert.match(await refusal('state', 'move', '--to', 'postgres'), /STINT_DATABASE_URL/)
  })

  test('comes back with one command, in place of what was left behind', async () => {
    nameDatabase()
    const { code, stdout } = await stint.cli(['state', 'move', '--to', 'sqlite'])
    assert.equal(code, 0)
    assert.match(stdout, /^TABLE +ROWS +SHA-256\n(.*\n)*targets +1 +[0-9a-f]{16}\n/)
    assert.match(stdout, /Next: unset STINT_DATABASE_URL/)
    assert.equal(await doctorsWord(), 'warn')
    assert.match(await refusal('start'), /moved away/)
    rmSync(settings())
    await stint.restart()
    assert.equal(await doctorsWord(), 'ok')
    await halt()
  })

  test('does not move what the keys of this data directory do not open', async () => {
    nameDatabase()
    rmSync(placesIn(stint.home).vaultKey)
    assert.match(await refusal('state', 'move', '--to', 'postgres'), /vault.key is missing/)
    assert.equal(existsSync(placesIn(stint.home).vaultKey), false)
  })
})
