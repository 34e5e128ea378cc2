import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { readPush } from '../../../src/credentials/protocols/git.ts'
import { StintError } from '../../../src/errors.ts'
import { code } from '../../targets/fixture.ts'

const [ZERO, ONE, TWO] = ['0', '1', '2'].map((digit) => digit.repeat(40))
const encoder = new TextEncoder()

function packet(line: string): string {
  return (encoder.encode(line).length + 4).toString(16).padStart(4, '0') + line
}

function bytes(...parts: readonly string[]): Uint8Array {
  return encoder.encode(parts.join(''))
}

describe('a command list', () => {
  test('says what is created, updated and deleted, whatever pack follows it', () => {
    const body = bytes(
      packet(`${ZERO} ${ONE} refs/heads/new\0report-status atomic`),
      packet(`${ONE} ${TWO} refs/heads/main\n`),
      packet(`${ONE} ${ZERO} refs/tags/v1`),
      '0000',
      'PACK\0rubbish zzzz',
    )
    assert.deepEqual(readPush(body, true), {
      commands: [
        { kind: 'create', from: ZERO, to: ONE, ref: 'refs/heads/new' },
        { kind: 'update', from: ONE, to: TWO, ref: 'refs/heads/main' },
        { kind: 'delete', from: ONE, to: ZERO, ref: 'refs/tags/v1' },
      ],
      creates: ['refs/heads/new'],
      updates: ['refs/heads/main'],
      deletes: ['refs/tags/v1'],
      options: [],
      capabilities: new Set(['report-status', 'atomic']),
    })
  })

  test('may be of SHA-256', () => {
    const body = bytes(packet(`${'0'.repeat(64)} ${'a'.repeat(64)} refs/heads/a`), '0000')
    assert.deepEqual(readPush(body, false).creates, ['refs/heads/a'])
  })

  test('has options only where it says that it has', () => {
    const list = `${ONE} ${TWO} refs/heads/a\0report-status`
    const options = `${packet('ci.skip')}0000`
    assert.deepEqual(readPush(bytes(packet(`${list} push-options`), '0000', options), false).options, ['ci.skip'])
    assert.deepEqual(readPush(bytes(packet(list), '0000', options), false).options, [])
    assert.deepEqual(
      readPush(bytes(packet(`${ONE} ${TWO} refs/heads/b`), packet(`${list} push-options`), '0000', options), false).options,
      ['ci.skip'],
    )
    assert.throws(() => readPush(bytes(packet(`${list} push-options`), '0000'), false), code('malformed_request'))
  })

  for (const [what, body, expected] of [
    ['nothing', '', 'malformed_request'],
    ['half a length', '00', 'malformed_request'],
    ['a length that is no number', 'zzzz', 'malformed_request'],
    ['a negative length', '-001', 'malformed_request'],
    ['a length with a sign', '+0ff', 'malformed_request'],
    ['a delimiter', '0001', 'malformed_request'],
    ['an empty packet', '0004', 'malformed_request'],
    ['a packet longer than the body', 'ffff', 'malformed_request'],
    ['no flush', packet(`${ONE} ${TWO} refs/heads/a`), 'malformed_request'],
    ['a line of words', `${packet('hello')}0000`, 'malformed_request'],
    ['ids of different kinds', `${packet(`${ONE} ${'a'.repeat(64)} refs/heads/a`)}0000`, 'malformed_request'],
    ['ids in capitals', `${packet(`${'A'.repeat(40)} ${ONE} refs/heads/a`)}0000`, 'malformed_request'],
    ['two blanks', `${packet(`${ONE}  ${TWO} refs/heads/a`)}0000`, 'malformed_request'],
    ['no change', `${packet(`${ZERO} ${ZERO} refs/heads/a`)}0000`, 'malformed_request'],
    ['one ref twice', `${packet(`${ONE} ${TWO} refs/heads/a`)}${packet(`${TWO} ${ONE} refs/heads/a`)}0000`, 'malformed_request'],
    ['a signed push', `${packet(`push-cert\0report-status`)}${packet('certificate version 0.1')}0000`, 'unknown_action'],
  ] as const)
    test(`is not ${what}`, () => assert.throws(() => readPush(bytes(body), false), code(expected)))

  for (const ref of [
    'HEAD',
    'heads/a',
    'refs/',
    'refs/heads/',
    'refs/heads/../main',
    'refs/heads/a b',
    'refs/heads/a\tb',
    'refs/heads/a\nb',
    'refs/heads/a\u0001',
    'refs//heads/a',
    'refs/heads/.a',
    'refs/heads/a.',
    'refs/heads/a.lock',
    'refs/heads/a~1',
    'refs/heads/a^',
    'refs/heads/a:b',
    'refs/heads/*',
    'refs/heads/@{1}',
    'refs/heads/a\\b',
    'refs/heads/a\u2028b',
    `refs/heads/${'a'.repeat(1100)}`,
  ])
    test(`does not name ${JSON.stringify(ref.slice(0, 40))}`, () => {
      assert.throws(() => readPush(bytes(packet(`${ONE} ${TWO} ${ref}`), '0000'), false), code('malformed_request'))
    })

  test('does not name a ref that is not UTF-8', () => {
    const body = bytes(packet(`${ONE} ${TWO} refs/heads/a?`), '0000')
    body[body.indexOf(0x3f)] = 0xff
    assert.throws(() => readPush(body, false), code('malformed_request'))
  })

  test('that goes on beyond what was read is too large, not cut short', () => {
    const whole = bytes(packet(`${ONE} ${TWO} refs/heads/a`), packet(`${ONE} ${TWO} refs/heads/b`), '0000')
    for (let length = 0; length < whole.length; length++) {
      assert.throws(() => readPush(whole.subarray(0, length), true), code('body_too_large'), String(length))
      assert.throws(() => readPush(whole.subarray(0, length), false), code('malformed_request'), String(length))
    }
    assert.equal(readPush(whole, true).updates.length, 2)
  })

  test('is read as it was written, or refused, for any bytes', () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 40 }).map((raw) => Buffer.from(raw).toString('latin1')),
      fc.constantFrom(
        '0000',
        '0001',
        '0004',
        packet(`${ONE} ${TWO} refs/heads/a\0push-options`),
        packet(`${ONE} ${ZERO} refs/heads/b`),
        packet(`shallow ${ONE}`),
      ),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), fc.boolean(), (pieces, isCut) => {
        try {
          const { creates, updates, deletes } = readPush(Buffer.from(pieces.join(''), 'latin1'), isCut)
          for (const ref of [...creates, ...updates, ...deletes]) assert.match(ref, /^refs\//)
        } catch (thrown) {
          assert.ok(thrown instanceof StintError)
        }
      }),
      { numRuns: 5000 },
    )
  })
})
