import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { main } from '../../src/cli/main.ts'
import { type Installation, startStint } from '../fakes/stint.ts'

const VALUE = 'S3CRET-value-of-a-token'
let stint: Installation

before(async () => {
  stint = await startStint()
})
after(() => stint.stop())

interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** In this process, against the real server. */
async function run(...args: string[]): Promise<Ran> {
  const [out, err]: [string[], string[]] = [[], []]
  const sink = (texts: string[]) => ({ write: (text: string) => void texts.push(text) })
  const before = process.exitCode
  const env = {
    PATH: process.env.PATH,
    HOME: stint.home,
    STINT_HOME: stint.home,
    MY_TOKEN: VALUE,
    LONG: 'x'.repeat(65_537),
    EMPTY: '\n',
  }
  const code = await main(args, env, { out: sink(out), err: sink(err) })
  process.exitCode = before
  return { code, stdout: out.join(''), stderr: err.join('') }
}

async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await run('--json', ...args)
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout)
}

async function refused(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args)
  assert.notEqual(code, 0)
  assert.doesNotMatch(stdout + stderr, /S3CRET/)
  return stderr
}

describe('stint target', () => {
  test('lets what is minted be handed out where it is told to, shows that, and never for a key that is stored', async () => {
    const settings = ['--set', 'app_id=1', '--set', 'installation_id=2', '--set', 'owner=acme']
    const added = await run(
      'target',
      'add',
      'app',
      '--connector',
      'github-app',
      '--host',
      'app.test',
      '--credential',
      'app',
      ...settings,
      '--hand-out',
    )
    assert.match(added.stdout, /handed out +what is made for a task/)
    assert.match((await run('target', 'list')).stdout, /app \(handed out\)/)
    assert.match(await refused('target', 'add', 'wrapped', '--host', 'wrapped.test', '--hand-out'), /handsOut is not for http/)
    await run('target', 'remove', 'app')
  })

  test('adds the preset of its name, and says which command comes next', async () => {
    const first = await run('target', 'add', 'github')
    assert.match(first.stdout, /Next: stint credential add github/)
    await run('credential', 'add', 'github', '--from-env', 'MY_TOKEN')
    const second = await run('target', 'add', 'second', '--host', 'second.test', '--credential', 'github')
    assert.match(second.stdout, /Next: stint run .*--target second/)
    const { connector, placement, labels, credentialId } = await json('target', 'show', 'github')
    assert.deepEqual(
      [connector, placement, labels, credentialId],
      ['github', { kind: 'header', name: 'authorization', prefix: 'Bearer ' }, ['preset:github'], 'github'],
    )
  })

  test('adds a system from nothing but its options', async () => {
    await json(
      'target',
      'add',
      'local',
      '--host',
      'http://127.0.0.1:8080',
      '--private-network',
      '127.0.0.1/32',
      '--inject',
      'header:X-Key',
      '--environment',
      'staging',
      '--sensitivity',
      'restricted',
      '--label',
      'team:a',
    )
    const shown = await json('target', 'show', 'local')
    assert.deepEqual(shown.hosts, [{ scheme: 'http', host: '127.0.0.1', port: 8080 }])
    assert.deepEqual(shown.placement, { kind: 'header', name: 'x-key', prefix: '' })
    assert.deepEqual(
      [shown.environment, shown.sensitivity, shown.labels, shown.credentialId],
      ['staging', 'restricted', ['team:a'], 'local'],
    )
  })

  test('injects nothing where that is asked for, and where the preset needs nothing', async () => {
    await json('target', 'add', 'open', '--host', 'open.test', '--no-credential')
    await json('target', 'add', 'npm')
    await json('target', 'add', 'pypi')
    for (const id of ['open', 'npm', 'pypi']) assert.deepEqual((await json('target', 'show', id)).placement, { kind: 'none' })
    await json('target', 'remove', 'npm')
    await json('target', 'add', 'npm', '--credential', 'npm-token')
    assert.equal((await json('target', 'show', 'npm')).credentialId, 'npm-token')
  })

  test('asks for what a preset cannot know', async () => {
    assert.match(await refused('target', 'add', 'jira', '--preset', 'atlassian', '--username', 'me'), /--host is missing/)
    assert.match(
      await refused('target', 'add', 'jira', '--preset', 'atlassian', '--host', 'a.atlassian.net'),
      /--username is missing/,
    )
    assert.match(await refused('target', 'add', 'nothing'), /--host is missing/)
    assert.match(await refused('target', 'add', 'x', '--preset', 'nothing'), /target presets/)
  })

  test('refuses what makes no sense, and says what it takes', async () => {
    for (const [args, words] of [
      [['--host', 'a/b'], /--host takes/],
      [['--host', 'ftp://a.test'], /--host takes/],
      [['--host', 'a.test', '--inject', 'cookie:a'], /--inject takes/],
      [['--host', 'a.test', '--connector', 'none'], /connector/],
      [['--host', 'a.test', '--ca-file', '/nonexistent'], /cannot be read/],
      [['--host', 'a.test', '--private-network', '0.0.0.0/0'], /private/],
      [['--host', 'http://a.test'], /https/],
      [['--host', 'github.com'], /belongs to target github/],
    ] as const)
      assert.match(await refused('target', 'add', 'bad', ...args), words)
  })

  test('lists, and forgets', async () => {
    await json('target', 'add', 'gone', '--host', 'gone.test')
    assert.match((await run('target', 'list')).stdout, /^gone +http +https:\/\/gone\.test/m)
    await json('target', 'remove', 'gone')
    assert.doesNotMatch((await run('target', 'list')).stdout, /gone/)
    assert.match(await refused('target', 'show', 'gone'), /there is no target gone/)
    assert.match((await run('target', 'presets')).stdout, /^anthropic +The Anthropic API\.$/m)
  })
})

describe('stint credential', () => {
  test('takes a value from a pipe, a file and a variable, without the line break at its end', async () => {
    const file = join(stint.home, '..', 'token')
    writeFileSync(file, `${VALUE}\r\n`)
    const piped = await stint.cli(['credential', 'add', 'piped'], `${VALUE}\n`)
    const filed = await run('credential', 'add', 'filed', '--from-file', file)
    const named = await run('credential', 'add', 'named', '--from-env', 'MY_TOKEN')
    for (const { code, stdout, stderr } of [piped, filed, named]) {
      assert.equal(code, 0, stderr)
      assert.doesNotMatch(stdout + stderr, /S3CRET/)
    }
    const { stdout } = await run('credential', 'list')
    for (const name of ['piped', 'filed', 'named']) assert.match(stdout, new RegExp(`^${name} `, 'm'))
  })

  test('refuses a value among the arguments, in whatever way it is given, and does not repeat it', async () => {
    for (const args of [
      ['add', 'name', VALUE],
      ['add', 'name', `--value=${VALUE}`],
      ['add', `--value=${VALUE}`],
      ['add', 'name', '--token', VALUE],
      ['add', `ghp_${VALUE.replaceAll('-', '')}`],
      ['add', `sk-${VALUE}`],
      ['replace', 'github', VALUE],
      ['rotate', 'github', VALUE],
      ['add', 'name', '--from-env', VALUE],
      ['add', 'name', '--from-file', VALUE],
    ])
      await refused('credential', ...args)
    assert.match(await refused('credential', 'add', 'name', VALUE), /treat it as leaked/)
    assert.doesNotMatch((await run('credential', 'list')).stdout, /^name |S3CRET/m)
  })

  test('refuses no value, two sources, a name that is taken and one that is not there', async () => {
    assert.match(await refused('credential', 'add', 'empty', '--from-env', 'EMPTY'), /empty/)
    assert.match(await refused('credential', 'add', 'empty', '--from-env', 'UNSET'), /not set/)
    assert.match(await refused('credential', 'add', 'two', '--from-env', 'MY_TOKEN', '--from-file', 'x'), /not both/)
    assert.match(await refused('credential', 'add', 'huge', '--from-env', 'LONG'), /larger/)
    await run('credential', 'add', 'taken', '--from-env', 'MY_TOKEN')
    assert.match(await refused('credential', 'add', 'taken', '--from-env', 'MY_TOKEN'), /replace it/)
    assert.match(await refused('credential', 'replace', 'absent', '--from-env', 'MY_TOKEN'), /there is no credential absent/)
    assert.match(await refused('credential', 'rotate', 'absent'), /absent has no recipe/)
    assert.match(await refused('credential', 'remove', 'absent'), /there is no credential absent/)
  })

  test('rotates and removes', async () => {
    await run('credential', 'add', 'old', '--from-env', 'MY_TOKEN')
    assert.equal((await stint.cli(['credential', 'replace', 'old'], `${VALUE}-2`)).code, 0)
    assert.equal((await run('credential', 'remove', 'old')).code, 0)
    assert.doesNotMatch((await run('credential', 'list')).stdout, /^old /m)
  })
})

describe('stint tunnel', () => {
  test('allows a host, lists it and refuses it again', async () => {
    assert.deepEqual(await json('tunnel', 'add', '*.CDN.test'), { host: '*.cdn.test', port: 443 })
    await json('tunnel', 'add', '[::1]:8443')
    assert.match((await run('tunnel', 'list')).stdout, /^\*\.cdn\.test +443$/m)
    await json('tunnel', 'remove', '*.cdn.test')
    await json('tunnel', 'remove', '[::1]:8443')
    assert.match((await run('tunnel', 'list')).stdout, /No tunnels/)
    assert.match(await refused('tunnel', 'add', 'https://a.test/x'), /write the host as/)
    assert.match(await refused('tunnel', 'add', 'a.test:99999'), /port/)
  })
})
