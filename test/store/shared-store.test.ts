import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import { sql } from 'kysely'
import { StintError } from '../../src/errors.ts'
import { Secret } from '../../src/secret.ts'
import { openSharedStore } from '../../src/store/postgres-store.ts'
import type { Store } from '../../src/store/store.ts'
import { startPostgres } from '../services/postgres.ts'
import { temporarySharedStore } from './temporary.ts'

const postgres = await startPostgres()
const refusal = (words: RegExp) => (thrown: unknown) =>
  thrown instanceof StintError && thrown.code === 'store_unavailable' && words.test(thrown.detail)

/** Two processes’ stores on one new database. */
async function openTwo(t: TestContext, url: string | undefined = undefined) {
  url ??= await postgres.running.createDatabase()
  return {
    url,
    one: await temporarySharedStore(t, postgres.running, url),
    two: await temporarySharedStore(t, postgres.running, url),
  }
}

function hearing(store: Store, kind: string): string[] {
  const heard: string[] = []
  store.watch(kind, (ids) => void heard.push(...ids))
  return heard
}

/** As PostgreSQL describes one; its collation is null where it is the database's. */
interface Column {
  readonly name: string
  readonly type: string
  readonly collation: string | null
}

const note = (store: Store, key: string) =>
  store.write(async (tx, changed) => {
    await tx.insertInto('meta').values({ key, value: '' }).execute()
    changed('note', key)
  })

describe('two stores on one PostgreSQL', { skip: postgres.skip }, () => {
  test('hear of each other’s changes in the order of the commits, and of all before an own write answers', async (t) => {
    const { one, two } = await openTwo(t)
    const [byOne, byTwo] = [hearing(one, 'note'), hearing(two, 'note')]
    await note(one, 'a')
    assert.deepEqual(byTwo, [])
    await two.follow()
    assert.deepEqual(byTwo, ['a'])
    await note(two, 'b')
    await note(one, 'c')
    await one.follow()
    await two.follow()
    assert.deepEqual(
      [byOne, byTwo],
      [
        ['a', 'b', 'c'],
        ['a', 'b', 'c'],
      ],
    )
  })

  for (const isolation of ['read committed', 'serializable'])
    test(`lose no write to each other, where the role’s transactions are ${isolation}`, async (t) => {
      const url = await postgres.running.createDatabase()
      const database = new URL(url).pathname.slice(1)
      await postgres.running.query(`alter database ${database} set default_transaction_isolation to '${isolation}'`)
      const { one, two } = await openTwo(t, url)
      await one.write((tx) => tx.insertInto('meta').values({ key: 'n', value: '0' }).execute())
      const increment = (store: Store) =>
        store.write(async (tx, changed) => {
          const { value } = await tx.selectFrom('meta').select('value').where('key', '=', 'n').executeTakeFirstOrThrow()
          const next = String(Number(value) + 1)
          await tx.updateTable('meta').set({ value: next }).where('key', '=', 'n').execute()
          changed('n', next)
        })
      const heard = hearing(two, 'n')
      await Promise.all(Array.from({ length: 30 }, (_, at) => increment(at % 2 === 0 ? one : two)))
      await two.follow()
      assert.deepEqual(
        heard,
        Array.from({ length: 30 }, (_, at) => String(at + 1)),
      )
    })

  test('tell again what a watcher failed at, and nothing after it before', async (t) => {
    const { one, two } = await openTwo(t)
    let isBroken = true
    const heard: string[] = []
    two.watch('note', (ids) => {
      if (isBroken) throw new Error('broken watcher')
      heard.push(...ids)
    })
    await note(one, 'a')
    await assert.rejects(two.follow(), /broken watcher/)
    await note(one, 'b')
    await assert.rejects(note(two, 'c'), /broken watcher/)
    isBroken = false
    await two.follow()
    assert.deepEqual(heard, ['a', 'b', 'c'])
  })

  test('nobody is told anything before following, and then everything since the store was opened', async (t) => {
    const { one, url } = await openTwo(t)
    await note(one, 'before')
    const late = await openSharedStore(new Secret(url))
    t.after(() => late.close())
    const heard = hearing(late, 'note')
    await note(late, 'own')
    await note(one, 'other')
    assert.deepEqual(heard, [])
    await late.follow()
    assert.deepEqual(heard, ['own', 'other'])
  })

  test('one that is further behind than changes are kept is told so, and nothing else', async (t) => {
    const { one, two, url } = await openTwo(t)
    const heard = hearing(two, 'note')
    await one.write(async (_tx, changed) => {
      for (let at = 0; at < 10_002; at += 1) changed('note', String(at))
    })
    const third = await openSharedStore(new Secret(url)) // forgets the oldest
    await third.close()
    await assert.rejects(two.follow(), refusal(/restart/))
    assert.deepEqual(heard, [])
  })

  test('names sort by their bytes, whatever the collation of the database', async (t) => {
    const knowsIcu = Number.parseInt(postgres.running.version, 10) >= 15 // before, a database's collation was the C library's
    const collation = knowsIcu ? `template template0 locale_provider icu icu_locale 'en' locale 'C'` : ''
    const { one } = await openTwo(t, await postgres.running.createDatabase(collation))
    for (const host of ['b', 'a', 'B', 'A']) {
      await one.write((tx) => tx.insertInto('tunnels').values({ host, port: 1, at: 1 }).execute())
    }
    const rows = await one.db.selectFrom('tunnels').select('host').orderBy('host').execute()
    assert.deepEqual(rows.map(({ host }) => host).join(''), 'ABab')
    const columns = await sql<Column>`
      select table_name || '.' || column_name as name, data_type as type, collation_name as collation
      from information_schema.columns where table_schema = current_schema()`.execute(one.db)
    assert.equal(columns.rows.find(({ name }) => name === 'changes.seq')?.type, 'bigint')
    const texts = columns.rows.filter(({ type }) => type === 'text')
    assert.ok(texts.some(({ name }) => name === 'tunnels.host'))
    assert.deepEqual(
      texts.filter(({ collation }) => collation !== 'C'),
      [],
    )
  })

  test('a connection that the server breaks off is an error once, and the next write works', async (t) => {
    const { one } = await openTwo(t)
    const breaking = one.write(async (tx) => {
      await postgres.running.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'stint' and xact_start is not null",
      )
      await tx.insertInto('meta').values({ key: 'lost', value: '' }).execute()
    })
    await assert.rejects(breaking, refusal(/stopping|reached/))
    await note(one, 'a')
    assert.equal((await one.db.selectFrom('meta').selectAll().where('key', '=', 'lost').execute()).length, 0)
  })

  test('a value that was refused is in no error, not even for the operator', async (t) => {
    const { one } = await openTwo(t)
    const row = { id: 'sealed-value', version: null as unknown as number, sealed: 'sealed-value', at: 1 }
    const wrong = one.write((tx) => tx.insertInto('credentials').values(row).execute())
    await assert.rejects(
      wrong,
      (thrown) => refusal(/refused/)(thrown) && !inspect(thrown, { depth: 9, showHidden: true }).includes('sealed-value'),
    )
  })
})

describe('a PostgreSQL that cannot be used', { skip: postgres.skip }, () => {
  const open = (change: (url: URL) => void) => {
    const url = new URL(postgres.running.url())
    change(url)
    return openSharedStore(new Secret(url.href))
  }
  const cases: readonly [string, RegExp, (url: URL) => void][] = [
    ['with the wrong password', /does not let/, (url) => (url.password = 'a-wrong-password')],
    ['without that database', /no such database/, (url) => (url.pathname = '/nowhere')],
    ['where nobody listens', /cannot be reached/, (url) => (url.port = '1')],
  ]
  for (const [what, words, change] of cases)
    test(`${what} is refused in words, and no error holds the password`, async () => {
      await assert.rejects(open(change), (thrown) => {
        const all = inspect(thrown, { depth: 9, showHidden: true })
        assert.ok(!all.includes(postgres.running.password) && !all.includes('a-wrong-password'), all)
        return refusal(words)(thrown)
      })
    })

  test('is refused when a newer Stint wrote it, and left as it was', async (t) => {
    const url = await postgres.running.createDatabase()
    await (await temporarySharedStore(t, postgres.running, url)).write((tx) =>
      tx.updateTable('meta').set({ value: '99' }).where('key', '=', 'schema').execute(),
    )
    await assert.rejects(openSharedStore(new Secret(url)), refusal(/newer/))
    const rows = await postgres.running.query("select value from meta where key = 'schema'", [], new URL(url).pathname.slice(1))
    assert.deepEqual(rows, [{ value: '99' }])
  })
})
