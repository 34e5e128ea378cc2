import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { createClient } from '../../src/cli/client.ts'
import { openVault } from '../../src/credentials/vault.ts'
import { Secret } from '../../src/secret.ts'
import { openStore } from '../../src/store/store.ts'
import { type Installation, startStint } from '../fakes/stint.ts'
import { temporaryDirectory } from '../store/temporary.ts'
import { fileSource } from './sources.ts'

const COUNT = 40
const secretOf = (number: number): string => `the value of credential ${number}`
const keysIn = (path: string): string[] => readFileSync(path, 'utf8').trimEnd().split('\n')

test('a vault killed at any instant of a rotation opens everything, and one more rotation leaves one key', async (t) => {
  const directory = await temporaryDirectory(t)
  const [database, keyFile] = [join(directory, 'state.db'), join(directory, 'vault.key')]
  const first = await openStore(database)
  const filled = await openVault(first, fileSource(keyFile))
  for (let number = 0; number < COUNT; number += 1) await filled.add(`c${number}`, new Secret(secretOf(number)))
  await first.close()
  let broken = 0
  for (let round = 0; round < 12; round += 1) {
    await rotateUntilKilled(database, keyFile, round)
    if (keysIn(keyFile).length > 1) broken += 1
    const store = await openStore(database)
    const vault = await openVault(store, fileSource(keyFile))
    for (let number = 0; number < COUNT; number += 1) assert.equal(vault.open(`c${number}`).reveal(), secretOf(number))
    await store.close()
  }
  t.diagnostic(`${broken} of 12 kills left an unfinished rotation`)
  const store = await openStore(database)
  const vault = await openVault(store, fileSource(keyFile))
  assert.equal(await vault.rotateKey(), COUNT)
  assert.equal(keysIn(keyFile).length, 1)
  await store.close()
})

/** Kills it a little later each time, after its first rotations. */
async function rotateUntilKilled(database: string, keyFile: string, afterMs: number): Promise<void> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'rotate-child.ts'), database, keyFile], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = new Promise((done) => child.on('close', done))
  for await (const line of createInterface(child.stdout)) {
    assert.equal(line, String(COUNT))
    if (child.killed) continue
    await delay(afterMs)
    child.kill('SIGKILL')
  }
  await gone
  assert.equal(child.signalCode, 'SIGKILL')
}

describe('stint credential rotate-key', () => {
  let stint: Installation
  const keyFile = (): string => join(stint.home, 'vault.key')
  before(async () => {
    stint = await startStint()
    for (const name of ['one', 'two']) await stint.cli(['credential', 'add', name], `value-of-${name}`)
  })
  after(() => stint.stop())

  test('gives the vault a new key, forgets the old one, and stands in the log', async () => {
    const [old] = keysIn(keyFile())
    const { code, stdout } = await stint.cli(['credential', 'rotate-key'])
    assert.deepEqual([code, stdout], [0, 'The vault has a new key; 2 credentials are sealed under it.\n'])
    assert.equal(keysIn(keyFile()).length, 1)
    assert.ok(!keysIn(keyFile()).includes(old ?? ''))
    const { items } = JSON.parse((await stint.cli(['audit', 'search', '--json', '--action', 'stint:Vault::rotate'])).stdout)
    assert.equal(items.length, 1)
    assert.match(items[0].caller, /operator$/)
    const [current = ''] = keysIn(keyFile())
    for (const secret of [old, current]) assert.ok(!JSON.stringify(items).includes(secret?.split(' ')[1] ?? '?'))
  })

  test('is done in turn when asked for at once', async () => {
    const { call } = createClient(() => stint.home)
    const answers = await Promise.all(Array.from({ length: 5 }, () => call('POST', '/v1/vault/rotate-key')))
    assert.deepEqual(
      answers,
      Array.from({ length: 5 }, () => ({ credentials: 2 })),
    )
    assert.equal(keysIn(keyFile()).length, 1)
  })

  test('is for the operator alone', async () => {
    const before = keysIn(keyFile())
    const answer = await fetch(`http://127.0.0.1:${stint.apiPort}/v1/vault/rotate-key`, { method: 'POST' })
    assert.equal(answer.status, 401)
    assert.deepEqual(keysIn(keyFile()), before)
  })

  test('killed midway leaves a server that starts, and that finishes it when asked again', async () => {
    const { call } = createClient(() => stint.home)
    const rotating = Promise.allSettled(Array.from({ length: 20 }, () => call('POST', '/v1/vault/rotate-key')))
    await call('POST', '/v1/vault/rotate-key')
    stint.server.kill('SIGKILL')
    await rotating
    await stint.restart()
    assert.equal((await stint.cli(['credential', 'rotate-key'])).code, 0)
    assert.equal(keysIn(keyFile()).length, 1)
  })
})

test('a credential that is too short is refused with what to do, and is not in the vault', async (t) => {
  const stint = await startStint()
  t.after(() => stint.stop())
  const { code, stderr } = await stint.cli(['credential', 'add', 'short'], 'hunter2')
  assert.equal(code, 1)
  assert.match(stderr, /^stint: a credential takes 8 bytes or more\nnext: Have a longer one made/)
  const refused = await stint.cli(['credential', 'add', 'short', '--json'], 'hunter2')
  assert.equal(JSON.parse(refused.stderr).code, 'secret_too_short')
  assert.doesNotMatch(stderr + refused.stderr, /hunter2/)
  assert.deepEqual(JSON.parse((await stint.cli(['credential', 'list', '--json'])).stdout), { items: [] })
})

test('a server whose vault key a command prints: sealed, moved, refused with another key, and the key stands nowhere', async (t) => {
  const directory = await temporaryDirectory(t)
  const keyFile = join(directory, 'key')
  const [first, second] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')]
  writeFileSync(keyFile, first)
  const command = `echo a word to the operator >&2; cat '${keyFile}'`
  const stint = await startStint({ STINT_VAULT_KEY_SOURCE: 'command', STINT_VAULT_KEY_COMMAND: command })
  t.after(() => stint.stop())
  await stint.cli(['credential', 'add', 'token'], 'value-of-token')
  const same = await stint.cli(['credential', 'rotate-key'])
  assert.deepEqual([same.code, /prints the same key/.test(same.stderr)], [1, true])
  writeFileSync(keyFile, second)
  const rotated = await stint.cli(['credential', 'rotate-key'])
  assert.deepEqual([rotated.code, rotated.stdout], [0, 'The vault has a new key; 1 credentials are sealed under it.\n'])
  writeFileSync(keyFile, first)
  stint.server.kill('SIGTERM')
  const refused = await stint.restart().then(
    () => 'it started',
    (thrown: unknown) => String(thrown),
  )
  assert.match(refused, /\d of the vault’s records are sealed under another key than the command of `vaultKeyCommand` has/)
  assert.match(refused, /a word to the operator/)
  for (const name of readdirSync(stint.home, { recursive: true, encoding: 'utf8' })) {
    const path = join(stint.home, name)
    if (!statSync(path).isFile()) continue
    const text = readFileSync(path, 'latin1')
    assert.ok(!text.includes(first) && !text.includes(second), name)
  }
  assert.ok(!refused.includes(first))
  assert.ok(!readdirSync(stint.home).includes('vault.key'))
  writeFileSync(keyFile, second)
  await stint.restart()
  assert.match((await stint.cli(['credential', 'list'])).stdout, /token/)
})
