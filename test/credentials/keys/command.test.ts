import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import { fileKeys } from '../../../src/credentials/keys/file.ts'
import { openVault } from '../../../src/credentials/vault.ts'
import { Secret } from '../../../src/secret.ts'
import { temporaryStore } from '../../store/temporary.ts'
import { code } from '../../targets/fixture.ts'
import { commandSource, fileSource } from '../sources.ts'

const newKey = (): string => randomBytes(32).toString('base64')

/** A vault whose key a command prints; `printed` is what it prints next. */
async function open(t: TestContext) {
  const { store, directory } = await temporaryStore(t)
  const keyFile = join(directory, 'vault.key')
  const command = { printed: newKey() }
  const again = () =>
    openVault(
      store,
      commandSource(keyFile, async () => command.printed),
    )
  const rows = () => store.db.selectFrom('credentials').selectAll().orderBy('id').execute()
  return { store, keyFile, command, again, rows, vault: await again() }
}

describe('a vault whose key a command prints', () => {
  test('opens with the same key, in any of its spellings, and makes no key file', async (t) => {
    const { vault, command, again, keyFile } = await open(t)
    await vault.add('token', new Secret('value-of-x'))
    const bytes = Buffer.from(command.printed, 'base64')
    for (const printed of [
      bytes.toString('base64url'),
      bytes.toString('hex'),
      bytes.toString('hex').toUpperCase(),
      `${command.printed}\r\n`,
    ]) {
      command.printed = printed
      assert.equal((await again()).open('token').reveal(), 'value-of-x')
    }
    assert.equal(existsSync(keyFile), false)
  })

  test('does not start with another key, and changes nothing', async (t) => {
    const { vault, command, again, rows } = await open(t)
    await vault.add('token', new Secret('value-of-x'))
    const [before, right] = [await rows(), command.printed]
    command.printed = newKey()
    const refused: unknown = await again().catch((thrown: unknown) => thrown)
    assert.ok(code('vault_key_wrong', /1 of the vault/)(refused))
    assert.ok(!inspect(refused).includes(command.printed))
    assert.deepEqual(await rows(), before)
    command.printed = right
    assert.equal((await again()).open('token').reveal(), 'value-of-x')
  })

  test('takes nothing for a key but 32 bytes on a line, and repeats none of it', async (t) => {
    const { command, again } = await open(t)
    const half = randomBytes(16).toString('base64')
    const many = Array.from({ length: 9 }, newKey).join('\n')
    for (const printed of ['', 'hunter2-hunter2', half, `${newKey()} `.repeat(2), `${newKey()}\nrubbish`, `${newKey()}=`, many]) {
      command.printed = printed
      const refused: unknown = await again().catch((thrown: unknown) => thrown)
      assert.ok(code('key_unavailable', /32 bytes/)(refused), printed)
      if (printed !== '') assert.ok(!inspect(refused).includes(printed))
    }
  })

  test('is rotated when the command prints a new key, with or without the old one below it', async (t) => {
    const { vault, command, again, rows } = await open(t)
    await vault.add('token', new Secret('value-of-x'))
    await assert.rejects(vault.rotateKey(), code('conflict', /same key/))
    const [first, second, third] = [command.printed, newKey(), newKey()]
    command.printed = `${second}\n${first}\n`
    assert.equal(await vault.rotateKey(), 1)
    command.printed = third
    assert.equal(await vault.rotateKey(), 1)
    const [row] = await rows()
    const id = createHash('sha256').update('stint vault key id\0').update(Buffer.from(third, 'base64')).digest('hex')
    assert.ok(row?.sealed.startsWith(`command-${id.slice(0, 12)}.`))
    assert.equal((await again()).open('token').reveal(), 'value-of-x')
    for (const old of [first, second]) {
      command.printed = old
      await assert.rejects(again(), code('vault_key_wrong'))
    }
  })
})

describe('a vault that moves to another source', () => {
  test('opens what both sealed, and after a rotation needs the new one alone', async (t) => {
    const { store, directory } = await temporaryStore(t)
    const keyFile = join(directory, 'vault.key')
    const inFile = await openVault(store, fileSource(keyFile))
    await inFile.add('old', new Secret('sealed by the file'))
    const key = newKey()
    const both = await openVault(
      store,
      commandSource(keyFile, async () => key),
    )
    await both.add('new', new Secret('sealed by the command'))
    const values = ['sealed by the command', 'sealed by the file']
    assert.deepEqual(
      both.list().map(({ id }) => both.open(id).reveal()),
      values,
    )
    assert.equal(await both.rotateKey(), 2)
    assert.equal(existsSync(keyFile), false)
    const moved = await openVault(
      store,
      commandSource(keyFile, async () => key),
    )
    assert.deepEqual(
      moved.list().map(({ id }) => moved.open(id).reveal()),
      values,
    )
    await assert.rejects(openVault(store, fileSource(keyFile)), code('vault_key_wrong', /kind `command`, which is not set up/))
    assert.equal(existsSync(keyFile), false)
  })

  test('and back: the command is asked only while something is sealed under its key', async (t) => {
    const { vault, store, keyFile, command } = await open(t)
    await vault.add('token', new Secret('value-of-x'))
    let asked = 0
    const print = async () => {
      asked += 1
      return command.printed
    }
    const sources = () => ({ ...commandSource(keyFile, print), current: 'file' as const })
    assert.equal(await (await openVault(store, sources())).rotateKey(), 1)
    assert.equal(asked, 1)
    assert.equal((await openVault(store, sources())).open('token').reveal(), 'value-of-x')
    assert.equal(asked, 1)
    const alone = await openVault(store, { current: 'file', sources: { file: fileKeys(keyFile) } })
    assert.equal(alone.open('token').reveal(), 'value-of-x')
  })
})
