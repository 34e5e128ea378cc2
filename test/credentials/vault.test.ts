import assert from 'node:assert/strict'
import { chmod, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import { openVault } from '../../src/credentials/vault.ts'
import { Secret } from '../../src/secret.ts'
import { temporaryStore } from '../store/temporary.ts'
import { code } from '../targets/fixture.ts'
import { fileSource } from './sources.ts'

const VALUE = 'ghp_correct-horse-battery-staple'

async function open(t: TestContext) {
  const { store, path, directory } = await temporaryStore(t)
  const keyFile = join(directory, 'vault.key')
  return {
    store,
    path,
    directory,
    keyFile,
    vault: await openVault(store, fileSource(keyFile)),
    again: () => openVault(store, fileSource(keyFile)),
  }
}

describe('the vault', () => {
  test('gives back what it was given, after a restart too, and only to who opens it', async (t) => {
    const { vault, again } = await open(t)
    await vault.add('token', new Secret(`${VALUE} ü€𝄞`))
    for (const one of [vault, await again()]) assert.equal(one.open('token').reveal(), `${VALUE} ü€𝄞`)
    assert.throws(() => vault.open('other'), code('credential_missing'))
  })

  test('holds nothing readable: not in its files, its list or its errors', async (t) => {
    const { vault, directory, store } = await open(t)
    await vault.add('token', new Secret(VALUE))
    await vault.replace('token', new Secret(VALUE))
    await store.db.selectFrom('credentials').selectAll().execute()
    for (const file of await readdir(directory))
      assert.equal((await readFile(join(directory, file))).includes(VALUE), false, file)
    assert.doesNotMatch(inspect(vault.list(), { depth: null }) + inspect(vault, { depth: null }), new RegExp(VALUE))
    const failure: unknown = await vault.add('token', new Secret(VALUE)).catch((thrown: unknown) => thrown)
    assert.doesNotMatch(inspect(failure), new RegExp(VALUE))
  })

  test('lists names, versions and times, by name', async (t) => {
    const { vault } = await open(t)
    await vault.add('b', new Secret('value-one'))
    await vault.add('a', new Secret('value-two'))
    await vault.replace('b', new Secret('value-three'))
    assert.deepEqual(
      vault.list().map(({ id, version }) => [id, version]),
      [
        ['a', 1],
        ['b', 2],
      ],
    )
    assert.deepEqual(Object.keys(vault.list()[0] ?? {}), ['id', 'version', 'createdAt'])
  })

  test('replaces and removes, and says so to who listens before it answers', async (t) => {
    const { vault, again } = await open(t)
    const heard: string[] = []
    vault.onChange((id) => heard.push(id))
    await vault.add('token', new Secret('old-value'))
    assert.deepEqual(heard, [])
    await vault.replace('token', new Secret('new-value'))
    assert.equal(vault.open('token').reveal(), 'new-value')
    await vault.remove('token')
    assert.deepEqual(heard, ['token', 'token'])
    assert.throws(() => vault.open('token'), code('credential_missing'))
    assert.deepEqual((await again()).list(), [])
  })

  test('refuses a taken name, an unknown one, a bad one, and values that are too short or endless', async (t) => {
    const { vault } = await open(t)
    await vault.add('token', new Secret('value-of-x'))
    await assert.rejects(vault.add('token', new Secret('value-of-y')), code('conflict'))
    await assert.rejects(vault.replace('other', new Secret('value-of-y')), code('not_found'))
    await assert.rejects(vault.remove('other'), code('not_found'))
    for (const id of ['', '../x', 'a b', 'a\n', '-a', 'x'.repeat(129)])
      await assert.rejects(vault.add(id, new Secret('value-of-y')), code('invalid_argument'))
    for (const short of ['', '1234567', 'ü€a', 'no-nul\u0000'])
      for (const change of [vault.add('a', new Secret(short)), vault.replace('token', new Secret(short))])
        await assert.rejects(change, code('secret_too_short', /8 bytes/))
    for (const [at, enough] of ['12345678', 'ü€abc', '        '].entries()) await vault.add(`enough${at}`, new Secret(enough))
    await assert.rejects(vault.add('a', new Secret('x'.repeat(65_537))), code('invalid_argument'))
    assert.equal(vault.open('token').reveal(), 'value-of-x')
  })

  test('lets names of object properties be nothing but names', async (t) => {
    const { vault } = await open(t)
    assert.throws(() => vault.open('constructor'), code('credential_missing'))
    assert.throws(() => vault.open('__proto__'), code('credential_missing'))
    await vault.add('constructor', new Secret('value-of-x'))
    assert.equal(vault.open('constructor').reveal(), 'value-of-x')
  })

  test('takes two additions of one name at once as one, and the second as a conflict', async (t) => {
    const { vault } = await open(t)
    const results = await Promise.allSettled([vault.add('a', new Secret('value-one')), vault.add('a', new Secret('value-two'))])
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected'],
    )
    assert.equal(vault.open('a').reveal(), 'value-one')
  })
})

/** Made with pyca/cryptography's AESGCM from the key 00…1f, the record key 20…3f, and the nonces 00…0b and 0c…17. */
const KNOWN = {
  keys: '0123456789ab AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n',
  sealed:
    '0123456789ab.AAECAwQFBgcICQoLZyP0OOHA5DylaL2gncRWQrPntQfETmlLAF7fviFUPo3I--zMpGLebZZYYD2SfKnq.DA0ODxAREhMUFRYXgVU8R1FedJ-2OpaHl_Uge9WDbiMBciQ5kTW7ABAzvsc',
}

test('a record that another implementation of AES-256-GCM sealed opens, for its name and version alone', async (t) => {
  const { store, keyFile, again } = await open(t)
  await writeFile(keyFile, KNOWN.keys)
  const put = (id: string, version: number) =>
    store.write(async (tx) => {
      await tx.deleteFrom('credentials').execute()
      await tx.insertInto('credentials').values({ id, version, sealed: KNOWN.sealed, at: 0 }).execute()
    })
  await put('orders-db', 7)
  assert.equal((await again()).open('orders-db').reveal(), 'correct horse ü')
  for (const [id, version] of [
    ['orders-db', 8],
    ['orders-db2', 7],
  ] as const) {
    await put(id, version)
    await assert.rejects(again(), code('vault_key_wrong'))
  }
})

describe('a sealed record that was tampered with', () => {
  const flip = (text: string, at: number) => `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`

  test('does not open, whichever part of it was changed, and keeps the key from being rotated', async (t) => {
    const { vault, store, keyFile, again } = await open(t)
    await vault.add('token', new Secret(VALUE))
    await vault.add('unharmed', new Secret('another value'))
    const { sealed } = await store.db
      .selectFrom('credentials')
      .select('sealed')
      .where('id', '=', 'token')
      .executeTakeFirstOrThrow()
    const changed = Array.from({ length: sealed.length - 1 }, (_, at) => at)
      .filter((at) => sealed[at] !== '.')
      .map((at) => flip(sealed, at))
    for (const text of [
      ...changed.filter((_, at) => at % 5 === 0),
      '',
      '...',
      sealed.split('.').slice(0, 2).join('.'),
      `${sealed}.x`,
      `${sealed}AAAA`,
    ]) {
      await store.write((tx) => tx.updateTable('credentials').set({ sealed: text }).where('id', '=', 'token').execute())
      const damaged = await again()
      assert.equal(damaged.open('unharmed').reveal(), 'another value')
      assert.throws(() => damaged.open('token'), code('state_unsafe', /token/))
    }
    const keys = await readFile(keyFile, 'utf8')
    await store.write((tx) =>
      tx
        .updateTable('credentials')
        .set({ sealed: flip(sealed, 20) })
        .where('id', '=', 'token')
        .execute(),
    )
    await assert.rejects((await again()).rotateKey(), code('state_unsafe', /token/))
    assert.equal(await readFile(keyFile, 'utf8'), keys)
  })

  test('does not open in the place of another, nor as another version of itself', async (t) => {
    const { vault, store, again } = await open(t)
    await vault.add('mine', new Secret('my value'))
    await vault.add('admin', new Secret('admin value'))
    await vault.add('unharmed', new Secret('another value'))
    const sealedOf = async (id: string) =>
      (await store.db.selectFrom('credentials').select('sealed').where('id', '=', id).executeTakeFirstOrThrow()).sealed
    const admin = await sealedOf('admin')
    await store.write((tx) => tx.updateTable('credentials').set({ sealed: admin }).where('id', '=', 'mine').execute())
    const swapped = await again()
    assert.throws(() => swapped.open('mine'), code('state_unsafe'))
    const [keyId, wrapped] = admin.split('.')
    const [, , body] = (await sealedOf('admin')).split('.')
    await store.write((tx) =>
      tx
        .updateTable('credentials')
        .set({ sealed: [keyId, wrapped, body].join('.'), version: 2 })
        .where('id', '=', 'admin')
        .execute(),
    )
    const replayed = await again()
    assert.throws(() => replayed.open('admin'), code('state_unsafe'))
  })
})

describe('the key file', () => {
  test('is made for the owner alone, once, and without a draft left behind', async (t) => {
    const { keyFile, directory, again } = await open(t)
    assert.equal((await stat(keyFile)).mode & 0o777, 0o600)
    const before = await readFile(keyFile, 'utf8')
    await again()
    assert.equal(await readFile(keyFile, 'utf8'), before)
    assert.deepEqual(
      (await readdir(directory)).filter((name) => name.startsWith('vault.key')),
      ['vault.key'],
    )
  })

  test('is made once by two that open at the same time', async (t) => {
    const { store, directory } = await open(t)
    const path = join(directory, 'other.key')
    const [one, two] = await Promise.all([openVault(store, fileSource(path)), openVault(store, fileSource(path))])
    await one.add('a', new Secret('value-of-x'))
    assert.ok(two)
    assert.equal((await openVault(store, fileSource(path))).open('a').reveal(), 'value-of-x')
  })

  test('that others can read, that is a link, or that holds no keys, is refused', async (t) => {
    const { keyFile, directory, again } = await open(t)
    await chmod(keyFile, 0o644)
    await assert.rejects(again(), code('state_unsafe', /0600/))
    await chmod(keyFile, 0o600)
    const link = join(directory, 'link.key')
    await symlink(keyFile, link)
    const { store } = await temporaryStore(t)
    await assert.rejects(openVault(store, fileSource(link)), code('state_unsafe', /link/))
    for (const text of ['', '\n', 'x', 'abcdefabcdef short\n', `${await readFile(keyFile, 'utf8')}rubbish\n`]) {
      await writeFile(keyFile, text)
      await assert.rejects(again(), code('state_unsafe'))
    }
  })

  test('that is missing is not made anew while the vault holds something', async (t) => {
    const { vault, keyFile, again } = await open(t)
    await vault.add('a', new Secret('value-of-x'))
    await rm(keyFile)
    await assert.rejects(again(), code('state_unsafe', /restore/))
    await assert.rejects(stat(keyFile))
  })

  test('of another vault opens nothing, says so, and is not sealed with', async (t) => {
    const { vault, store, keyFile, again } = await open(t)
    await vault.add('a', new Secret('value-of-x'))
    const other = await open(t)
    const right = await readFile(keyFile, 'utf8')
    const rows = () => store.db.selectFrom('credentials').selectAll().execute()
    const before = await rows()
    await writeFile(keyFile, await readFile(other.keyFile, 'utf8'))
    await assert.rejects(again(), code('vault_key_wrong', /vault\.key/))
    assert.deepEqual(await rows(), before)
    assert.equal(await readFile(keyFile, 'utf8'), await readFile(other.keyFile, 'utf8'))
    await writeFile(keyFile, right)
    assert.equal((await again()).open('a').reveal(), 'value-of-x')
  })

  test('is rotated: everything opens as before, and the old key opens nothing', async (t) => {
    const { vault, store, keyFile, again } = await open(t)
    await vault.add('a', new Secret('value-one'))
    await vault.add('b', new Secret('value-two'))
    const old = await readFile(keyFile, 'utf8')
    const bodies = async () =>
      (await store.db.selectFrom('credentials').select('sealed').orderBy('id').execute()).map(
        ({ sealed }) => sealed.split('.')[2],
      )
    const before = await bodies()
    assert.equal(await vault.rotateKey(), 2)
    assert.notEqual(await readFile(keyFile, 'utf8'), old)
    assert.equal((await readFile(keyFile, 'utf8')).trim().split('\n').length, 1)
    assert.deepEqual(await bodies(), before)
    for (const one of [vault, await again()])
      assert.deepEqual([one.open('a').reveal(), one.open('b').reveal()], ['value-one', 'value-two'])
    await writeFile(keyFile, old)
    await assert.rejects(again(), code('vault_key_wrong'))
  })

  test('interrupted while it rotates, opens everything, and can be rotated again', async (t) => {
    const { vault, store, keyFile, again } = await open(t)
    await vault.add('a', new Secret('value-one'))
    const { write } = store
    Object.assign(store, { write: () => Promise.reject(new Error('killed here')) })
    await assert.rejects(vault.rotateKey(), /killed here/)
    Object.assign(store, { write })
    assert.equal((await readFile(keyFile, 'utf8')).trim().split('\n').length, 2)
    const after = await again()
    assert.equal(after.open('a').reveal(), 'value-one')
    await after.rotateKey()
    assert.equal((await again()).open('a').reveal(), 'value-one')
    assert.equal((await readFile(keyFile, 'utf8')).trim().split('\n').length, 1)
  })
})
