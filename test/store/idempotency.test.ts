import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { createIdempotency } from '../../src/store/idempotency.ts'
import { openStore } from '../../src/store/store.ts'

const key = { key: 'k', caller: 'ann' }

async function open(path = join(mkdtempSync(join(tmpdir(), 'stint-idem-')), 'state.db')) {
  let time = 1_000_000
  const store = await openStore(path)
  return { path, store, keys: createIdempotency(store, () => time), pass: (ms: number) => (time += ms) }
}

describe('idempotency keys', () => {
  test('a key is claimed once; the second asker learns what it was for', async () => {
    const { keys, store } = await open()
    assert.equal(await keys.claim(key, 'digest'), undefined)
    assert.deepEqual(await keys.claim(key, 'other'), { digest: 'digest' })
    assert.equal(await keys.claim({ ...key, caller: 'bob' }, 'other'), undefined)
    await store.close()
  })

  test('of many at the same time, one claims', async () => {
    const { keys, store } = await open()
    const claims = await Promise.all(Array.from({ length: 20 }, () => keys.claim(key, 'digest')))
    assert.equal(claims.filter((held) => held === undefined).length, 1)
    await store.close()
  })

  test('the response survives a restart', async () => {
    const first = await open()
    await first.keys.claim(key, 'digest')
    await first.keys.finish(key, '{"a":1}')
    await first.store.close()
    const { keys, store } = await open(first.path)
    assert.deepEqual(await keys.claim(key, 'digest'), { digest: 'digest', responseJson: '{"a":1}' })
    await store.close()
  })

  test('a released key and a key older than a day can be claimed again', async () => {
    const { keys, store, pass } = await open()
    await keys.claim(key, 'digest')
    await keys.release(key)
    assert.equal(await keys.claim(key, 'digest'), undefined)
    pass(25 * 60 * 60 * 1000)
    assert.equal(await keys.claim(key, 'digest'), undefined)
    await store.close()
  })
})
