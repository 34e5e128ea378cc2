import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { foldName, readStrictJson } from '../../../src/credentials/protocols/strict-json.ts'

const read = (text: string): unknown => readStrictJson(Buffer.from(text), (why) => new Error(why))
/** Rich in what a scanner could stumble over. */
const name = fc.string({ unit: fc.constantFrom('a', 'A', '"', '\\', '{', ':', ']', 'ſ', '\u0000'), maxLength: 4 })
const { value } = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, name, fc.integer(), tie('list'), tie('members')),
  list: fc.array(tie('value'), { maxLength: 3 }),
  members: fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }),
}))

function isUnambiguous(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  const folded = Array.isArray(value) ? [] : Object.keys(value).map(foldName)
  return new Set(folded).size === folded.length && Object.values(value).every(isUnambiguous)
}

describe('JSON that means the same to everyone', () => {
  test('whatever its names and texts hold, it is read as JSON.parse does, or refused for names that fold to one', () => {
    fc.assert(
      fc.property(value, (given) => {
        const text = JSON.stringify(given)
        if (isUnambiguous(given)) assert.deepEqual(read(text), JSON.parse(text))
        else assert.throws(() => read(text), /^Error: a name is given twice$/)
      }),
      { numRuns: 2000 },
    )
  })

  test('a name given twice is found at every level, however it is spelled', () => {
    const twice = [
      '{"a":1,"a":2}',
      '{"a":1,"\\u0061":2}',
      '{"a\\"":1,"A\\"":2}',
      '{"\\\\":1,"\\\\":2}',
      '[[{"b":{"\\\\\\"":":","k":1,"K":2}}]]',
      '{"a":{"b":"\\\\"},"c":"\\\\\\"","a":0}',
      '{ "":1 , "" : 2 }',
      '{"s":1,"ſ":2}',
    ]
    for (const text of twice) assert.throws(() => read(text), /^Error: a name is given twice$/, text)
    for (const text of ['[{"a":1},{"a":2}]', '{"a":{"a":{"a":"a"}}}', '{"a":"b","c":"b","d":["a","a"]}', '"a:a"', '1'])
      assert.deepEqual(read(text), JSON.parse(text))
  })

  test('what is not UTF-8, has a byte order mark or more than 64 levels is refused', () => {
    const fail = (why: string): Error => new Error(why)
    assert.throws(() => readStrictJson(Buffer.from([0x22, 0xc3, 0x22]), fail), /^Error: it is not UTF-8$/)
    assert.throws(() => readStrictJson(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), fail), /^Error: it is not UTF-8$/)
    assert.throws(() => read('\ufeff{}'), /^Error: it is not JSON$/)
    assert.ok(Array.isArray(read(`${'['.repeat(64)}${']'.repeat(64)}`)))
    assert.throws(() => read(`${'['.repeat(65)}${']'.repeat(65)}`), /^Error: it has more than 64 levels$/)
  })
})
