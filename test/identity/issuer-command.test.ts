import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Command } from 'commander'
import type { CommandContext } from '../../src/cli/command.ts'
import { register } from '../../src/cli/commands/issuer.ts'
import { parseIssuerConfig } from '../../src/identity/issuer-config.ts'
import { AUDIENCE, RULE, withCode } from './fake-issuer.ts'

const COMMAND = join(import.meta.dirname, '..', '..', 'src', 'cli', 'commands', 'issuer.ts')
const ADD = [
  'add',
  'acme',
  '--issuer',
  'github',
  '--audience',
  AUDIENCE,
  '--claim',
  'repository_id=1234',
  '--claim',
  'ref=refs/heads/a=b',
]
const RIGHTS = ['--workload', RULE.workload, '--owner', RULE.owner, '--target', 'github-acme', '--action', 'github:*']
let directory = ''

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stint-issuer-command-'))
})
after(() => rm(directory, { recursive: true }))

/** Runs the command against an API that remembers what it was asked. */
async function run(args: readonly string[], answer: unknown = parseIssuerConfig(fixture())) {
  const asked: unknown[] = []
  const printed: string[] = []
  const context: CommandContext = {
    env: {},
    stream: () => assert.fail('nothing is streamed'),
    home: directory,
    output: { json: false, say: () => {}, print: (value, text) => void printed.push(text(value)) },
    call: async <T>(...call: unknown[]) => {
      asked.push(call)
      return answer as T
    },
  }
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} })
  register(program, context)
  await program.parseAsync(['issuer', ...args], { from: 'user' })
  return { asked, printed }
}

function fixture(): object {
  return { id: 'acme', kind: 'oidc', issuer: 'github', audience: AUDIENCE, rules: [RULE] }
}

describe('stint issuer', () => {
  test('add sends one rule, as the server accepts it', async () => {
    const { asked, printed } = await run([...ADD, ...RIGHTS, '--max-ttl', '1h'])
    const [method, path, body] = asked[0] as [string, string, unknown]
    assert.deepEqual([method, path], ['POST', '/v1/issuers'])
    const { rules, issuer } = parseIssuerConfig(body)
    assert.equal(issuer, 'https://token.actions.githubusercontent.com')
    assert.deepEqual(rules, [{ ...RULE, claims: { repository_id: '1234', ref: 'refs/heads/a=b' }, maxTtlSeconds: 3600 }])
    assert.match(printed.join(), /acme .*repository_id = 1234.*at most 900 s/s)
  })

  test('add --file sends the file as it is', async () => {
    const path = join(directory, 'issuer.json')
    await writeFile(path, JSON.stringify(fixture()))
    assert.deepEqual((await run(['add', '--file', path])).asked, [['POST', '/v1/issuers', fixture()]])
    await writeFile(path, '{')
    await assert.rejects(run(['add', '--file', path]), withCode('invalid_argument'))
    await assert.rejects(run(['add', '--file', join(directory, 'none')]), withCode('invalid_argument'))
  })

  const wrong: Readonly<Record<string, readonly string[]>> = {
    'no id': ['add', ...ADD.slice(2), ...RIGHTS],
    'no owner': [...ADD, '--workload', RULE.workload],
    'a claim without a value': [...ADD, ...RIGHTS, '--claim', 'ref'],
    'a claim without a name': [...ADD, ...RIGHTS, '--claim', '=main'],
    'one claim twice': [...ADD, ...RIGHTS, '--claim', 'ref=refs/heads/other'],
    'a life that is no duration': [...ADD, ...RIGHTS, '--max-ttl', 'long'],
  }
  for (const [what, args] of Object.entries(wrong)) {
    test(`add with ${what} is refused before anything is asked`, async () => {
      await assert.rejects(run(args), withCode('invalid_argument'))
    })
  }

  test('list shows what each rule grants, and what to do when there are none', async () => {
    const { printed } = await run(['list'], { items: [parseIssuerConfig(fixture())] })
    assert.match(printed.join(), /acme.*token\.actions.*spiffe:\/\/stint\.local\/ci\/acme-app.*github:\*/s)
    assert.match((await run(['list'], { items: [] })).printed.join(), /stint issuer add/)
  })

  test('remove names the issuer in the path, whatever its letters', async () => {
    assert.deepEqual((await run(['remove', 'a/../b'])).asked, [['DELETE', '/v1/issuers/a%2F..%2Fb']])
  })

  test('test reads the token from standard input, never from an argument, and ends with 1 for a refused one', () => {
    const program = `
      import { Command } from 'commander'
      import { register } from ${JSON.stringify(COMMAND)}
      const call = async (_method, _path, { token }) =>
        token === 'good' ? { accepted: true, caller: { id: 'me' }, rule: ${JSON.stringify(RULE)} } : { accepted: false, code: 'c', detail: 'd' }
      const program = new Command()
      register(program, { call, output: { print: (value, text) => process.stdout.write(text(value)) } })
      await program.parseAsync(['issuer', 'test'], { from: 'user' })`
    const feed = (input: string) =>
      spawnSync(process.execPath, ['--input-type=module', '-e', program], { input, encoding: 'utf8' })
    assert.match(feed('good\n').stdout, /Accepted as me/)
    const refused = feed('bad')
    assert.equal(refused.status, 1)
    assert.match(refused.stderr, /would be refused \(c\): d/)
  })
})
