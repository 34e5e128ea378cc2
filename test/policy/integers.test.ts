import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { createDecider } from '../../src/policy/decide.ts'
import { digestOf } from '../../src/policy/digest.ts'
import { explain } from '../../src/policy/explain.ts'
import { makePolicySet } from '../../src/policy/policy-set.ts'
import { misfit } from '../../src/policy/schema.ts'
import { requestWith, setOf } from './sample.ts'

const DOCUMENT = readFileSync(new URL('../../docs/policies.md', import.meta.url), 'utf8')
const POLICIES = /```cedar\n(.*?)```/s.exec(DOCUMENT)?.[1] ?? ''

type Parameters = Readonly<Record<string, string | readonly string[]>>

const callWith = (parameters: Parameters) =>
  requestWith({
    target: { id: 'bank', connector: 'mcp' },
    task: { scope: { targets: ['bank'], actions: ['*'] } },
    action: { id: 'mcp:Tool::call', access: 'write', resource: 'tool/transfer', parameters },
  })
const amount = (value: string): Parameters => ({ 'arguments/amount': [value], integers: ['amount'] })

describe('the whole numbers among arguments', () => {
  const decider = createDecider(setOf(POLICIES), (error) => assert.fail(String(error)))
  const codeOf = (parameters: Parameters) => decider.decide(callWith(parameters)).code

  test('are counted by policies, as docs/policies.md has it', () => {
    for (const [value, code] of [
      ['100', 'allowed'],
      ['101', 'no_policy_permits'],
      ['99', 'allowed'],
      ['999', 'no_policy_permits'],
      ['1000', 'forbidden_by_policy'],
      ['9007199254740991', 'forbidden_by_policy'],
      ['-9007199254740991', 'allowed'],
      ['-0', 'allowed'],
    ] as const)
      assert.equal(codeOf(amount(value)), code, value)
  })

  test('are none where they are left out, are texts, are too large to be counted, or are two', () => {
    for (const parameters of [
      {},
      { integers: ['amount'] },
      { 'arguments/amount': ['5'] },
      { 'arguments/other': ['5'], integers: ['other'] },
      { 'arguments/amount': ['5', '9'], integers: ['amount'] },
      amount('9007199254740993'),
      amount('99.5'),
      amount('five'),
      amount('NaN'),
    ])
      assert.equal(codeOf(parameters), 'forbidden_by_policy', JSON.stringify(parameters))
  })

  test('are part of what is remembered, recorded and consented to', () => {
    const [five, six] = [callWith(amount('5')), callWith(amount('6'))]
    assert.deepEqual(five.context.integers, { amount: 5 })
    assert.notEqual(digestOf(five), digestOf(six))
    assert.notEqual(digestOf({ ...five, context: { ...five.context, integers: { amount: 6 } } }), digestOf(five))
    assert.equal('integers' in callWith({}).context, false)
  })

  test('fit the schema only as whole numbers by name', () => {
    const { context, ...request } = callWith(amount('5'))
    const misfitOf = (integers: never) => misfit({ ...request, context: { ...context, integers } })
    assert.equal(misfitOf({ amount: 5, more: -5 } as never), undefined)
    for (const wrong of [{ amount: '5' }, { amount: 5.5 }, { amount: 2 ** 53 }, { amount: [5] }, [5], 5, null])
      assert.match(misfitOf(wrong as never) ?? '', /integers/, JSON.stringify(wrong))
  })

  test('are shown by an explanation, clause by clause', () => {
    const { request, policies } = explain(decider, callWith(amount('50')))
    assert.deepEqual(request.context.integers, { amount: 50 })
    assert.deepEqual(
      policies.map(({ id, finding }) => [id, finding]),
      [
        ['small-transfers', 'satisfied'],
        ['never-large', 'not satisfied'],
      ],
    )
  })

  test('are read by no policy that does not ask for them first, nor counts a text', () => {
    const made = (condition: string) =>
      makePolicySet([{ name: 'a.cedar', text: `@id("a") permit (principal, action, resource is Target) when { ${condition} };` }])
    for (const condition of [
      'context.integers.hasTag("amount")',
      'context has integers && context.integers.getTag("amount") < 1',
      'context has integers && context.integers.hasTag("amount") && context.integers.getTag("amount") == "1"',
    ])
      assert.ok('problems' in made(condition), condition)
  })
})
