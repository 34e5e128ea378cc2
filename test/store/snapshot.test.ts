import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { Secret } from '../../src/secret.ts'
import { createMembership } from '../../src/store/gateways.ts'
import { snapshotState } from '../../src/store/snapshot.ts'
import { openStore } from '../../src/store/store.ts'
import { withCode } from '../identity/fake-issuer.ts'
import { startPostgres } from '../services/postgres.ts'
import { temporaryDirectory, temporarySharedStore } from './temporary.ts'

const postgres = await startPostgres()

describe('a copy of a shared state', { skip: postgres.skip }, () => {
  async function setUp(t: TestContext) {
    const url = await postgres.running.createDatabase()
    const store = await temporarySharedStore(t, postgres.running, url)
    const gateways = createMembership(store, 'here', 2000, () => undefined)
    t.after(() => gateways.leave())
    await gateways.join({})
    return { store, url: new Secret(url), path: join(await temporaryDirectory(t), 'state.db') }
  }

  test('is of one moment, while others write', async (t) => {
    const { store, url, path } = await setUp(t)
    let isDone = false
    const writing = (async () => {
      for (let at = 1; !isDone; at += 1)
        await store.write(async (tx) => {
          await tx.insertInto('tunnels').values({ host: 'a', port: at, at }).execute()
          await tx
            .insertInto('used_tokens')
            .values({ digest: `${at}`, issuer: 'i', expires_at: at })
            .execute()
        })
    })()
    try {
      for (let round = 0; round < 3; round += 1) await snapshotState(url, 'here', path)
    } finally {
      isDone = true
      await writing
    }
    const copy = await openStore(path)
    t.after(() => copy.close())
    const tunnels = await copy.db.selectFrom('tunnels').select('port').execute()
    const tokens = await copy.db.selectFrom('used_tokens').select('digest').execute()
    assert.ok(tunnels.length > 0)
    assert.equal(tunnels.length, tokens.length)
  })

  test('is not made of a database that the gateway is not on, nor of one without a state', async (t) => {
    const { url, path } = await setUp(t)
    await assert.rejects(snapshotState(url, 'elsewhere', path), withCode('conflict'))
    const empty = new Secret(await postgres.running.createDatabase())
    await assert.rejects(snapshotState(empty, 'here', path), /has schema 0/)
  })
})
