import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { mcp } from '../../../src/credentials/connectors/mcp.ts'
import { integersIn } from '../../../src/credentials/protocols/mcp-integers.ts'
import type { Operation, Target } from '../../../src/model.ts'

const { target } = mcp.example
const BANK: Target = {
  ...target,
  settings: {
    ...target.settings,
    integer_arguments: ['send=amount', 'send=paging/size', 'search=most', 'send=x=amount', 'send=most'],
  },
}

/** The parameters of a call, whose arguments are JSON as given. */
function parametersOf(given: string, name = 'send') {
  const json = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${name}","arguments":${given}}}`
  const asked: Operation = {
    ...{ scheme: 'https', host: 'mcp.example.com', port: 443, method: 'POST', path: '/mcp', query: '' },
    headers: { 'content-type': 'application/json' },
    body: new TextEncoder().encode(json),
  }
  return mcp.describe(asked, BANK).parameters
}

describe('the whole numbers among a tool’s arguments', () => {
  test('are those that its definition says are', () => {
    const definition = {
      name: 'transfer',
      inputSchema: {
        type: 'object',
        properties: {
          amount: { type: 'integer' },
          rate: { type: 'number' },
          note: { type: 'string' },
          maybe: { type: ['integer', 'null'] },
          list: { type: 'array', items: { type: 'integer' } },
          'a b=/': { type: 'integer' },
          __proto__x: { type: 'integer' },
          paging: {
            type: 'object',
            properties: { size: { type: 'integer' }, deep: { properties: { at: { type: 'integer' } } } },
          },
        },
      },
    }
    assert.deepEqual(integersIn(definition), ['transfer=amount', 'transfer=paging/size', 'transfer=paging/deep/at'])
  })

  test('are none where a definition is not one, and end where it goes on without end', () => {
    for (const inputSchema of [undefined, null, [], 'x', { type: 'integer' }, { properties: [] }, { properties: { a: 5 } }])
      assert.deepEqual(integersIn({ name: 'a', inputSchema }), [])
    const endless: { type: string; properties: Record<string, unknown> } = { type: 'integer', properties: {} }
    endless.properties.a = endless
    assert.equal(integersIn({ name: 'a', inputSchema: endless }).length, 8)
    assert.deepEqual(integersIn({ name: 'with a blank', inputSchema: { properties: { a: { type: 'integer' } } } }), [])
  })

  test('are told by name beside their values where a call gives them', () => {
    for (const [given, integers] of [
      ['{"amount":5,"paging":{"size":10},"to":"7"}', ['amount', 'paging/size']],
      ['{"amount":-9007199254740991}', ['amount']],
      ['{"amount":5.0,"unknown":1}', ['amount']],
      ['{"to":"7"}', undefined],
      ['{}', undefined],
    ] as const)
      assert.deepEqual(parametersOf(given).integers, integers, given)
    assert.deepEqual(parametersOf('{"amount":5}')['arguments/amount'], ['5'])
    assert.equal(parametersOf('{"amount":"five"}', 'search').integers, undefined, 'they are those of this tool')
  })

  for (const given of [
    '{"amount":"5"}',
    '{"amount":5.5}',
    '{"amount":1e400}',
    '{"amount":9007199254740993}',
    '{"amount":9223372036854775808}',
    '{"amount":true}',
    '{"amount":null}',
    '{"amount":[5]}',
    '{"amount":{"value":5}}',
    '{"Amount":5}',
    '{"paging":{"Size":5}}',
    '{"Paging":{"size":5}}',
    '{"paging":[{"size":5}]}',
    '{"paging":5}',
    '[{"amount":5}]',
    '"5"',
    'null',
  ])
    test(`refuse ${given}: a server might count what no policy does`, () => {
      assert.throws(() => parametersOf(given), { code: 'malformed_request' })
    })
})
