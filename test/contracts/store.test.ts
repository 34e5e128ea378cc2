import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { StintError } from '../../src/errors.ts'
import { temporaryStore } from '../store/temporary.ts'

/** What every store promises, whatever database is under it. */
const code = (expected: string) => (thrown: unknown) => thrown instanceof StintError && thrown.code === expected

describe('a store', () => {
  test('keeps nothing of a write whose work throws, and passes its error on', async (t) => {
    const { store } = await temporaryStore(t)
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
    const { store } = await temporaryStore(t)
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

  test('says conflict for a key that is taken, and for nothing else', async (t) => {
    const { store } = await temporaryStore(t)
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

  test('never gives a revocation the number of one before', async (t) => {
    const { store } = await temporaryStore(t)
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

describe('watchers', () => {
  test('hear of a change after the commit and before the write answers, in order, once, only of their kind', async (t) => {
    const { store } = await temporaryStore(t)
    const heard: string[] = []
    store.watch('task', async (id) => {
      const rows = await store.db.selectFrom('meta').select('key').where('key', '=', id).execute()
      heard.push(`${id} ${rows.length}`)
    })
    store.watch('target', (id) => void heard.push(`target ${id}`))
    await store.write(async (tx, changed) => {
      for (const key of ['one', 'two']) {
        await tx.insertInto('meta').values({ key, value: '' }).execute()
        changed('task', key)
      }
      assert.deepEqual(heard, [])
    })
    assert.deepEqual(heard, ['one 1', 'two 1'])
    const seqs = await store.db.selectFrom('changes').select(['seq', 'id']).orderBy('seq').execute()
    assert.deepEqual(
      seqs.map(({ id }) => id),
      ['one', 'two'],
    )
  })

  test('all hear it even when one of them fails, and the failure surfaces though the write is kept', async (t) => {
    const { store } = await temporaryStore(t)
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
    const { store } = await temporaryStore(t)
    store.watch('x', () =>
      store.write((tx) => tx.insertInto('meta').values({ key: 'from-watcher', value: '' }).execute()).then(() => undefined),
    )
    await store.write(async (_tx, changed) => changed('x', '1'))
    assert.equal((await store.db.selectFrom('meta').selectAll().where('key', '=', 'from-watcher').execute()).length, 1)
  })
})
