import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import { fileKeys } from '../../../src/credentials/keys/file.ts'
import { transitKeys } from '../../../src/credentials/keys/transit.ts'
import { openVault } from '../../../src/credentials/vault.ts'
import { Secret } from '../../../src/secret.ts'
import { openStore } from '../../../src/store/store.ts'
import { startStint } from '../../fakes/stint.ts'
import { startTransit } from '../../fakes/transit.ts'
import { temporaryDirectory, temporaryStore } from '../../store/temporary.ts'
import { code } from '../../targets/fixture.ts'
import { fileSource, transitSource } from '../sources.ts'

async function open(t: TestContext) {
  const transit = await startTransit()
  t.after(() => transit.close())
  const { store, directory } = await temporaryStore(t)
  const keyFile = join(directory, 'vault.key')
  const again = (token?: string) =>
    openVault(store, { current: 'transit', sources: { file: fileKeys(keyFile), transit: transitSource(transit, token) } })
  const rows = () => store.db.selectFrom('credentials').selectAll().orderBy('id').execute()
  return { store, keyFile, transit, again, rows, vault: await again() }
}

describe('a vault whose key is in a transit engine', () => {
  test('opens by it, asks it once at start and never for a value, and never sends it one', async (t) => {
    const { vault, transit, again, keyFile, rows } = await open(t)
    await vault.add('one', new Secret('value-of-one'))
    await vault.add('two', new Secret('value-of-two'))
    assert.match((await rows())[0]?.sealed ?? '', /^vault:v1:[\w+/=]+\.[\w-]+$/)
    transit.asked.length = 0
    const reopened = await again()
    assert.deepEqual(transit.asked, ['GET keys/stint', 'POST decrypt/stint'])
    for (let time = 0; time < 3; time += 1) assert.equal(reopened.open('two').reveal(), 'value-of-two')
    assert.equal(transit.asked.length, 2)
    assert.doesNotMatch(transit.seen.join(), new RegExp(`value-of|${Buffer.from('value-of').toString('base64')}`))
    assert.equal(existsSync(keyFile), false)
  })

  test('is rotated by the engine; without the older versions it opens still', async (t) => {
    const { vault, transit, again, rows } = await open(t)
    await vault.add('one', new Secret('value-of-one'))
    assert.equal(await vault.rotateKey(), 1)
    assert.match((await rows())[0]?.sealed ?? '', /^vault:v2:/)
    transit.keys.get('stint')?.versions.splice(0, 1, randomBytes(32))
    assert.equal((await again()).open('one').reveal(), 'value-of-one')
  })

  test('does not start with another key of the same name, and changes nothing', async (t) => {
    const { vault, transit, again, rows } = await open(t)
    await vault.add('one', new Secret('value-of-one'))
    const before = await rows()
    const [right] = transit.keys.get('stint')?.versions.splice(0, 1, randomBytes(32)) ?? []
    await assert.rejects(again(), code('vault_key_wrong', /the transit key http/))
    assert.deepEqual(await rows(), before)
    transit.keys.get('stint')?.versions.splice(0, 1, right ?? randomBytes(32))
    assert.equal((await again()).open('one').reveal(), 'value-of-one')
  })

  test('binds each key to its record: one that was moved opens neither', async (t) => {
    const { vault, store, again, rows } = await open(t)
    for (const id of ['a', 'b', 'c']) await vault.add(id, new Secret(`value-of-${id}`))
    const [, second] = await rows()
    await store.write((tx) =>
      tx
        .updateTable('credentials')
        .set({ sealed: second?.sealed ?? '' })
        .where('id', '=', 'a')
        .execute(),
    )
    const moved = await again()
    assert.throws(() => moved.open('a'), code('state_unsafe'))
    assert.equal(moved.open('b').reveal(), 'value-of-b')
  })

  test('moves there from a file, which is then gone, and back', async (t) => {
    const { store, keyFile, transit, again } = await open(t)
    const before = await openStore(join(dirname(keyFile), 'state.db'))
    await (await openVault(before, fileSource(keyFile))).add('one', new Secret('value-of-one'))
    await before.close()
    const both = await again()
    assert.equal(both.open('one').reveal(), 'value-of-one')
    assert.equal(await both.rotateKey(), 1)
    assert.equal(existsSync(keyFile), false)
    assert.equal(transit.keys.get('stint')?.versions.length, 1)
    const back = await openVault(store, {
      current: 'file',
      sources: { file: fileKeys(keyFile), transit: transitSource(transit) },
    })
    assert.equal(await back.rotateKey(), 1)
    assert.equal(
      (await openVault(store, { current: 'file', sources: { file: fileKeys(keyFile) } })).open('one').reveal(),
      'value-of-one',
    )
  })

  test('says why when the engine cannot be used, to the operator what it said, and nothing of the token', async (t) => {
    const { vault, transit, again, rows } = await open(t)
    await vault.add('one', new Secret('value-of-one'))
    const before = await rows()
    const refused = async (words: RegExp, token?: string) => {
      const error: unknown = await again(token).catch((thrown: unknown) => thrown)
      assert.ok(code('key_unavailable', words)(error), inspect(error))
      assert.ok(!inspect(error).includes(token ?? transit.token))
      return error as { operatorDetail?: string }
    }
    assert.match((await refused(/answered 403/, 's.wrong')).operatorDetail ?? '', /permission denied/)
    transit.failing = [503, 'Vault is sealed']
    assert.match((await refused(/answered 503/)).operatorDetail ?? '', /Vault is sealed/)
    await assert.rejects(vault.add('two', new Secret('value-of-two')), code('key_unavailable'))
    await assert.rejects(vault.rotateKey(), code('key_unavailable'))
    transit.failing = undefined
    for (const lie of [() => [], () => ({ batch_results: [] }), () => ({ batch_results: 'x' })]) {
      transit.lie = lie
      await refused(/did not answer for each key/)
    }
    for (const ciphertext of ['', 'vault:v1:a.b', 'vault:v1:', 7]) {
      transit.lie = () => ({ batch_results: [{ ciphertext }] })
      await assert.rejects(vault.add('two', new Secret('value-of-two')), code('key_unavailable', /did not wrap/))
    }
    transit.lie = () => ({ batch_results: [{ plaintext: Buffer.alloc(16).toString('base64') }] })
    await assert.rejects(again(), code('vault_key_wrong'))
    transit.lie = undefined
    assert.deepEqual(await rows(), before)
    assert.equal(vault.open('one').reveal(), 'value-of-one')
    await transit.close()
    await refused(/failed|reached/)
  })

  test('makes no key of a mistyped name, and takes none that does not bind', async (t) => {
    const transit = await startTransit()
    t.after(() => transit.close())
    const { store } = await temporaryStore(t)
    const start = () => openVault(store, { current: 'transit', sources: { transit: transitSource(transit) } })
    transit.keys.set('other', { type: 'aes256-gcm96', derived: false, versions: [randomBytes(32)] })
    transit.keys.delete('stint')
    await assert.rejects(start(), code('key_unavailable', /answered 404/))
    for (const [type, derived] of [
      ['rsa-4096', false],
      ['aes256-gcm96', true],
    ] as const) {
      transit.keys.set('stint', { type, derived, versions: [randomBytes(32)] })
      await assert.rejects(start(), code('key_unavailable', /not derived/))
    }
    for (const url of [
      '',
      'https://x/keys/stint',
      'https://x/v1/transit/keys/',
      'https://x/v1/transit/keys/a/b',
      'https://x/v1/t/keys/a?b',
    ])
      assert.throws(
        () => transitKeys({ url, token: async () => new Secret('x'), exchange: () => Promise.reject() }),
        code('invalid_config'),
        url,
      )
  })
})

test('a server whose vault key is in a transit engine: the token comes from a file, and stands nowhere else', async (t) => {
  const transit = await startTransit()
  t.after(() => transit.close())
  const tokenFile = join(await temporaryDirectory(t), 'token')
  writeFileSync(tokenFile, `${transit.token}\n`, { mode: 0o600 })
  const env = {
    STINT_VAULT_KEY_SOURCE: 'transit',
    STINT_VAULT_TRANSIT_KEY: transit.url,
    STINT_VAULT_TRANSIT_TOKEN_FILE: tokenFile,
  }
  const stint = await startStint(env)
  t.after(() => stint.stop())
  await stint.cli(['credential', 'add', 'one'], 'value-of-one')
  transit.token = 's.renewed-by-an-agent'
  writeFileSync(tokenFile, transit.token, { mode: 0o600 })
  const rotated = await stint.cli(['credential', 'rotate-key'])
  assert.deepEqual([rotated.code, rotated.stdout], [0, 'The vault has a new key; 1 credentials are sealed under it.\n'])
  assert.ok(!readdirSync(stint.home).includes('vault.key'))
  for (const name of ['state.db', 'state.db-wal']) assert.ok(!readFileSync(join(stint.home, name)).includes('s.renewed'), name)
  stint.server.kill('SIGTERM')
  transit.failing = [503, 'Vault is sealed']
  await assert.rejects(stint.restart(), /answered 503.*Vault is sealed/s)
  transit.failing = undefined
  await stint.restart()
  assert.match((await stint.cli(['credential', 'list'])).stdout, /one/)
})

test('a transit key over clear HTTP is one of this machine', async () => {
  const env = { STINT_VAULT_KEY_SOURCE: 'transit', STINT_VAULT_TRANSIT_KEY: 'http://openbao.example.com/v1/transit/keys/stint' }
  await assert.rejects(startStint(env), /an https URL, or an http one of this machine/)
  await assert.rejects(startStint({ STINT_VAULT_KEY_SOURCE: 'transit' }), /transit, which is not set up/)
})
