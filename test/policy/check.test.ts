import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { Command } from 'commander'
import type { CommandContext } from '../../src/cli/command.ts'
import { register } from '../../src/cli/commands/policy.ts'

const PERMIT = '@id("yes") permit (principal, action, resource);'

async function directoryOf(t: TestContext, files: Record<string, string>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'check-'))
  t.after(() => rm(directory, { recursive: true }))
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text)
  return directory
}

/** Runs `stint policy ...` and answers what it printed. */
async function stint(args: readonly string[], call: CommandContext['call'] = () => assert.fail('it is offline')) {
  const printed: { value: unknown; text: string }[] = []
  const context: CommandContext = {
    env: {},
    home: '/nowhere',
    output: {
      json: false,
      print: (value, text) => void printed.push({ value, text: text(value) }),
      say: () => undefined,
    },
    call,
    stream: () => assert.fail('it does not listen'),
  }
  const program = new Command().exitOverride()
  register(program, context)
  const failure = await program.parseAsync(['policy', ...args], { from: 'user' }).then(
    () => undefined,
    (error: unknown) => error as { code: string; detail: string },
  )
  return { text: printed.map((one) => one.text).join('\n'), failure }
}

describe('stint policy check', () => {
  test('counts what a valid directory holds', async (t) => {
    const directory = await directoryOf(t, {
      'a.cedar': PERMIT,
      'b.cedar': PERMIT.replace('yes', 'no').replace('permit', 'forbid'),
    })
    const { text, failure } = await stint(['check', directory])
    assert.equal(failure, undefined)
    assert.match(text, /^2 policies in 2 files are valid \(1 permits, 1 forbids\)\nset [0-9a-f]{64}$/)
  })

  test('fails with file, line and column', async (t) => {
    const directory = await directoryOf(t, {
      'a.cedar': `${PERMIT}\n@id("b") permit (principal, action in Action::"raed", resource);`,
    })
    const { failure } = await stint(['check', directory])
    assert.equal(failure?.code, 'policy_invalid')
    assert.match(failure?.detail ?? '', /^a\.cedar:2:39: /)
  })

  test('fails on an annotation that Stint does not know, which would deny', async (t) => {
    const directory = await directoryOf(t, { 'a.cedar': PERMIT.replace('permit', '@aproval("owner") permit') })
    assert.match((await stint(['check', directory])).failure?.detail ?? '', /^a\.cedar:1:1: Stint does not know @aproval/)
  })

  test('fails where there is nothing to check', async (t) => {
    assert.equal((await stint(['check', await directoryOf(t, {})])).failure?.code, 'policy_invalid')
    assert.equal((await stint(['check', '/no/such/place'])).failure?.code, 'policy_invalid')
  })
})

const CASE = (effect: string): string =>
  `- name: reads\n  request: { action: { id: 'http:GET', access: read } }\n  expect: { effect: ${effect} }\n`

describe('stint policy test', () => {
  test('passes where every case gets what it expects', async (t) => {
    const { text, failure } = await stint(['test', await directoryOf(t, { 'a.cedar': PERMIT, 'a.test.yaml': CASE('allow') })])
    assert.equal(failure, undefined)
    assert.match(text, /ok {3}a\.test\.yaml: reads\n\n1 passed, 0 failed$/)
  })

  test('fails with what differs', async (t) => {
    const files = { 'a.cedar': PERMIT, 'a.test.yaml': `${CASE('allow')}${CASE('deny')}` }
    const { text, failure } = await stint(['test', await directoryOf(t, files)])
    assert.equal(failure?.detail, '1 of 2 policy tests failed')
    assert.match(text, /FAIL a\.test\.yaml: reads\n +effect is allow, not deny\n[\s\S]*1 passed, 1 failed$/)
  })

  test('fails where there is no test, or none that can be read', async (t) => {
    const files: readonly [Record<string, string>, RegExp][] = [
      [{ 'a.cedar': PERMIT }, /no policy tests/],
      [{ 'a.cedar': PERMIT, 'a.test.yaml': '[]' }, /no policy tests/],
      [{ 'a.cedar': PERMIT, 'a.test.yaml': '- name: [' }, /^a\.test\.yaml: /],
      [{ 'a.cedar': PERMIT, 'a.test.yaml': CASE('perhaps') }, /^a\.test\.yaml: case 1, expect\.effect: /],
      [{ 'a.cedar': PERMIT, 'a.test.yaml': CASE('allow').replace('expect:', 'expects:') }, /case 1/],
      [{ 'a.cedar': 'permit', 'a.test.yaml': CASE('allow') }, /^a\.cedar:1:/],
    ]
    for (const [one, says] of files) {
      const { failure } = await stint(['test', await directoryOf(t, one)])
      assert.equal(failure?.code, 'policy_invalid')
      assert.match(failure?.detail ?? '', says)
    }
  })

  test('compares the code and the policies where a case names them', async (t) => {
    const expecting = (more: string): string => CASE(`allow, ${more}`)
    const ok = { 'a.cedar': PERMIT, 'a.test.yaml': expecting('code: allowed, policies: [yes]') }
    assert.equal(
      (await stint(['test', await directoryOf(t, { ...ok, 'a.test.yaml': expecting("code: allowed, policies: ['yes']") })]))
        .failure,
      undefined,
    )
    const wrong = await stint(['test', await directoryOf(t, { ...ok, 'a.test.yaml': expecting("policies: ['no']") })])
    assert.match(wrong.text, /policies is \[yes\], not \[no\]/)
  })
})

describe('stint policy explain', () => {
  test('asks the server for the explanation of an entry', async () => {
    const replay = {
      decision: { effect: 'deny', code: 'forbidden_by_policy', reasons: ['Never.'] },
      request: { principal: 'Workload::"w"', action: 'Action::"http:GET"', resource: 'Target::"t"' },
      risk: { score: 20, reasons: ['+20 writes'] },
      policies: [
        {
          id: 'no',
          effect: 'forbid',
          place: 'a.cedar:1',
          finding: 'satisfied',
          clauses: [{ text: 'when { true }', finding: 'satisfied' }],
        },
      ],
      sameRequest: true,
      samePolicies: false,
    }
    const asked: string[] = []
    const call = async (method: string, path: string): Promise<never> => {
      asked.push(`${method} ${path}`)
      return replay as never
    }
    const { text } = await stint(['explain', '7'], call)
    assert.deepEqual(asked, ['GET /v1/audit/entries/7/explanation'])
    assert.match(text, /^deny \(forbidden_by_policy\)\n {2}Never\.\n! The policies changed since/)
    assert.match(text, /forbid no \(a\.cedar:1\): satisfied\n {2}satisfied: when \{ true \}/)
  })

  test('takes nothing but a number', async () => {
    for (const entry of ['x', '-1', '1/../2', '1e3', ''])
      assert.equal((await stint(['explain', '--', entry])).failure?.code, 'invalid_argument')
  })
})
