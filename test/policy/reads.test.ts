import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { CedarValue } from '../../src/model.ts'
import { parsePolicy } from '../../src/policy/cedar.ts'
import { fingerprint, joinReads, project, type Reads, type ReadTree, readsOf } from '../../src/policy/reads.ts'

const isWord = (type: string): boolean => type === 'Proof'

function reading(condition: string): Reads {
  const parsed = parsePolicy(`permit (principal, action, resource) when { ${condition} };`)
  assert.ok('json' in parsed, JSON.stringify(parsed))
  return readsOf(parsed.json.conditions, isWord)
}

const nothing = { context: new Map(), identity: false, groups: false }
const value: fc.Arbitrary<CedarValue> = fc.letrec<{ v: CedarValue }>((tie) => ({
  v: fc.oneof(
    { maxDepth: 3 },
    fc.string(),
    fc.constantFrom('', '"0 ', '-', '{', 'true;', '1;'),
    fc.integer(),
    fc.boolean(),
    fc.array(tie('v'), { maxLength: 3 }),
    fc.dictionary(fc.oneof(fc.constantFrom('a', 'b', '__proto__'), fc.string()), tie('v'), { maxKeys: 3 }),
  ),
})).v

describe('what a policy reads', () => {
  test('is the path it follows into the context, and no more', () => {
    assert.deepEqual(reading('context.a.b == 1'), { ...nothing, context: new Map([['a', new Map([['b', 'all']])]]) })
    assert.deepEqual(reading('context has a && context.b has c'), {
      ...nothing,
      context: new Map<string, unknown>([
        ['a', 'all'],
        ['b', new Map([['c', 'all']])],
      ]),
    })
    assert.deepEqual(reading('context has a.b.c').context, new Map([['a', 'all']]))
    assert.deepEqual(reading('[Proof::"x"].contains(Proof::"y")'), nothing)
  })

  test('is everything below a path that is also read whole', () => {
    const whole = joinReads([reading('context.a.b == 1'), reading('context.a == context.c')])
    assert.deepEqual(
      whole.context,
      new Map([
        ['a', 'all'],
        ['c', 'all'],
      ]),
    )
    assert.equal(reading('[context].contains(1)').context, 'all')
  })

  test('is who and what it is for a comparison, and their groups for a membership', () => {
    assert.deepEqual(reading('principal == Workload::"w"'), { ...nothing, identity: true })
    assert.deepEqual(reading('principal in Proof::"sandbox"'), { ...nothing, identity: true, groups: true })
    assert.deepEqual(reading('Action::"a" in Action::"read"'), { ...nothing, identity: true, groups: true })
  })

  test('is everything where the walk meets something it does not know', () => {
    const unknown = JSON.parse('[{"kind":"when","body":{"teleport":{"left":{"Value":1},"whither":{"Var":"principal"}}}}]')
    assert.deepEqual(readsOf(unknown, isWord), { context: 'all', identity: true, groups: true })
    for (const body of [{}, { a: 1, b: 2 }, null, 7, { Slot: '?principal' }]) {
      assert.deepEqual(readsOf(JSON.parse(JSON.stringify([{ kind: 'when', body }])), isWord), {
        context: 'all',
        identity: true,
        groups: true,
      })
    }
  })
})

describe('the fingerprint of what is read', () => {
  test('is equal for equal values and for no others', () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        assert.equal(fingerprint(a, 'all') === fingerprint(b, 'all'), JSON.stringify(a) === JSON.stringify(b))
      }),
    )
  })

  test('tells a missing attribute from an empty one, and what is left unread makes no difference', () => {
    const tree: ReadTree = new Map<string, ReadTree>([
      ['a', 'all'],
      ['b', new Map([['c', 'all' as const]])],
    ])
    const prints = [{}, { a: '' }, { a: [] }, { b: {} }, { b: '' }, { b: { c: '' } }, { b: { c: 0 } }, { a: '', b: {} }].map(
      (one) => fingerprint(one, tree),
    )
    assert.equal(new Set(prints).size, prints.length)
    assert.equal(fingerprint({ a: '', z: 1 }, tree), fingerprint({ a: '', y: 2 }, tree))
  })

  test('is equal exactly when the projections are', () => {
    const tree: ReadTree = new Map<string, ReadTree>([
      ['a', new Map([['b', 'all' as const]])],
      ['b', 'all'],
    ])
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('a', 'b', 'c'), value),
        fc.dictionary(fc.constantFrom('a', 'b', 'c'), value),
        (x, y) => {
          assert.equal(
            fingerprint(x, tree) === fingerprint(y, tree),
            JSON.stringify(project(x, tree)) === JSON.stringify(project(y, tree)),
          )
        },
      ),
    )
  })

  test('is not confused by names that objects inherit', () => {
    const tree = new Map([
      ['constructor', 'all' as const],
      ['__proto__', 'all' as const],
    ])
    assert.equal(JSON.stringify(project({}, tree)), '{}')
    assert.equal(JSON.stringify(project(JSON.parse('{"__proto__":{"x":1}}'), tree)), '{"__proto__":{"x":1}}')
    assert.notEqual(fingerprint({}, tree), fingerprint(JSON.parse('{"__proto__":1}'), tree))
  })
})
