import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createClient } from '../../src/cli/client.ts'
import { finish, type Installation, startStint } from '../fakes/stint.ts'
import { startPostgres } from '../services/postgres.ts'

const postgres = await startPostgres()
const PASSPHRASE = 'correct horse battery staple'

describe('a backup of a state in PostgreSQL', { skip: postgres.skip }, () => {
  let stint: Installation
  let directory: string
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'stint-backup-'))
    writeFileSync(join(directory, 'passphrase'), PASSPHRASE)
    stint = await startStint({ STINT_DATABASE_URL: await postgres.running.createDatabase() })
    await stint.cli(['target', 'add', 'orders', '--host', 'orders.example.com'])
    await stint.cli(['credential', 'add', 'orders'], 'value-of-orders')
  })
  after(async () => {
    await stint?.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const wish = (name: string) => {
    return ['backup', 'create', '--to', join(directory, name), '--passphrase-file', join(directory, 'passphrase')]
  }

  test('is restored as a state in the data directory, and serves', async () => {
    const taken = await stint.cli(wish('whole.age'))
    assert.equal(taken.code, 0, taken.stderr)
    const home = join(directory, 'restored')
    const key = ['--passphrase-file', join(directory, 'passphrase')]
    const restored = await stint.cli(['--home', home, 'backup', 'restore', join(directory, 'whole.age'), ...key])
    assert.equal(restored.code, 0, restored.stderr)
    assert.match(restored.stderr, /in state.db, and the settings name a database/)
    const again = await startStint({ STINT_HOME: home })
    try {
      const [{ call }, { call: callAgain }] = [createClient(() => stint.home), createClient(() => home)]
      for (const path of ['/v1/targets', '/v1/credentials', '/.well-known/jwks.json'])
        assert.deepEqual(await callAgain('GET', path), await call('GET', path), path)
      assert.deepEqual(await callAgain('POST', '/v1/vault/rotate-key'), { credentials: 1 })
    } finally {
      await again.stop()
    }
  })

  test('is not taken where the database is not named, or another one is', async () => {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('STINT_')))
    const create = (more: NodeJS.ProcessEnv) =>
      finish(stint.spawn(wish('none.age'), { env: { ...env, STINT_HOME: stint.home, ...more } }))
    const unnamed = await create({})
    assert.deepEqual([unnamed.code, /STINT_DATABASE_URL of `stint start`/.test(unnamed.stderr)], [1, true], unnamed.stderr)
    const other = await create({ STINT_DATABASE_URL: await postgres.running.createDatabase() })
    assert.deepEqual([other.code, /has schema 0/.test(other.stderr)], [1, true], other.stderr)
  })
})
