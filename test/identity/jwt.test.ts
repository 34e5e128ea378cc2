import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { StintError } from '../../src/errors.ts'
import { MAX_TOKEN_BYTES, parseJwt } from '../../src/identity/jwt.ts'
import { part, withCode } from './fake-issuer.ts'

const HEADER = part({ alg: 'ES256' })
const token = (header: string, payload: string): string => `${header}.${payload}.AAAA`

describe('parsing a token before anything of it is proved', () => {
  test('a compact JWS is parsed into header and payload', () => {
    const { header, payload } = parseJwt(token(HEADER, part({ sub: 'a' })), 100)
    assert.deepEqual({ header, payload }, { header: { alg: 'ES256' }, payload: { sub: 'a' } })
  })

  const refused: Readonly<Record<string, string>> = {
    'an empty text': '',
    'two parts': `${HEADER}.${part({})}`,
    'four parts': `${token(HEADER, part({}))}.AAAA`,
    'five parts, as of a JWE': `${HEADER}.AA.AA.AA.AA`,
    'an empty signature': `${HEADER}.${part({})}.`,
    'standard base64 characters': token(HEADER, `${part({})}+/`),
    padding: token(HEADER, `${part({ a: 1 })}==`),
    'white space around it': ` ${token(HEADER, part({}))}`,
    'a line break at its end': `${token(HEADER, part({}))}\n`,
    'look-alike letters': token(HEADER, part({})).replace(/^e/, '\u0435'),
    'a header that is an array': token(part([]), part({})),
    'a payload that is null': token(HEADER, part('null')),
    'a payload that is a text': token(HEADER, part('"a"')),
    'a truncated payload': token(HEADER, part('{"sub":"a"')),
    'a byte order mark': token(HEADER, part('\ufeff{}')),
    'malformed UTF-8': token(HEADER, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]).toString('base64url')),
    'no alg': token(part({ typ: 'JWT' }), part({})),
    'an alg that is not a text': token(part({ alg: ['ES256'] }), part({})),
    'a crit header': token(part({ alg: 'ES256', crit: ['exp'], exp: 1 }), part({})),
    'an empty crit header': token(part({ alg: 'ES256', crit: [] }), part({})),
    'an unencoded payload (RFC 7797)': token(part({ alg: 'ES256', b64: false, crit: ['b64'] }), part({})),
    'a b64 header alone': token(part({ alg: 'ES256', b64: false }), part({})),
    'a name given twice': token(HEADER, part('{"sub":"a","sub":"b"}')),
    'a name given twice, once escaped': token(HEADER, part('{"sub":"a","s\\u0075b":"b"}')),
    'a name given twice deep inside': token(HEADER, part('{"a":[{"b":{"c":1,"d":[],"c":2}}]}')),
    'a header name given twice': token(part('{"alg":"ES256","alg":"none"}'), part({})),
  }
  for (const [what, text] of Object.entries(refused)) {
    test(`${what} is refused`, () => assert.throws(() => parseJwt(text, 10_000), withCode('invalid_token')))
  }

  test('names that only look repeated are not', () => {
    const json = '{"a":"a","b":{"a":":"},"c":[{"a":1},{"a":"\\"a\\":"}],"\\"a":{}}'
    assert.doesNotThrow(() => parseJwt(token(HEADER, part(json)), 10_000))
  })

  test('a token longer than the limit is refused before it is decoded', () => {
    const huge = token(HEADER, 'A'.repeat(MAX_TOKEN_BYTES))
    assert.throws(() => parseJwt(huge, MAX_TOKEN_BYTES), /longer than/)
  })

  test('a payload nested thousands deep is refused or parsed, never a crash', () => {
    const deep = `${'{"a":'.repeat(4000)}1${'}'.repeat(4000)}`
    assert.doesNotThrow(() => parseJwt(token(HEADER, part(deep)), 100_000))
  })

  test('an error never quotes the token', () => {
    const secret = part('{"password":"hunter2"')
    assert.throws(
      () => parseJwt(token(HEADER, secret), 10_000),
      (thrown: StintError) => !`${thrown.stack}${thrown.operatorDetail}`.includes('hunter2') && thrown.cause === undefined,
    )
  })

  test('any text gives a parsed token or a StintError', () => {
    const parts = fc.oneof(fc.string(), fc.json().map(part), fc.dictionary(fc.string(), fc.jsonValue()).map(part))
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(parts, { maxLength: 5 }).map((all) => all.join('.')),
    )
    fc.assert(
      fc.property(texts, (text) => {
        try {
          return typeof parseJwt(text, 2000).header.alg === 'string'
        } catch (thrown) {
          return thrown instanceof StintError && thrown.code === 'invalid_token'
        }
      }),
      { numRuns: 2000 },
    )
  })

  test('every JSON object is accepted exactly when no object in it repeats a name', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.boolean(), (payload, repeat) => {
        const name = JSON.stringify(Object.keys(payload)[0] ?? 'x')
        const json = repeat ? `{${name}:0,${name}:0}` : JSON.stringify(payload)
        try {
          parseJwt(token(HEADER, part(json)), 1_000_000)
          return !repeat
        } catch {
          return repeat
        }
      }),
    )
  })
})
