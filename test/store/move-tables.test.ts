import assert from 'node:assert/strict'
import { join } from 'node:path'
import { before, describe, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { sql } from 'kysely'
import { StintError } from '../../src/errors.ts'
import { Secret } from '../../src/secret.ts'
import { createMembership } from '../../src/store/gateways.ts'
import { STATE } from '../../src/store/move-rows.ts'
import { type Move, moveTables } from '../../src/store/move-tables.ts'
import { MOVED, readMoved } from '../../src/store/moved.ts'
import { openState } from '../../src/store/open-state.ts'
import { openSharedStore, type SharedStore } from '../../src/store/postgres-store.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { startPostgres } from '../services/postgres.ts'
import { temporaryDirectory, temporarySharedStore, temporaryStore } from './temporary.ts'

const postgres = await startPostgres()
const AT = Date.parse('2026-01-02T03:04:05.678Z')
const withCode =
  (code: string, words = /./) =>
  (thrown: unknown) =>
    thrown instanceof StintError && thrown.code === code && words.test(thrown.detail)

const move = (from: Store, to: Store, more: Partial<Move> = {}) =>
  moveTables({ from, to, now: AT, inner: '~', onProgress: () => undefined, onArrived: async () => undefined, ...more })

type Row = Record<string, unknown>

async function rowsOf(store: Store, table: string, key: readonly string[]): Promise<readonly Row[]> {
  const order = sql.join(key.map((column) => sql.ref(column)))
  const own = table === 'meta' ? sql`where "key" like 'room%'` : sql``
  return (await sql<Row>`select * from ${sql.table(table)} ${own} order by ${order}`.execute(store.db)).rows.map((row) => ({
    ...row,
  }))
}

async function everything(store: Store): Promise<Record<string, readonly Row[]>> {
  const tables = STATE.map(async ({ table, key }) => [table, await rowsOf(store, table, key)] as const)
  return Object.fromEntries(await Promise.all(tables))
}

async function fill(store: Store, state: Readonly<Record<string, readonly Row[]>>): Promise<void> {
  for (const [table, rows] of Object.entries(state))
    for (const row of rows) {
      const columns = Object.keys(row)
      const names = sql.join(columns.map((column) => sql.ref(column)))
      const values = sql.join(columns.map((column) => row[column]))
      await sql`pragma foreign_keys = off`.execute(store.db)
      await sql`insert into ${sql.table(table)} (${names}) values (${values})`.execute(store.db)
    }
}

/** Any text that both can hold: quotes, line breaks, all of Unicode; no NUL, which PostgreSQL refuses. */
const anyText = fc.string({ unit: 'binary', maxLength: 12 }).map((text) => text.replaceAll('\0', ''))
const ANY: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  text: anyText,
  bigint: fc.oneof(fc.maxSafeInteger(), fc.constantFrom(0, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 31)),
  integer: fc.integer(),
}

/** Rows for every table, of what its columns can hold, as the schema itself says. */
async function anyState(store: Store): Promise<fc.Arbitrary<Record<string, Row[]>>> {
  const tables: Record<string, fc.Arbitrary<Row[]>> = {}
  for (const { table, key } of STATE) {
    const { rows } = await sql<{
      name: string
      type: string
      notnull: number
    }>`select * from pragma_table_info(${table})`.execute(store.db)
    const columns = rows.map(({ name, type, notnull }) => {
      const any = ANY[type.toLowerCase()] ?? assert.fail(`${table}.${name} is of type ${type}`)
      return [name, notnull === 0 ? fc.option(any) : any] as const
    })
    const selector = (row: Row) => JSON.stringify(key.map((column) => row[column]))
    tables[table] = fc.uniqueArray(fc.record(Object.fromEntries(columns)), { selector, maxLength: 6 })
  }
  return fc.record(tables).map((state) => {
    const { tasks = [], meta = [], revocations = [] } = state
    return {
      ...state,
      tasks: tasks.map((task, at) => ({ ...task, parent_id: tasks[at + 1]?.id ?? null })),
      meta: meta.map((row) => ({ ...row, key: `room ${row.key}` })),
      revocations: revocations.map((row, at) => ({ ...row, number: 3 * at + 1 })),
    }
  })
}

const lease = (id: string) => ({
  ...{ id, task_id: 't', target_id: 'x', owner: 'o', state: 'dead', requested_at: 1, record_json: '{}' },
})

const TASK = {
  ...{ purpose: 'p', owner: 'o', workload: 'w', proof: 'sandbox', key_thumbprint: 'k', targets_json: '[]', actions_json: '[]' },
  ...{ labels_json: '{}', started_at: 1, expires_at: 2, state: 'ended', supervised: 0 },
}

describe('a state that is moved', { skip: postgres.skip }, () => {
  let url: string
  before(async () => {
    url = await postgres.running.createDatabase()
  })

  async function openFile(t: TestContext): Promise<Store> {
    return (await temporaryStore(t)).store
  }

  test('is equal in PostgreSQL, and equal again after the way back, whatever its rows hold', async (t) => {
    const shared = await temporarySharedStore(t, postgres.running, url)
    const state = await anyState(await openFile(t))
    await fc.assert(
      fc.asyncProperty(state, async (rows) => {
        const [before, after] = [await openFile(t), await openFile(t)]
        await fill(before, rows)
        const there = await move(before, shared)
        assert.deepEqual(await everything(shared), await everything(before))
        assert.deepEqual(await move(shared, after), there)
        assert.deepEqual(await everything(after), await everything(before))
        for (const { table, rows: count } of there) assert.equal(count, rows[table]?.length)
      }),
      { numRuns: 25 },
    )
  })

  test('arrives whole when it takes many pages, children before their parents, and says how far it is', async (t) => {
    const [file, shared, back] = [await openFile(t), await temporarySharedStore(t, postgres.running), await openFile(t)]
    const numbers = Array.from({ length: 1203 }, (_, at) => String(10_000 + at))
    const tasks = numbers.map((id, at) => ({ ...TASK, id, parent_id: numbers[at + 600] ?? null }))
    await file.write(async (tx) => {
      await sql`pragma defer_foreign_keys = on`.execute(tx)
      for (const id of numbers) await tx.insertInto('leases').values(lease(id)).execute()
      for (const row of tasks) await tx.insertInto('tasks').values(row).execute()
    })
    const told: string[] = []
    const tables = await move(file, shared, { onProgress: (table, rows, all) => told.push(`${table} ${rows}/${all}`) })
    assert.deepEqual(
      tables.filter(({ rows }) => rows > 0).map(({ table, rows }) => [table, rows]),
      [
        ['tasks', 1203],
        ['leases', 1203],
      ],
    )
    assert.deepEqual(told.slice(3), ['leases 500/1203', 'leases 1000/1203', 'leases 1203/1203'])
    assert.deepEqual(await move(shared, back), tables)
    const orphan = shared.db
      .insertInto('tasks')
      .values({ ...TASK, id: 'orphan', parent_id: 'nobody' })
      .execute()
    await assert.rejects(orphan, withCode('store_unavailable'))
  })

  test('goes on counting where it was: no number is given twice, on either side', async (t) => {
    const [file, back, url] = [await openFile(t), await openFile(t), await postgres.running.createDatabase()]
    const revoke = (store: Store) =>
      store.write(async (tx, changed) => {
        changed('revocation', '')
        const row = { kind: 'all', reason: 'r', by: 'b', at: 1 }
        return (await tx.insertInto('revocations').values(row).returning('number').executeTakeFirstOrThrow()).number
      })
    assert.deepEqual([await revoke(file), await revoke(file)], [1, 2])
    await move(file, await temporarySharedStore(t, postgres.running, url))
    const shared = await temporarySharedStore(t, postgres.running, url)
    assert.equal(await revoke(shared), 3)
    await move(shared, back)
    assert.equal(await revoke(back), 4)
  })

  test('is refused where a state is already, by what is there; what a first start makes is none', async (t) => {
    const [file, other] = [await openFile(t), await openFile(t)]
    const shared = await temporarySharedStore(t, postgres.running)
    await shared.db.insertInto('credentials').values({ id: '~leases', version: 1, sealed: 'first', at: 1 }).execute()
    await shared.db.insertInto('meta').values({ key: 'installation', value: 'first' }).execute()
    for (const store of [file, other])
      await store.db.insertInto('credentials').values({ id: 'key', version: 1, sealed: 's', at: 1 }).execute()
    await file.db.insertInto('meta').values({ key: 'installation', value: 'second' }).execute()
    await move(file, shared)
    const { value } = await shared.db
      .selectFrom('meta')
      .select('value')
      .where('key', '=', 'installation')
      .executeTakeFirstOrThrow()
    assert.equal(value, 'second')
    assert.deepEqual(
      (await shared.db.selectFrom('credentials').select('id').execute()).map(({ id }) => id),
      ['key'],
    )
    await assert.rejects(move(other, shared), withCode('conflict', /a state in PostgreSQL already: 1 credentials/))
    assert.equal(await readMoved(other.db), undefined)
  })

  for (const [what, breaking, code] of [
    ['a text cannot be stored there', { owner: 'nul \0' }, 'store_unavailable'],
    ['a number cannot be', { requested_at: 1.5 }, 'store_unavailable'],
  ] as const)
    test(`leaves all as it was when ${what}, and names the table`, async (t) => {
      const [file, shared] = [await openFile(t), await temporarySharedStore(t, postgres.running)]
      await file.db.insertInto('tunnels').values({ host: 'a', port: 1, at: 1 }).execute()
      await file.db
        .insertInto('leases')
        .values({ ...lease('one'), ...breaking })
        .execute()
      await assert.rejects(move(file, shared), withCode(code, /^leases: /))
      assert.deepEqual((await everything(shared)).tunnels, [])
      assert.equal(await readMoved(file.db), undefined)
    })

  test('leaves all as it was when rows do not arrive as they were', async (t) => {
    const [file, shared] = [await openFile(t), await temporarySharedStore(t, postgres.running)]
    await file.db.insertInto('leases').values(lease('one')).execute()
    await sql`create function change() returns trigger language plpgsql as $$ begin new.owner := 'mallory'; return new; end $$`.execute(
      shared.db,
    )
    await sql`create trigger change before insert on leases for each row execute function change()`.execute(shared.db)
    await assert.rejects(move(file, shared), withCode('store_unavailable', /^leases: .*not as they were/))
    assert.deepEqual((await everything(shared)).leases, [])
    assert.equal(await readMoved(file.db), undefined)
  })

  test('leaves all as it was when what is to hear of it cannot', async (t) => {
    const [file, shared] = [await openFile(t), await temporarySharedStore(t, postgres.running)]
    await file.db.insertInto('leases').values(lease('one')).execute()
    const onArrived = () => Promise.reject(new Error('the log is full'))
    await assert.rejects(move(file, shared, { onArrived }), /the log is full/)
    assert.deepEqual((await everything(shared)).leases, [])
    assert.equal(await readMoved(file.db), undefined)
  })

  test('is said to have arrived when only what stays behind could not be marked', async (t) => {
    const [file, shared] = [await openFile(t), await temporarySharedStore(t, postgres.running)]
    const lost: Store = {
      ...file,
      write: async (work) => {
        await file.write(work)
        throw new StintError('store_unavailable', 'the disk is full')
      },
    }
    await assert.rejects(move(lost, shared), withCode('conflict', /arrived in PostgreSQL.*do not start Stint/))
  })
})

describe('what stays behind after a move', { skip: postgres.skip }, () => {
  async function moveAway(t: TestContext): Promise<{ shared: SharedStore; url: string; path: string; file: Store }> {
    const url = await postgres.running.createDatabase()
    const shared = await temporarySharedStore(t, postgres.running, url)
    const { store: file, path } = await temporaryStore(t)
    await move(file, shared)
    return { shared, url, path, file }
  }
  const sharing = { self: 'one', boundMs: 300, onOutage: () => undefined }

  test('is not opened by a start, nor moved again, on either side', async (t) => {
    const { shared, url, path, file } = await moveAway(t)
    await assert.rejects(
      openState({ path, databaseUrl: undefined }, sharing),
      withCode('conflict', /moved away.*2026-01-02T03:04/),
    )
    await assert.rejects(move(file, shared), withCode('conflict', /moved away/))
    await move(shared, file)
    const databaseUrl = new Secret(url)
    await assert.rejects(openState({ path, databaseUrl }, sharing), withCode('conflict', /moved away/))
    const { store } = await openState({ path, databaseUrl: undefined }, sharing)
    await store.close()
  })

  test('is joined by nobody who had opened it before', async (t) => {
    const url = await postgres.running.createDatabase()
    const { store, gateways } = await openState({ path: '', databaseUrl: new Secret(url) }, sharing)
    t.after(() => store.close())
    t.after(() => gateways.leave())
    const shared = await temporarySharedStore(t, postgres.running, url)
    await move(shared, (await temporaryStore(t)).store)
    await assert.rejects(gateways.join({}), withCode('conflict', /moved away/))
  })

  test('a gateway on the roll keeps the state where it is, until it stops', async (t) => {
    const url = await postgres.running.createDatabase()
    const store = await openSharedStore(new Secret(url))
    t.after(() => store.close())
    const gateways = createMembership(store, 'first', 1000, () => undefined)
    t.after(() => gateways.leave())
    await gateways.join({})
    const [shared, file] = [await temporarySharedStore(t, postgres.running, url), (await temporaryStore(t)).store]
    await assert.rejects(move(shared, file), withCode('already_running', /first/))
    await assert.rejects(move(file, shared), withCode('already_running', /first/))
    await gateways.leave()
    await move(shared, file)
  })

  test('a gateway that slept meanwhile is cut off when it wakes up, and not on the roll', async (t) => {
    const url = await postgres.running.createDatabase()
    const store = await openSharedStore(new Secret(url))
    t.after(() => store.close())
    const gateways = createMembership(store, 'sleeper', 400, () => undefined)
    t.after(() => gateways.leave())
    await gateways.join({})
    assert.equal(gateways.isCurrent(), true)
    const cut = new Promise<void>((done) => gateways.onCutOff(done))
    await store.db.deleteFrom('gateways').execute()
    await store.db.insertInto('meta').values({ key: MOVED, value: 'then' }).execute()
    await cut
    assert.equal(gateways.isCurrent(), false)
  })

  test('who followed the state from before it went and came back finds out that it missed something', async (t) => {
    const { shared, url } = await moveAway(t)
    const follower = await openSharedStore(new Secret(url))
    t.after(() => follower.close())
    await follower.follow()
    const file = await openStore(join(await temporaryDirectory(t), 'state.db'))
    t.after(() => file.close())
    await move(shared, file)
    await move(file, shared)
    await assert.rejects(follower.follow(), withCode('store_unavailable', /restart/))
    const fresh = await openSharedStore(new Secret(url))
    t.after(() => fresh.close())
    await fresh.follow()
    const heard: string[] = []
    fresh.watch('note', (ids) => void heard.push(...ids))
    await fresh.write(async (_tx, changed) => changed('note', 'after'))
    assert.deepEqual(heard, ['after'])
  })
})
