import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { readGraphql } from '../../../src/credentials/protocols/graphql.ts'
import { StintError } from '../../../src/errors.ts'
import { code } from '../../targets/fixture.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const read = (query: string) => readGraphql(bytes(JSON.stringify({ query, variables: { query: 'mutation { no }' } })), false)

describe('a GraphQL request', () => {
  for (const query of [
    '{ viewer { login } }',
    'query { a }',
    'query Q($x: T = {a: [1, {b: "}"}]}) @d(x: "{") { a(b: $x) { c } }',
    '{ ...F } fragment F on Query { a }',
    'query mutation { mutation }',
    '# mutation { a }\n{ b }',
    '{ a(b: "mutation { x }") }',
    '{ a(b: """ } \\""" mutation """) }',
    '\uFEFF,,, { a }',
  ])
    test(`reads: ${JSON.stringify(query)}`, () => assert.deepEqual(read(query), { kind: 'query' }))

  for (const [query, fields] of [
    ['mutation { a }', ['a']],
    [
      'mutation M($i: I = {a: {b: 1}}, $j: [J!]!) @d(if: true) { x: mergeIt(input: {a: "}"}) @skip(if: false) { id { b } } }',
      ['mergeIt'],
    ],
    ['mutation { a b: c }', ['a', 'c']],
    ['mutation{a:b(c:1)d}', ['b', 'd']],
    ['mutation # {\n { a }', ['a']],
    ['fragment F on T { x } mutation { a { ...F } }', ['a']],
  ] as const)
    test(`changes ${fields.join(' and ')}: ${JSON.stringify(query)}`, () =>
      assert.deepEqual(read(query), { kind: 'mutation', fields }))

  for (const query of [
    '',
    ' ',
    'mutation',
    'mutation {',
    'mutation { }',
    '}',
    'mutation { a ) }',
    'mutation { ...F } fragment F on M { a }',
    'mutation { ... on M { a } }',
    'mutation { ... { a } }',
    'query A { a } mutation B { b }',
    'mutation A { a } mutation B { b }',
    'subscription { a }',
    'type T { a: B }',
    '{ a } rubbish',
    '{ a } %',
    'mutation { a: }',
    'mutation { "a" }',
    'mutation { 1 }',
    '"""text""" { a }',
    'fragment F on M { a }',
    '{ a(b: "unclosed) }',
    '{ a(b: """unclosed) }',
    '(',
    '{'.repeat(60_000),
  ])
    test(`is refused: ${JSON.stringify(query.slice(0, 60))}`, () => assert.throws(() => read(query), code('unknown_action')))

  for (const body of [
    '',
    'null',
    '[]',
    '[{"query":"{a}"}]',
    '"{a}"',
    '{}',
    '{"query":1}',
    '{"query":null}',
    '{"query":"{a}","query":"mutation{b}"}',
    '{"query":"mutation{b}","query":"{a}"}',
    '{"query":"{a}","qu\\u0065ry":"mutation{b}"}',
    '{"query":"{a}","Query":"mutation{b}"}',
    '{"query":"{a}"} {}',
    '{"id":"persisted"}',
    '\uFEFF{"query":"{a}"}',
  ])
    test(`is not the body ${JSON.stringify(body)}`, () =>
      assert.throws(() => readGraphql(bytes(body), false), code('unknown_action')))

  test('does not mind a key that is repeated deeper inside', () => {
    const body = '{"variables":{"query":1,"a":{"query":2}},"query":"{a}","operationName":null}'
    assert.deepEqual(readGraphql(bytes(body), false), { kind: 'query' })
  })

  test('is not UTF-16, nor bytes that are no text', () => {
    assert.throws(() => readGraphql(Buffer.from('{"query":"{a}"}', 'utf16le'), false), code('unknown_action'))
    assert.throws(() => readGraphql(Buffer.from([0x7b, 0xff, 0x7d]), false), code('unknown_action'))
  })

  test('that was not read to its end is too large', () => {
    assert.throws(() => readGraphql(bytes('{"query":"{a}"}'), true), code('body_too_large'))
  })

  test('never passes a mutation for a query, however it is dressed', () => {
    const trivia = fc.constantFrom(' ', '\n', ',', '# { query }\n', '\t')
    const string = fc.constantFrom('"}"', '"""{ """', '"\\""', '"# "')
    const field = fc
      .tuple(fc.constantFrom('deleteIt', 'x: deleteIt'), fc.option(string))
      .map(([name, value]) => (value === null ? name : `${name}(a: ${value}, b: {c: ${value}})`))
    fc.assert(
      fc.property(
        fc.array(trivia, { maxLength: 4 }),
        fc.option(string),
        fc.array(field, { minLength: 1, maxLength: 3 }),
        (before, preset, fields) => {
          const variables = preset === null ? '' : `($v: T = {a: ${preset}})`
          const query = `${before.join('')}mutation ${variables}${before.join('')}{ ${fields.join(' ')} }`
          assert.deepEqual(read(query), { kind: 'mutation', fields: fields.map(() => 'deleteIt') })
        },
      ),
      { numRuns: 1000 },
    )
  })

  test('answers or refuses any text, and quickly', () => {
    const token = fc.constantFrom(
      '{',
      '}',
      '(',
      ')',
      '[',
      ']',
      ':',
      '@',
      '...',
      'mutation',
      'query',
      'fragment',
      'a',
      '"',
      '"""',
      '\\',
      '#',
      '\n',
      '1',
      '$',
      ' ',
    )
    fc.assert(
      fc.property(fc.array(token, { maxLength: 60 }), (tokens) => {
        try {
          read(tokens.join(''))
        } catch (thrown) {
          assert.ok(thrown instanceof StintError && thrown.code === 'unknown_action')
        }
      }),
      { numRuns: 3000 },
    )
    for (const one of ['{', '"', '"""', '\\"""', '#', '{a(b:', '...', '1.', '@a', '"\\']) {
      const large = one.repeat(Math.floor(30_000 / one.length))
      for (const query of [large, `{${large}`, `mutation {${large}}`]) {
        try {
          read(query)
        } catch (thrown) {
          assert.ok(thrown instanceof StintError)
        }
      }
    }
  })
})
