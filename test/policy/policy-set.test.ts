import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { makePolicySet, sayProblem } from '../../src/policy/policy-set.ts'
import { setOf } from './sample.ts'

async function problemsOf(text: string): Promise<string[]> {
  const made = makePolicySet([{ name: 'x.cedar', text }])
  return 'problems' in made ? made.problems.map(sayProblem) : []
}

/** One problem, at this place, saying this. */
async function assertProblem(text: string, place: string, what: RegExp): Promise<void> {
  const problems = await problemsOf(text)
  assert.equal(problems.length, 1, problems.join('\n'))
  assert.ok(problems[0]?.startsWith(`x.cedar:${place}: `), problems[0])
  assert.match(problems[0] ?? '', what)
}

const on = (condition: string): string => `@id("a")\npermit (principal, action, resource is Target)\nwhen { ${condition} };`

describe('a policy set is refused at the place that is wrong', () => {
  const typos: readonly [what: string, text: string, place: string, says: RegExp][] = [
    ['an unknown attribute', on('context.enviroment == Environment::"staging"'), '3:8', /enviroment.*did you mean `environment`/],
    ['an unknown word', on('context.environment == Environment::"prodution"'), '3:31', /prodution.*"production"/],
    [
      'a fact of targets in a scope that takes in Stint itself',
      '@id("a") permit (principal, action, resource)\nwhen { context.environment == Environment::"staging" };',
      '2:8',
      /say `resource is Target` in the scope/,
    ],
    ['a word written as a string', on('context.environment == "production"'), '3:8', /String and Environment are not compatible/],
    ['an optional attribute read unguarded', on('context.ticket == "A-1"'), '3:8', /context has ticket/],
    [
      'an unknown group of actions',
      '@id("a") permit (principal, action in Action::"raed", resource);',
      '1:39',
      /did you mean `Action::"read"`/,
    ],
    [
      'an unknown act on Stint',
      '@id("a") permit (principal, action == Action::"stint:Task::strat", resource);',
      '1:39',
      /unrecognized action/,
    ],
    [
      'a group asked for as if it were an action',
      '@id("a") permit (principal, action == Action::"write", resource);',
      '1:1',
      /applicable action/,
    ],
    ['an unknown type', '@id("a") permit (principal is Worklod, action, resource);', '1:31', /did you mean `Workload`/],
    [
      'a principal where a resource belongs',
      '@id("a") permit (principal, action, resource is Workload);',
      '1:1',
      /impossible|applicable/,
    ],
    ['a condition that can never hold', on('context.risk < 5 && false'), '1:1', /impossible/],
    [
      'a misspelt keyword',
      '@id("a")\npermit (principal, action, resource)\n  whn { true };',
      '3:3',
      /must be either `when` or `unless`/,
    ],
    [
      'a missing semicolon',
      '@id("a") permit (principal, action, resource)\n@id("b") permit (principal, action, resource);',
      '2:1',
      /unexpected token/,
    ],
    ['a template, which nothing links', '@id("a") permit (principal == ?principal, action, resource);', '1:31', /template/],
    ['no id', 'permit (principal, action, resource);', '1:1', /no @id/],
    ['an id that is no name', '@id("a b") permit (principal, action, resource);', '1:1', /@id\("a b"\) takes/],
    [
      'an id twice',
      '@id("a") permit (principal, action, resource);\n\n@id("a") forbid (principal, action, resource);',
      '3:1',
      /taken by the policy at x.cedar:1/,
    ],
    ['an approval by nobody', '@id("a") @approval permit (principal, action, resource);', '1:1', /@approval\(""\) takes/],
    [
      'an approval by a name alone',
      '@id("a") @approval("ann") permit (principal, action, resource);',
      '1:1',
      /takes .*role:NAME/,
    ],
    [
      'a life of no seconds',
      '@id("a") @ttl("0") permit (principal, action, resource);',
      '1:1',
      /@ttl\("0"\) takes whole seconds/,
    ],
    ['a life in words', '@id("a") @ttl("5m") permit (principal, action, resource);', '1:1', /@ttl\("5m"\) takes/],
    [
      'an obligation on a forbid',
      '@id("a") @approval("owner") forbid (principal, action, resource);',
      '1:1',
      /belongs on a permit/,
    ],
    ['a name that reads backwards', '@id("a") permit (principal, action, resource == Target::"\u202ex");', '1:1', /BIDI/],
    ['a place after text that is not ASCII', `// é€\n${on('context.rsk > 1')}`, '4:8', /rsk/],
    ['a number that JSON would round', on('context.risk < 9007199254740993'), '1:1', /9007199254740991/],
    ['an empty file, as a half-finished save leaves it', ' \n', '1:1', /empty/],
  ]
  for (const [what, text, place, says] of typos) test(`for ${what}`, () => assertProblem(text, place, says))

  test('with every problem, not only the first', async () => {
    const problems = await problemsOf(`${on('context.x == 1')}\n@id("b") permit (principal, action in Action::"raed", resource);`)
    assert.equal(problems.length, 2)
  })
})

describe('a policy set', () => {
  test('may name actions of connectors, which the schema cannot know', async () => {
    setOf('@id("a") forbid (principal, action == Action::"github:PullRequest::merge", resource);')
    setOf(
      '@id("a") permit (principal, action in [Action::"http:GET", Action::"read"], resource) unless { action == Action::"http:HEAD" };',
    )
    setOf('@id("a") permit (principal, action == Action::"http:GET", resource) when { action in Action::"read" };')
  })

  test('is still checked where it names one', async () => {
    assert.equal(
      (await problemsOf('@id("a") permit (principal, action == Action::"http:GET", resource) when { context.nope };')).length,
      1,
    )
    assert.equal((await problemsOf('@id("a") permit (principal, action == Action::"http:GET", resource is Stint);')).length, 1)
  })

  test('has a hash of its schema and its files by name, not of the order they were read in', async () => {
    const a = { name: 'a.cedar', text: '@id("a") permit (principal, action, resource);' }
    const b = { name: 'b.cedar', text: '@id("b") forbid (principal, action, resource);' }
    const hash = async (...files: { name: string; text: string }[]): Promise<string> => {
      const made = makePolicySet(files)
      assert.ok('hash' in made)
      return made.hash
    }
    const both = await hash(a, b)
    assert.match(both, /^[0-9a-f]{64}$/)
    assert.equal(await hash(b, a), both)
    assert.notEqual(await hash(a), both)
    assert.notEqual(await hash({ ...a, name: 'c.cedar' }, b), both)
    assert.notEqual(await hash({ ...a, text: `${a.text} ` }, b), both)
    assert.notEqual(await hash({ name: 'a.cedar', text: `${a.text}\n${b.text}` }), both)
  })

  test('knows where each policy stands', async () => {
    const { policies } = setOf(
      '// one\n@id("a") permit (principal, action, resource);\n\n  @id("b")\nforbid (principal, action, resource);',
    )
    assert.deepEqual(
      policies.map(({ id, line }) => [id, line]),
      [
        ['a', 2],
        ['b', 4],
      ],
    )
  })
})
