import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { createClient } from '../../src/cli/client.ts'
import { openVault } from '../../src/credentials/vault.ts'
import { NOT_COPIED } from '../../src/home.ts'
import { restoreBackup } from '../../src/restore-backup.ts'
import { Secret } from '../../src/secret.ts'
import { openStore } from '../../src/store/store.ts'
import { fileSource } from '../credentials/sources.ts'
import { type Installation, startStint } from '../fakes/stint.ts'
import { ageOrSkip } from './age.ts'

const age = await ageOrSkip()
const PASSPHRASE = 'correct horse battery staple'

describe('a backup of an installation that runs', () => {
  let stint: Installation
  let directory: string
  let identity: string
  let recipient: string

  before(async () => {
    stint = await startStint()
    directory = mkdtempSync(join(tmpdir(), 'stint-backup-'))
    identity = await generateX25519Identity()
    recipient = await identityToRecipient(identity)
    writeFileSync(join(directory, 'key.txt'), `# created by a test\n${identity}\n`)
    writeFileSync(join(stint.home, 'config.yaml'), 'logLevel: warn\n', { mode: 0o600 })
    writeFileSync(join(stint.home, 'policies', 'own.cedar'), '// our own\n')
    await stint.cli(['target', 'add', 'orders', '--host', 'orders.example.com'])
    for (const name of ['one', 'two']) await stint.cli(['credential', 'add', name], `value-of-${name}`)
  })
  after(async () => {
    await stint.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  const create = (to: string, ...more: readonly string[]) => stint.cli(['backup', 'create', '--to', join(directory, to), ...more])
  const restoreTo = (home: string, file: string) =>
    restoreBackup({
      home: join(directory, home),
      file: join(directory, file),
      unlock: { identities: [new Secret(identity)] },
      now: Date.now,
    })

  test('is restored, serves, and its log goes on from the one that was', async () => {
    await create('whole.age', '--recipient', recipient)
    const { call } = createClient(() => stint.home)
    const earlier = join(directory, 'checkpoint')
    execFileSync('cp', [join(stint.home, 'audit', 'checkpoint'), earlier])
    const task = await call<{ task: { id: string } }>('POST', '/v1/tasks', {
      ...{ purpose: 'test', targets: ['orders'], actions: ['*'], keyThumbprint: 'x'.repeat(43) },
    })
    await create('live.age', '--recipient', recipient)
    const home = join(directory, 'restored')
    const restored = await stint.cli([
      '--home',
      home,
      'backup',
      'restore',
      join(directory, 'live.age'),
      '--identity',
      join(directory, 'key.txt'),
    ])
    assert.deepEqual([restored.code, restored.stderr], [0, ''])
    assert.match(restored.stdout, /1 live tasks were ended/)

    const again = await startStint({ STINT_HOME: home })
    try {
      const { call: callAgain } = createClient(() => home)
      for (const path of ['/v1/targets', '/v1/credentials', '/.well-known/jwks.json', '/v1/audit/public-key', '/ca.pem'])
        assert.deepEqual(await callAgain('GET', path), await call('GET', path), path)
      const { state, endReason } = await callAgain<{ state: string; endReason: string }>('GET', `/v1/tasks/${task.task.id}`)
      assert.deepEqual([state, endReason], ['ended', 'the installation was restored from a backup'])
      assert.deepEqual(await callAgain('POST', '/v1/vault/rotate-key'), { credentials: 2 })
      const { items } = await callAgain<{ items: { detail: string }[] }>('GET', '/v1/audit/entries?text=restored')
      assert.match(items.at(-1)?.detail ?? '', /^restored from a backup taken at 20.*; 1 live tasks were ended$/)
      const { items: acts } = await callAgain<{ items: unknown[] }>('GET', '/v1/audit/entries?action=stint:Backup::create')
      assert.equal(acts.length, 2)
    } finally {
      await again.stop()
    }
    const verified = await stint.cli(['--home', home, 'audit', 'verify', '--checkpoint', earlier])
    assert.equal(verified.code, 0, verified.stderr)
    assert.match(verified.stdout, /extends the one of/)
    assert.equal(readFileSync(join(home, 'policies', 'own.cedar'), 'utf8'), '// our own\n')
    assert.equal(await secretIn(home, 'one'), 'value-of-one')
  })

  test('holds every file of the data directory but those that it takes another way', async () => {
    await create('files.age', '--recipient', recipient)
    await restoreTo('files', 'files.age')
    const filesOf = (home: string): string[] =>
      readdirSync(home, { recursive: true, encoding: 'utf8' })
        .filter((name) => !NOT_COPIED.has(name.split('/')[0] ?? '') && statSync(join(home, name)).isFile())
        .sort()
    assert.deepEqual(filesOf(join(directory, 'files')), filesOf(stint.home))
    for (const name of filesOf(stint.home))
      assert.deepEqual(readFileSync(join(directory, 'files', name)), readFileSync(join(stint.home, name)), name)
    assert.deepEqual(
      readdirSync(stint.home).filter((name) => name.startsWith('.')),
      [],
    )
  })

  test('is for the owner alone: files 0600 and directories 0700, when it is written and when it is restored', async () => {
    await create('modes.age', '--recipient', recipient)
    assert.equal(statSync(join(directory, 'modes.age')).mode & 0o777, 0o600)
    await restoreTo('modes', 'modes.age')
    const home = join(directory, 'modes')
    assert.equal(statSync(home).mode & 0o777, 0o700)
    for (const name of readdirSync(home, { recursive: true, encoding: 'utf8' })) {
      const found = statSync(join(home, name))
      const mode = (found.mode & 0o777).toString(8)
      if (found.isDirectory()) assert.equal(mode, '700', name)
      else if (!name.startsWith('policies/') && !name.endsWith('lock')) assert.equal(mode, '600', name)
    }
  })

  test('has the vault’s key that its records are sealed under, whatever is rotated and added meanwhile', async () => {
    const { call } = createClient(() => stint.home)
    let isDone = false
    const changing = (async () => {
      for (let number = 0; !isDone; number += 1) {
        await call('POST', '/v1/vault/rotate-key')
        await call('POST', '/v1/credentials', { id: `busy-${number}`, value: `value-of-${number}` })
        await delay(50)
      }
    })()
    try {
      for (const name of ['busy-1', 'busy-2', 'busy-3']) {
        const { code, stderr } = await create(`${name}.age`, '--recipient', recipient)
        if (code !== 0) assert.match(stderr, /keep changing; try again/)
        else await restoreTo(name, `${name}.age`)
      }
    } finally {
      isDone = true
      await changing
    }
    await create('quiet.age', '--recipient', recipient)
    await restoreTo('quiet', 'quiet.age')
    assert.equal(await secretIn(join(directory, 'quiet'), 'two'), 'value-of-two')
  })

  test('is made for a passphrase as well, which must not be short', async () => {
    const file = join(directory, 'passphrase')
    writeFileSync(file, `${PASSPHRASE}\n`)
    assert.equal((await create('passphrase.age', '--passphrase-file', file)).code, 0)
    const home = join(directory, 'by-passphrase')
    const back = await stint.cli(
      ['--home', home, 'backup', 'restore', join(directory, 'passphrase.age'), '--passphrase'],
      PASSPHRASE,
    )
    assert.deepEqual([back.code, back.stderr], [0, ''])
    const short = await stint.cli(['backup', 'create', '--to', join(directory, 'short.age'), '--passphrase'], 'hunter2')
    assert.deepEqual([short.code, /12 characters/.test(short.stderr)], [2, true])
  })

  test('is not written over a file, into the data directory, for nobody, or for something that is no recipient', async () => {
    writeFileSync(join(directory, 'taken.age'), 'mine')
    const taken = await create('taken.age', '--recipient', recipient)
    assert.deepEqual([taken.code, /there already/.test(taken.stderr)], [1, true])
    assert.equal(readFileSync(join(directory, 'taken.age'), 'utf8'), 'mine')
    const inside = await stint.cli(['backup', 'create', '--to', join(stint.home, 'x.age'), '--recipient', recipient])
    assert.match(inside.stderr, /outside the data directory/)
    for (const more of [
      [],
      ['--recipient', 'age1rubbish'],
      ['--recipient', 'ssh-rubbish'],
      ['--recipient', recipient, '--passphrase'],
    ])
      assert.equal((await create('none.age', ...more)).code, 2, more.join(' '))
    assert.deepEqual(
      readdirSync(directory).filter((name) => /^none|^taken\.age\./.test(name)),
      [],
    )
  })

  test('needs the operator’s policies to allow it, and a Stint that runs', async () => {
    const forbid = join(stint.home, 'policies', 'no-backups.cedar')
    writeFileSync(
      forbid,
      '@id("no-backups") @reason("none today") forbid (principal, action == Action::"stint:Backup::create", resource);\n',
    )
    await stint.cli(['policy', 'reload'])
    const { code, stderr } = await create('forbidden.age', '--recipient', recipient)
    assert.deepEqual([code, /none today/.test(stderr)], [4, true], stderr)
    assert.ok(!readdirSync(directory).includes('forbidden.age'))
    execFileSync('rm', [forbid])
    await stint.cli(['policy', 'reload'])
    const elsewhere = await stint.cli([
      '--home',
      join(directory, 'nowhere'),
      'backup',
      'create',
      '--to',
      '/nowhere/x',
      '--recipient',
      recipient,
    ])
    assert.equal(elsewhere.code, 3)
  })

  describe('and the age program', { skip: age.skip }, () => {
    test('opens what Stint wrote, and tar lists it', async () => {
      const theirs = await age.running.keygen(join(directory, 'theirs.txt'))
      await create('theirs.age', '--recipient', theirs, '--recipient', recipient)
      await age.running.decrypt(join(directory, 'theirs.age'), join(directory, 'theirs.txt'), join(directory, 'theirs.tar'))
      const names = execFileSync('tar', ['-tf', join(directory, 'theirs.tar')], { encoding: 'utf8' }).split('\n')
      for (const name of [
        'stint-backup.json',
        'state.db',
        'vault.key',
        'audit.key',
        'audit/checkpoint',
        'policies/own.cedar',
        'config.yaml',
      ])
        assert.ok(names.includes(name), name)
    })

    test('writes what Stint restores', async () => {
      await age.running.encrypt(join(directory, 'theirs.tar'), recipient, join(directory, 'foreign.age'))
      await restoreTo('foreign', 'foreign.age')
      assert.equal(await secretIn(join(directory, 'foreign'), 'one'), 'value-of-one')
    })
  })
})

async function secretIn(home: string, id: string): Promise<string> {
  const store = await openStore(join(home, 'state.db'))
  try {
    return (await openVault(store, fileSource(join(home, 'vault.key')))).open(id).reveal()
  } finally {
    await store.close()
  }
}
