import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { pruneApprovals } from '../../src/approvals/prune.ts'
import { StintError } from '../../src/errors.ts'
import type { Store } from '../../src/store/store.ts'
import { startPostgres } from '../services/postgres.ts'
import { temporarySharedStore, temporaryStore } from '../store/temporary.ts'

/** What every store promises, whatever database is under it. */
const postgres = await startPostgres()
const STORES: readonly { name: string; skip: string | false; open(t: TestContext): Promise<Store> }[] = [
  { name: 'SQLite', skip: false, open: async (t) => (await temporaryStore(t)).store },
  { name: 'PostgreSQL', skip: postgres.skip, open: (t) => temporarySharedStore(t, postgres.running) },
]
const code = (expected: string) => (thrown: unknown) => thrown instanceof StintError && thrown.code === expected

for (const { name, skip, open } of STORES)
  describe(`a store on ${name}`, { skip }, () => {
    test('keeps nothing of a write whose work throws, and passes its error on', async (t) => {
      const store = await open(t)
      const failing = store.write(async (tx, changed) => {
        await tx.insertInto('meta').values({ key: 'a', value: 'b' }).execute()
        changed('meta', 'a')
        throw new StintError('conflict', 'no')
      })
      await assert.rejects(failing, code('conflict'))
      assert.equal(await store.db.selectFrom('meta').select('value').where('key', '=', 'a').executeTakeFirst(), undefined)
      assert.deepEqual(await store.db.selectFrom('changes').selectAll().execute(), [])
    })

    test('runs writes one after another, so that none is lost', async (t) => {
      const store = await open(t)
      await store.write((tx) => tx.insertInto('meta').values({ key: 'n', value: '0' }).execute())
      const increment = () =>
        store.write(async (tx) => {
          const { value } = await tx.selectFrom('meta').select('value').where('key', '=', 'n').executeTakeFirstOrThrow()
          await new Promise((later) => setImmediate(later))
          await tx
            .updateTable('meta')
            .set({ value: String(Number(value) + 1) })
            .where('key', '=', 'n')
            .execute()
        })
      await Promise.all(Array.from({ length: 20 }, increment))
      const { value } = await store.db.selectFrom('meta').select('value').where('key', '=', 'n').executeTakeFirstOrThrow()
      assert.equal(value, '20')
    })

    test('loses questions that were over long ago, and what took them to webhooks, and nothing else', async (t) => {
      const store = await open(t)
      const row = { binding: 'b', task_id: 'task_1', state: 'used', uses_left: 0, created_at: 1, record_json: '{}' }
      const ends = { gone: 99, kept: 99, last: 100, live: 200 }
      const rows = Object.entries(ends).map(([id, expires_at]) => ({ ...row, id, expires_at }))
      const deliveries = rows.map(({ id }) => ({ approval_id: id, webhook: 'w', message_id: id, attempts: 1, due_at: null }))
      await store.write(async (tx) => {
        await tx.insertInto('approvals').values(rows).execute()
        await tx.insertInto('approval_deliveries').values(deliveries).execute()
      })
      const deleted = await Promise.all([pruneApprovals(store, 100, ['kept']), pruneApprovals(store, 100, ['kept'])])
      assert.equal(deleted[0] + deleted[1], 1)
      const ids = (found: readonly { id: string }[]) => found.map(({ id }) => id).join(' ')
      assert.equal(ids(await store.db.selectFrom('approvals').select('id').orderBy('id').execute()), 'kept last live')
      const messages = store.db.selectFrom('approval_deliveries').select('approval_id as id').orderBy('id')
      assert.equal(ids(await messages.execute()), 'kept last live')
    })

    test('says conflict for a key that is taken, and for nothing else', async (t) => {
      const store = await open(t)
      const add = () => store.write((tx) => tx.insertInto('tunnels').values({ host: 'a.test', port: 443, at: 1 }).execute())
      await add()
      await assert.rejects(add(), code('conflict'))
      const wrong = store.write((tx) =>
        tx
          .insertInto('tunnels')
          .values({ host: null as unknown as string, port: 443, at: 1 })
          .execute(),
      )
      await assert.rejects(wrong, code('store_unavailable'))
    })

    test('reads times and counts as numbers', async (t) => {
      const store = await open(t)
      const at = Date.now()
      await store.write((tx) => tx.insertInto('tunnels').values({ host: 'a.test', port: 443, at }).execute())
      const row = await store.db.selectFrom('tunnels').select(['at', 'port']).executeTakeFirstOrThrow()
      assert.deepEqual([row.at, row.port], [at, 443])
      const count = await store.db
        .selectFrom('tunnels')
        .select((e) => e.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow()
      assert.equal(count.count, 1)
    })

    test('never gives a revocation the number of one before', async (t) => {
      const store = await open(t)
      const add = () =>
        store.write((tx) =>
          tx
            .insertInto('revocations')
            .values({ kind: 'all', reason: 'r', by: 'me', at: 1 })
            .returning('number')
            .executeTakeFirstOrThrow(),
        )
      assert.deepEqual([(await add()).number, (await add()).number], [1, 2])
      await store.write((tx) => tx.deleteFrom('revocations').execute())
      assert.equal((await add()).number, 3)
    })
  })

for (const { name, skip, open } of STORES)
  describe(`watchers on ${name}`, { skip }, () => {
    test('hear of a change after the commit and before the write answers, in order, once, only of their kind', async (t) => {
      const store = await open(t)
      const heard: string[] = []
      store.watch('task', async (ids) => {
        const rows = await store.db.selectFrom('meta').select('key').where('key', 'in', ids).execute()
        heard.push(`${ids} ${rows.length}`)
      })
      store.watch('target', (ids) => void heard.push(`target ${ids}`))
      await store.write(async (tx, changed) => {
        for (const key of ['one', 'two']) {
          await tx.insertInto('meta').values({ key, value: '' }).execute()
          changed('task', key)
        }
        assert.deepEqual(heard, [])
      })
      assert.deepEqual(heard, ['one,two 2'])
      const seqs = await store.db.selectFrom('changes').select(['seq', 'id']).orderBy('seq').execute()
      assert.deepEqual(
        seqs.map(({ id }) => id),
        ['one', 'two'],
      )
    })

    test('all hear it even when one of them fails, and the failure surfaces though the write is kept', async (t) => {
      const store = await open(t)
      let heard = 0
      store.watch('x', () => {
        throw new Error('broken watcher')
      })
      store.watch('x', () => void heard++)
      await assert.rejects(
        store.write(async (_tx, changed) => changed('x', '1')),
        /broken watcher/,
      )
      assert.equal(heard, 1)
      assert.equal((await store.db.selectFrom('changes').selectAll().execute()).length, 1)
    })

    test('may write themselves', async (t) => {
      const store = await open(t)
      let heard = 0
      store.watch('y', () => void heard++)
      store.watch('x', () =>
        store.write(async (tx, changed) => {
          await tx.insertInto('meta').values({ key: 'from-watcher', value: '' }).execute()
          changed('y', '1')
        }),
      )
      await store.write(async (_tx, changed) => changed('x', '1'))
      assert.equal((await store.db.selectFrom('meta').selectAll().where('key', '=', 'from-watcher').execute()).length, 1)
      assert.equal(heard, 1)
    })

    test('hear of what changed together at once, each row named once, and kinds apart in their order', async (t) => {
      const store = await open(t)
      const heard: string[] = []
      for (const kind of ['a', 'b']) store.watch(kind, (ids) => void heard.push(`${kind} ${ids}`))
      await store.write(async (_tx, changed) => {
        for (const [kind, id] of ['a1', 'a2', 'a1', 'b1', 'a3'].map(([kind = '', id = '']) => [kind, id] as const))
          changed(kind, id)
      })
      assert.deepEqual(heard, ['a 1,2', 'b 1', 'a 3'])
    })
  })
