import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { flattenArguments } from '../../../src/credentials/protocols/mcp-arguments.ts'
import { McpFault } from '../../../src/credentials/protocols/mcp-fault.ts'
import { type McpMessage, readMessage } from '../../../src/credentials/protocols/mcp-message.ts'
import { StintError } from '../../../src/errors.ts'

const read = (text: string): McpMessage => readMessage(new TextEncoder().encode(text))

function faultOf(text: string): McpFault | undefined {
  try {
    read(text)
  } catch (thrown) {
    assert.ok(thrown instanceof McpFault, String(thrown))
    return thrown
  }
  return undefined
}

const call = (params: string): string => `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`

describe('a message of MCP', () => {
  test('is a request, a notification or an answer', () => {
    assert.deepEqual(read('{"jsonrpc":"2.0","id":"a","method":"ping"}'), { kind: 'request', id: 'a', method: 'ping', params: {} })
    assert.equal(read('{"jsonrpc":"2.0","method":"notifications/initialized"}').kind, 'notification')
    assert.equal(read('{"jsonrpc":"2.0","id":3,"result":{}}').kind, 'answer')
    assert.equal(read('{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":""}}').kind, 'answer')
  })

  const REFUSED: Readonly<Record<string, string>> = {
    'a batch': `[${call('{}')}]`,
    'another version': '{"jsonrpc":"1.0","id":1,"method":"ping"}',
    'a member that nobody knows': '{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}',
    'a name given twice': '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}',
    'a name given twice, once escaped': '{"jsonrpc":"2.0","id":1,"method":"ping","\\u006dethod":"tools/call"}',
    'a name given twice, below': call('{"name":"a","arguments":{"to":"x","to":"y"}}'),
    'a name given twice in another case': call('{"name":"a","NAME":"b"}'),
    'a name that only some take for arguments': call('{"name":"a","Arguments":{}}'),
    'the same with a long s': call('{"name":"a","argument\u017f":{}}'),
    'a request that is an answer': '{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}',
    'an answer with both': '{"jsonrpc":"2.0","id":1,"result":{},"error":{}}',
    'an answer without an id': '{"jsonrpc":"2.0","result":{}}',
    'an id that is a list': '{"jsonrpc":"2.0","id":[1],"method":"ping"}',
    'an id beyond what is counted': '{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}',
    'a request whose id is null': '{"jsonrpc":"2.0","id":null,"method":"ping"}',
    'a byte order mark': `\ufeff${call('{}')}`,
    'too many levels': call(`{"name":"a","arguments":${'['.repeat(80)}${']'.repeat(80)}}`),
  }
  for (const [what, text] of Object.entries(REFUSED))
    test(`is not ${what}`, () => {
      assert.ok(faultOf(text) !== undefined, text)
    })

  test('takes the same name in two objects, and names in texts for what they are', () => {
    assert.equal(
      faultOf(call('{"name":"a","arguments":{"x":{"name":1},"y":"\\"name\\":","name":[{"name":2},{"name":3}]}}')),
      undefined,
    )
  })

  test('means what JSON.parse says it means, or is refused as a fault', () => {
    const message = fc.record({
      jsonrpc: fc.constantFrom('2.0', '2.0', '2.0', '1'),
      id: fc.oneof(fc.integer(), fc.string(), fc.constant(null), fc.double()),
      method: fc.oneof(fc.constantFrom('ping', 'tools/call'), fc.jsonValue()),
      params: fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue()),
    })
    fc.assert(
      fc.property(
        fc.oneof(
          message.map((one) => JSON.stringify(one)),
          fc.json(),
          fc.string(),
        ),
        (text) => {
          if (faultOf(text) !== undefined) return
          const taken = read(text)
          const parsed = JSON.parse(text)
          if (taken.kind !== 'answer') assert.deepEqual([taken.method, taken.params], [parsed.method, parsed.params ?? {}])
          if (taken.kind === 'request') assert.equal(taken.id, parsed.id)
        },
      ),
      { numRuns: 5000 },
    )
  })
})

describe('the arguments of a call', () => {
  test('are parameters by their places, lists without positions', () => {
    assert.deepEqual(flattenArguments({ to: ['a', 'b'], 'x/y': { z: 1 }, none: null, rows: [{ id: 1 }, { id: 2 }] }), {
      'arguments/to': ['a', 'b'],
      'arguments/x~1y/z': ['1'],
      'arguments/none': ['null'],
      'arguments/rows/id': ['1', '2'],
    })
  })

  test('that are long are told by their start and digest; those that are too many are refused', () => {
    const [told = ''] = flattenArguments({ text: 'x'.repeat(5000) })['arguments/text'] ?? []
    assert.match(told, /^x{256}… \(5000 characters, SHA-256 [0-9a-f]{64}\)$/)
    const many = Object.fromEntries(Array.from({ length: 2000 }, (_, at) => [`n${at}`, 'x']))
    assert.throws(
      () => flattenArguments(many),
      (thrown) => thrown instanceof StintError && thrown.code === 'body_too_large',
    )
  })
})
