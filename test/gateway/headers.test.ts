import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { StintError } from '../../src/errors.ts'
import { checkHeaders } from '../../src/gateway/canonical.ts'

const HOST = ['Host', 'api.example.com']

function assertRefused(raw: readonly string[], httpVersion = '1.1'): void {
  assert.throws(
    () => checkHeaders(raw, httpVersion),
    (thrown) => thrown instanceof StintError && thrown.code === 'malformed_request',
    `not refused: ${JSON.stringify(raw)}`,
  )
}

test('fields come out by lower-case name, repeated ones joined, cookies as cookies are', () => {
  const headers = checkHeaders([...HOST, 'Accept', 'a', 'X-A', '1', 'accept', 'b', 'Cookie', 'x=1', 'cookie', 'y=2'], '1.1')
  assert.deepEqual({ ...headers }, { host: 'api.example.com', accept: 'a, b', 'x-a': '1', cookie: 'x=1; y=2' })
})

test('a field named like a property of every object is only a field', () => {
  const headers = checkHeaders([...HOST, '__proto__', 'x', 'Constructor', 'y'], '1.1')
  assert.equal(Object.getPrototypeOf(headers), null)
  assert.equal(Object.getOwnPropertyDescriptor(headers, '__proto__')?.value, 'x')
  assert.equal(headers.constructor, 'y')
  assert.equal(headers.toString, undefined)
})

const SINGLE = [
  'Host',
  'Content-Length',
  'Transfer-Encoding',
  'Authorization',
  'Proxy-Authorization',
  'DPoP',
  'Content-Type',
  'Expect',
]

for (const name of SINGLE) {
  test(`a second ${name} is refused, also the same value and in other letters`, () => {
    const value = name === 'Transfer-Encoding' ? 'chunked' : '5'
    assertRefused([...(name === 'Host' ? [] : HOST), name, value, name.toLowerCase(), value])
    assertRefused([...(name === 'Host' ? [] : HOST), name.toUpperCase(), value, 'x-between', '1', name, 'other'])
  })
}

const REFUSED: readonly (readonly [string, readonly string[]])[] = [
  ['no host', ['accept', '*/*']],
  ['both a length and a transfer encoding', [...HOST, 'Content-Length', '5', 'Transfer-Encoding', 'chunked']],
  ['a transfer encoding and a length', [...HOST, 'Transfer-Encoding', 'chunked', 'Content-Length', '5']],
  ['two codings', [...HOST, 'Transfer-Encoding', 'gzip, chunked']],
  ['chunked twice', [...HOST, 'Transfer-Encoding', 'chunked, chunked']],
  ['a coding that is not chunked', [...HOST, 'Transfer-Encoding', 'identity']],
  ['a coding with a vertical tab', [...HOST, 'Transfer-Encoding', '\u000bchunked']],
  ['a coding with a blank', [...HOST, 'Transfer-Encoding', ' chunked']],
  ['an empty coding', [...HOST, 'Transfer-Encoding', '']],
  ['a list of lengths', [...HOST, 'Content-Length', '5, 5']],
  ['a signed length', [...HOST, 'Content-Length', '+5']],
  ['a negative length', [...HOST, 'Content-Length', '-5']],
  ['a hexadecimal length', [...HOST, 'Content-Length', '0x5']],
  ['a length with a blank', [...HOST, 'Content-Length', '5 ']],
  ['an empty length', [...HOST, 'Content-Length', '']],
  ['a length beyond counting', [...HOST, 'Content-Length', '9'.repeat(16)]],
  ['a line end in a value', [...HOST, 'X', 'a\r\nAuthorization: b']],
  ['a NUL in a value', [...HOST, 'X', 'a\u0000']],
  ['a character of more than a byte in a value', [...HOST, 'X', 'a\u010d']],
  ['an empty name', [...HOST, '', 'x']],
  ['a name with a blank', [...HOST, 'Transfer-Encoding ', 'chunked']],
  ['a name with a colon', [...HOST, 'a:b', 'x']],
  ['a name that only looks like ASCII', [...HOST, '\u212aey', 'x']],
  ['a pseudo-field in HTTP/1', [...HOST, ':authority', 'evil.example']],
  ['a method override', [...HOST, 'X-HTTP-Method-Override', 'DELETE']],
  ['a shorter method override', [...HOST, 'x-http-method', 'DELETE']],
  ['another method override', [...HOST, 'X-METHOD-OVERRIDE', 'DELETE']],
  ['a method override with underscores', [...HOST, 'X_HTTP_Method_Override', 'DELETE']],
  ['a method override with one underscore', [...HOST, 'X-HTTP-Method_Override', 'DELETE']],
  ['a path override', [...HOST, 'X-Original-URL', '/admin']],
  ['a connection that names host', [...HOST, 'Connection', 'close, Host']],
  ['a connection that names authorization', [...HOST, 'Connection', 'keep-alive,authorization']],
]

for (const [about, raw] of REFUSED) test(`a request with ${about} is refused`, () => assertRefused(raw))

test('what is refused once is refused the second time too', () => {
  for (let i = 0; i < 2; i += 1) assertRefused([...HOST, 'X-Rewrite-URL', '/admin'])
  for (let i = 0; i < 2; i += 1) assertRefused([...HOST, 'bad name', 'x'])
})

test('ordinary framing passes: a length, or chunked in any letters, and HTTP/1.0 without host', () => {
  assert.equal(checkHeaders([...HOST, 'Content-Length', '005'], '1.1')['content-length'], '005')
  assert.equal(checkHeaders([...HOST, 'Transfer-Encoding', 'Chunked'], '1.1')['transfer-encoding'], 'Chunked')
  assert.equal(checkHeaders([...HOST, 'Connection', 'Upgrade, keep-alive', 'Upgrade', 'websocket'], '1.1').upgrade, 'websocket')
  assert.equal(checkHeaders(['accept', '*/*'], '1.0').accept, '*/*')
  assertRefused([...HOST, 'Transfer-Encoding', 'chunked'], '1.0')
})

test('HTTP/2 fields that belong to HTTP/1 connections, or contradict the pseudo-fields, are refused', () => {
  const pseudo = [':method', 'GET', ':authority', 'api.example.com', ':path', '/']
  assert.deepEqual({ ...checkHeaders([...pseudo, 'te', 'trailers', 'accept', 'a'], '2.0') }, { te: 'trailers', accept: 'a' })
  assert.equal(checkHeaders([...pseudo, 'host', 'API.example.com'], '2.0').host, 'API.example.com')
  for (const name of ['connection', 'transfer-encoding', 'keep-alive', 'proxy-connection', 'upgrade'])
    assertRefused([...pseudo, name, 'chunked'], '2.0')
  assertRefused([...pseudo, 'te', 'gzip'], '2.0')
  assertRefused([...pseudo, 'host', 'evil.example'], '2.0')
  assertRefused([...pseudo, 'content-length', '5, 5'], '2.0')
})

const names = fc.oneof(
  fc.constantFrom(
    'Host',
    'host',
    'Content-Length',
    'Transfer-Encoding',
    'Authorization',
    'Connection',
    'TE',
    'X-A',
    'Cookie',
    '__proto__',
  ),
  fc.string({ maxLength: 5 }),
)
const values = fc.oneof(
  fc.constantFrom('chunked', '5', 'close', 'upgrade', 'a, b', 'trailers'),
  fc.string({ unit: 'binary', maxLength: 8 }),
)

test('whatever comes, it is refused as malformed, or has one framing and one host and no controls', () => {
  let accepted = 0
  fc.assert(
    fc.property(fc.array(fc.tuple(names, values), { maxLength: 6 }), fc.constantFrom('1.0', '1.1', '2.0'), (fields, version) => {
      const raw = fields.flat()
      const headers = attempt(raw, version)
      if (headers === undefined) return
      accepted += 1
      assert.ok(!('content-length' in headers && 'transfer-encoding' in headers))
      for (const [name, value] of Object.entries(headers)) {
        assert.equal(name, name.toLowerCase())
        assert.doesNotMatch(value.replaceAll('\t', ''), /\p{Cc}(?<![\u0080-\u009f])/u)
      }
      const count = (name: string) => fields.filter(([one]) => one.toLowerCase() === name).length
      for (const name of ['host', 'content-length', 'transfer-encoding', 'authorization']) assert.ok(count(name) <= 1)
    }),
    { numRuns: 5000 },
  )
  assert.ok(accepted > 100, `only ${accepted} were accepted, so this shows little`)
})

function attempt(raw: readonly string[], version: string): Record<string, string> | undefined {
  try {
    return checkHeaders(raw, version)
  } catch (thrown) {
    assert.ok(thrown instanceof StintError && thrown.code === 'malformed_request', String(thrown))
    return undefined
  }
}
