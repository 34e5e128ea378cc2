import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Finished, finish, type Installation, startStint } from '../fakes/stint.ts'
import { isInstalled, succeed } from '../fakes/world.ts'
import { startMariaDb } from '../services/mariadb.ts'
import { startRedis } from '../services/redis.ts'

const redis = await startRedis()
const maria = await startMariaDb()
const LOCAL = ['--private-network', '127.0.0.0/8', '--environment', 'development', '--set', 'tls=off']

/** A Stint with one target, and commands run under tasks on it. */
async function world(target: readonly string[], password: string) {
  const stint = await startStint()
  const directory = mkdtempSync(join(tmpdir(), 'stint-wire-'))
  await succeed(stint.cli(['target', 'add', 'shop', '--credential', 'operator', ...LOCAL, ...target]))
  await succeed(stint.cli(['credential', 'add', 'operator'], password))
  return {
    run(command: readonly string[], ...options: string[]): Promise<Finished> {
      const wish = ['--task', 'look', '--target', 'shop', '--ttl', '5m', ...options]
      return finish(stint.spawn(['run', ...wish, '--', ...command], { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] }))
    },
    async close(): Promise<void> {
      await stint.stop()
      rmSync(directory, { recursive: true, force: true })
    },
    async dead(): Promise<number> {
      for (;;) {
        const { stdout } = await succeed(stint.cli(['--json', 'lease', 'list']))
        const { items } = JSON.parse(stdout) as { items: { state: string }[] }
        if (items.every(({ state }) => state === 'dead')) return items.length
      }
    },
    stint: stint as Installation,
  }
}

describe('redis-cli, unmodified, under a task', {
  skip: redis.skip || (!isInstalled('redis-cli') && 'redis-cli is not installed'),
}, () => {
  let shop: Awaited<ReturnType<typeof world>>
  before(async () => {
    const { host, port, password } = redis.running
    const place = ['--connector', 'redis', '--host', `redis://${host}:${port}`]
    shop = await world([...place, '--set', 'keys=cache:*', '--set', 'access=write'], password)
  })
  after(async () => {
    await shop?.close()
    await redis.running.stop()
  })
  const cli = (...words: string[]): string[] => ['sh', '-c', `exec redis-cli -u "$REDIS_URL" ${words.join(' ')}`]

  test('does what its task may without a password, as a user of its own that is gone after it', async () => {
    const { stdout, stderr } = await succeed(shop.run(cli('set', 'cache:a', '1')))
    assert.equal(stdout.trim(), 'OK')
    assert.match(stderr, /shop: Redis, without a password, at redis:\/\/127\.0\.0\.1:\d+/)
    assert.equal((await succeed(shop.run(cli('get', 'cache:a')))).stdout.trim(), '1')
    assert.equal(await shop.dead(), 2)
  })

  test('is told no by the server where it goes further, and by Stint where its task is for something else', async () => {
    assert.match((await shop.run(cli('get', 'other:a'))).stdout, /NOPERM/)
    assert.match((await shop.run(cli('acl', 'list'))).stdout, /NOPERM/)
    const other = await shop.run(cli('get', 'cache:a'), '--action', 'redis:Session::read')
    assert.match(other.stdout + other.stderr, /denied|scope/)
  })
})

describe('mysql, unmodified, under a task', { skip: maria.skip || (!isInstalled('mysql') && 'mysql is not installed') }, () => {
  let shop: Awaited<ReturnType<typeof world>>
  before(async () => {
    const { host, port, user, password, query } = maria.running
    for (const sql of ['create database shop', 'create table shop.orders (id int)', 'insert into shop.orders values (7)'])
      await query(sql)
    const place = ['--connector', 'mysql', '--host', `mysql://${host}:${port}`, '--set', `username=${user}`]
    shop = await world([...place, '--set', 'databases=shop', '--set', 'access=write'], password)
  })
  after(async () => {
    await shop?.close()
    await maria.running.stop()
  })
  const ask = (sql: string, ...options: string[]): string[] => [
    'mysql',
    ...options,
    '--batch',
    '--skip-column-names',
    'shop',
    '-e',
    sql,
  ]

  test('does what its task may without a password, as a user of its own that is gone after it', async () => {
    const { stdout, stderr } = await succeed(shop.run(ask('select id, current_user() from orders')))
    assert.match(stdout, /^7\tlease_[a-z2-7]+@%$/m)
    assert.match(stderr, /shop: MySQL, without a password/)
    await succeed(shop.run(ask('insert into orders values (8)', '--defaults-group-suffix=_shop')))
    assert.equal(await shop.dead(), 2)
    assert.deepEqual(await maria.running.query("select user from mysql.user where user like 'lease%'"), [])
  })

  test('is told no by the server where it goes further than its task', async () => {
    const { code, stderr } = await shop.run(ask('insert into orders values (9)'), '--action', 'mysql:Session::read')
    assert.equal(code, 1)
    assert.match(stderr, /command denied/)
    const other = await shop.run(['mysql', 'mysql', '-e', 'select 1'])
    assert.match(other.stderr, /stint|unknown_action/)
  })
})
