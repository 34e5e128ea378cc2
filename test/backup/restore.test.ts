import assert from 'node:assert/strict'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { decrypt, encrypt, type Unlock } from '../../src/backup/age.ts'
import { type Member, readTar, writeTar } from '../../src/backup/tar.ts'
import { restoreBackup } from '../../src/restore-backup.ts'
import { Secret } from '../../src/secret.ts'
import { startStint } from '../fakes/stint.ts'
import { code } from '../targets/fixture.ts'

type Files = Map<string, { readonly mode: number; readonly bytes: Buffer }>

let directory: string
let unlock: Unlock
let recipient: string
let whole: Files

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'stint-restore-'))
  const identity = await generateX25519Identity()
  unlock = { identities: [new Secret(identity)] }
  recipient = await identityToRecipient(identity)
  const stint = await startStint()
  await stint.cli(['credential', 'add', 'token'], 'value-of-token')
  await stint.cli(['backup', 'create', '--to', join(directory, 'whole.age'), '--recipient', recipient])
  await stint.stop()
  whole = await filesIn(readFileSync(join(directory, 'whole.age')))
})
after(() => rmSync(directory, { recursive: true, force: true }))

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}

async function filesIn(file: Buffer): Promise<Files> {
  const files: Files = new Map()
  for await (const { name, mode, content } of readTar(decrypt(each([file]), unlock))) {
    const chunks: Uint8Array[] = []
    for await (const chunk of content) chunks.push(chunk)
    files.set(name, { mode, bytes: Buffer.concat(chunks) })
  }
  return files
}

/** A backup as somebody who has the recipient can make one: of these members, in this order. */
async function craft(members: readonly (readonly [name: string, { mode: number; bytes: Buffer }])[]): Promise<string> {
  const path = join(directory, `${randomBytes(6).toString('hex')}.age`)
  const all = members.map(([name, { mode, bytes }]): Member => ({ name, mode, size: bytes.length, content: each([bytes]) }))
  const chunks: Uint8Array[] = []
  for await (const chunk of await encrypt(writeTar(each(all)), { recipients: [recipient] })) chunks.push(chunk)
  writeFileSync(path, Buffer.concat(chunks))
  return path
}

/** The whole backup with one member changed, or left out. */
function without(name: string, bytes?: Buffer | string, mode = 0o600): Promise<string> {
  const changed = [...whole].flatMap(([one, file]) => {
    if (one !== name) return [[one, file] as const]
    return bytes === undefined ? [] : [[one, { mode, bytes: Buffer.from(bytes) }] as const]
  })
  return craft(changed)
}

/** Expects it to be refused, and the place to be as it was. */
async function refused(file: string, expected: ReturnType<typeof code>, by: Unlock = unlock, home = freshHome()): Promise<void> {
  const before = listing(join(home, '..'))
  await assert.rejects(restoreBackup({ home, file, unlock: by, now: Date.now }), expected, file)
  assert.deepEqual(listing(join(home, '..')), before)
}

function freshHome(): string {
  return join(mkdtempSync(join(directory, 'place-')), 'inner', 'home')
}

function listing(path: string): string[] {
  try {
    return readdirSync(join(path, '..'), { recursive: true, encoding: 'utf8' }).filter((name) => name !== 'inner')
  } catch {
    return []
  }
}

describe('a restore', () => {
  test('makes a directory where there is none, or of an empty one, and answers what it made', async () => {
    const file = join(directory, 'whole.age')
    const empty = freshHome()
    mkdirSync(empty, { recursive: true, mode: 0o755 })
    for (const home of [freshHome(), empty]) {
      const { entries, tasksEnded, sealedElsewhere } = await restoreBackup({ home, file, unlock, now: Date.now })
      assert.deepEqual([entries > 2, tasksEnded, sealedElsewhere], [true, 0, 0])
      assert.equal(statSync(home).mode & 0o777, 0o700)
      assert.deepEqual(readFileSync(join(home, 'vault.key')), whole.get('vault.key')?.bytes)
      assert.deepEqual(readdirSync(join(home, '..')), ['home'])
    }
  })

  test('does not touch a directory that is not empty, nor what is no directory', async () => {
    const file = join(directory, 'whole.age')
    const place = mkdtempSync(join(directory, 'taken-'))
    const [full, plain, linked, empty] = ['full', 'plain', 'linked', 'empty'].map((name) => join(place, name)) as [
      string,
      string,
      string,
      string,
    ]
    mkdirSync(full)
    mkdirSync(empty)
    writeFileSync(join(full, '.hidden'), 'mine')
    writeFileSync(plain, 'mine')
    symlinkSync(empty, linked)
    for (const home of [full, plain, linked]) await refused(file, code('conflict', /not an empty directory/), unlock, home)
    assert.equal(readFileSync(join(full, '.hidden'), 'utf8'), 'mine')
    assert.deepEqual(readdirSync(empty), [])
  })

  test('with another identity, or a passphrase where there is none, is refused', async () => {
    const file = join(directory, 'whole.age')
    await refused(file, code('backup_invalid', /does not open/), { identities: [new Secret(await generateX25519Identity())] })
    await refused(file, code('backup_invalid', /does not open/), { passphrase: new Secret('correct horse battery') })
    await refused(file, code('invalid_argument', /AGE-SECRET-KEY/), { identities: [new Secret('AGE-SECRET-KEY-1RUBBISH')] })
  })

  test('with a wrong passphrase is refused', async () => {
    const path = join(directory, 'passphrase.age')
    const chunks: Uint8Array[] = []
    for await (const chunk of await encrypt(each([Buffer.from('x')]), { passphrase: new Secret('the right passphrase') }))
      chunks.push(chunk)
    writeFileSync(path, Buffer.concat(chunks))
    await refused(path, code('backup_invalid', /does not open/), { passphrase: new Secret('the wrong passphrase') })
  })

  test('of a file that was cut off, changed or is something else is refused', async () => {
    const bytes = readFileSync(join(directory, 'whole.age'))
    const path = join(directory, 'damaged.age')
    const lengths = [0, 10, 100, 200, 300, 65_536, bytes.length - 65_553, bytes.length - 1].filter((length) => length >= 0)
    for (const length of lengths) {
      writeFileSync(path, bytes)
      truncateSync(path, length)
      await refused(path, code('backup_invalid', /incomplete/))
    }
    for (const at of [5, 60, 150, 250, 400, bytes.length - 5]) {
      const flipped = Buffer.from(bytes)
      flipped[at] = (flipped[at] ?? 0) ^ 1
      writeFileSync(path, flipped)
      await refused(path, code('backup_invalid'))
    }
    writeFileSync(path, 'PK\u0003\u0004 something else')
    await refused(path, code('backup_invalid', /no age file/))
    await refused(join(directory, 'nowhere.age'), code('invalid_argument', /cannot be read/))
  })

  test('of a name that climbs out writes nothing there', async () => {
    for (const name of ['../evil', 'policies/../../evil', join(directory, 'evil'), '.bashrc']) {
      const file = await craft([...whole, [name, { mode: 0o600, bytes: Buffer.from('evil') }]])
      await refused(file, code('backup_invalid', /below the data directory/))
    }
    assert.deepEqual(
      readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('evil')),
      [],
    )
  })

  test('of a member that comes twice, or in the place of a directory, is refused', async () => {
    const file = { mode: 0o600, bytes: Buffer.from('x') }
    await refused(await craft([...whole, ['vault.key', file]]), code('backup_invalid', /twice/))
    await refused(await craft([...whole, ['vault.key/x', file]]), code('state_unsafe'))
  })

  test('of another archive, or one that a newer Stint wrote, is refused', async () => {
    const manifest = JSON.parse(whole.get('stint-backup.json')?.bytes.toString() ?? '') as Record<string, unknown>
    await refused(await without('stint-backup.json'), code('backup_invalid', /no backup of Stint/))
    await refused(await craft([]), code('backup_invalid', /no backup of Stint/))
    await refused(await without('stint-backup.json', '{'), code('backup_invalid', /no backup of Stint/))
    await refused(await without('stint-backup.json', 'null'), code('backup_invalid'))
    await refused(
      await without('stint-backup.json', JSON.stringify({ ...manifest, format: 2 })),
      code('backup_invalid', /newer Stint/),
    )
  })

  test('of a database that is newer, damaged or none is refused', async () => {
    const path = join(directory, 'newer.db')
    writeFileSync(path, whole.get('state.db')?.bytes ?? '')
    const database = new DatabaseSync(path)
    database.exec("pragma journal_mode = delete; update meta set value = '99' where key = 'schema'")
    database.close()
    await refused(
      await without('state.db', readFileSync(path)),
      code('store_unavailable', /newer Stint wrote this state \(schema 99/),
    )
    const damaged = Buffer.from(whole.get('state.db')?.bytes ?? '')
    damaged.fill(0xff, 8192, 40_960)
    await refused(await without('state.db', damaged), code('store_unavailable', /damaged/))
    await refused(await without('state.db', 'no database'), code('store_unavailable', /damaged/))
  })

  test('of a backup that lacks a part is refused, naming it', async () => {
    for (const name of ['audit.key', 'token.key', 'state.db'])
      await refused(await without(name), code('backup_invalid', new RegExp(name)))
    for (const name of ['ca.key', 'ca.pem', 'vault.key'])
      await refused(await without(name), (thrown) => thrown instanceof Error && /missing|not in it|ca\.key/.test(thrown.message))
    for (const name of whole.keys()) if (name.startsWith('audit/')) await refused(await without(name), code('audit_tampered'))
  })

  test('of parts that do not belong together is refused', async () => {
    const key = whole.get('vault.key')?.bytes.toString() ?? ''
    const other = `${key.slice(0, 13)}${randomBytes(32).toString('base64url')}\n`
    await refused(await without('vault.key', other), code('vault_key_wrong'))
    const foreign = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    await refused(await without('audit.key', foreign), code('audit_tampered'))
    const [bundle = ''] = [...whole.keys()].filter((name) => name.startsWith('audit/tile/entries/'))
    const entries = whole.get(bundle)?.bytes.toString('latin1') ?? ''
    await refused(await without(bundle, Buffer.from(entries.replace('operator', 'Operator'), 'latin1')), code('audit_tampered'))
  })

  test('of a key that others could read is refused', async () => {
    for (const name of ['vault.key', 'token.key', 'audit.key', 'ca.key', 'state.db'])
      await refused(await without(name, whole.get(name)?.bytes, 0o644), code('state_unsafe', /0600/))
  })
})
