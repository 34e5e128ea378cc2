import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import pg from 'pg'
import { startPostgres } from './postgres.ts'
import { NotInstalled, serviceOrSkip } from './service.ts'

const postgres = await startPostgres({ tls: true })

describe('the throwaway PostgreSQL of the tests', { skip: postgres.skip }, () => {
  test('makes empty databases, and lets nobody in without the password', async () => {
    const { running } = postgres
    const url = new URL(await running.createDatabase())
    assert.deepEqual(await running.query('select 1 as one', [], url.pathname.slice(1)), [{ one: 1 }])
    for (const host of [running.host, running.socketDirectory]) {
      const stranger = new pg.Client({ host, port: running.port, user: running.user, password: 'wrong' })
      stranger.on('error', () => undefined)
      await assert.rejects(stranger.connect(), { code: '28P01' })
    }
  })

  test('shows its certificate', async () => {
    const { port, user, password, ca } = postgres.running
    assert.ok(ca !== undefined)
    const client = new pg.Client({ host: 'localhost', port, user, password, database: user, ssl: { ca } })
    await client.connect()
    const { rows } = await client.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()')
    assert.deepEqual(rows, [{ ssl: true }])
    await client.end()
  })

  test('is gone, and its directory, when the test process is killed', async () => {
    const script = `
      const { startPostgres } = await import(${JSON.stringify(join(import.meta.dirname, 'postgres.ts'))})
      const { running } = await startPostgres()
      const [{ pid }] = await running.query("select pg_read_file('postmaster.pid', 0, 20) as pid")
      console.log(JSON.stringify({ pid: Number.parseInt(pid), directory: running.socketDirectory }))
      setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = await once(child.stdout, 'data')
    const { pid, directory } = JSON.parse(String(line)) as { pid: number; directory: string }
    assert.ok(existsSync(directory))
    process.kill(pid, 0)
    child.kill('SIGKILL')
    while (existsSync(directory)) await new Promise((later) => setTimeout(later, 20))
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
  })
})

describe('a service that is not installed', () => {
  const start = () => serviceOrSkip(() => Promise.reject(new NotInstalled('no such program')))
  const under = async <T>(value: string | undefined, work: () => Promise<T>): Promise<T> => {
    const before = process.env.STINT_TEST_SERVICES
    const set = (to: string | undefined) => {
      if (to === undefined) delete process.env.STINT_TEST_SERVICES
      else process.env.STINT_TEST_SERVICES = to
    }
    set(value)
    try {
      return await work()
    } finally {
      set(before)
    }
  }

  test('is a skip that says why', async () => {
    const service = await under(undefined, start)
    assert.equal(service.skip, 'no such program')
    assert.throws(() => service.running, NotInstalled)
  })

  test('is a failure where services are required; any other failure is one everywhere', async () => {
    await assert.rejects(under('required', start), NotInstalled)
    await assert.rejects(
      under(undefined, () => serviceOrSkip(() => Promise.reject(new Error('broken')))),
      /broken/,
    )
  })
})
