import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { formPrefix, refuseDisguise, refuseOverride, refuseOverrideInForm } from '../../../src/credentials/protocols/disguise.ts'
import { StintError } from '../../../src/errors.ts'
import type { Operation } from '../../../src/model.ts'
import { code } from '../../targets/fixture.ts'

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const MULTIPART = { 'content-type': 'multipart/form-data; boundary=b' }

function asked(change: Partial<Operation>): Operation {
  const place = { scheme: 'https', host: 'a.example', port: 443, path: '/', query: '', headers: {} } as const
  return { ...place, method: 'POST', ...change }
}

function form(body: string, headers: Record<string, string> = FORM): Operation {
  return asked({ headers, body: Buffer.from(body, 'latin1') })
}

function part(disposition: string, value = 'delete'): string {
  return `--b\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${value}\r\n--b--\r\n`
}

describe('a query that asks for another method', () => {
  for (const query of [
    '_method=DELETE',
    'a=1&_method=delete',
    'a=1;_method=delete',
    '_METHOD=DELETE',
    '%5fmethod=DELETE',
    '_%6Dethod=DELETE',
    '_method=%44ELETE',
    '.method=DELETE',
    '+_method=DELETE',
    '%20_method=DELETE',
    '[method=DELETE',
    '_method[]=DELETE',
    '_method%5B0%5D=DELETE',
    '_method%00x=DELETE',
    '_method',
    '_method=',
    '_method=POST&_method=DELETE',
    '_HttpMethod=PATCH',
    'x-http-method-override=DELETE',
    'X-HTTP-Method=DELETE',
  ])
    test(`is refused: ${query}`, () => {
      for (const method of ['POST', 'GET', 'PUT'])
        assert.throws(() => refuseOverride(asked({ method, query })), code('unknown_action'), method)
    })

  for (const query of ['', '_method=POST', '_method=post', 'method=DELETE', 'my_method=DELETE', 'a=_method', '_methods=x', 'q=%'])
    test(`is not: ${query}`, () => refuseDisguise(asked({ query })))
})

test('a field that asks for another method is refused, and one for another protocol where that cannot be named', () => {
  for (const name of ['x-http-method-override', 'x-http-method', 'x-method-override'])
    assert.throws(() => refuseOverride(asked({ headers: { [name]: 'POST' } })), code('unknown_action'))
  assert.throws(() => refuseDisguise(asked({ headers: { upgrade: 'websocket' } })), code('unknown_action'))
  refuseOverride(asked({ headers: { upgrade: 'websocket' } }))
})

describe('a form that asks for another method', () => {
  for (const operation of [
    form('_method=delete'),
    form('a=1&_method=DELETE'),
    form('%5Fmethod=DELETE'),
    form('.method=DELETE'),
    form('_method=DELETE', {}),
    form('_method=DELETE', { 'content-type': 'Application/X-WWW-Form-Urlencoded; charset=utf-8' }),
    form('_method=DELETE', { 'content-type': 'text/plain, application/x-www-form-urlencoded' }),
    form(part('name="_method"'), MULTIPART),
    form(part('name=_method'), MULTIPART),
    form(part("name='_method'"), MULTIPART),
    form(part('name="_Method"; filename="x"'), MULTIPART),
    form(part('name="\\_method"'), MULTIPART),
    form(part('name="%5fmethod"'), MULTIPART),
    form(part("name*=utf-8''_method"), MULTIPART),
    form(part('\r\n name = "_method"'), MULTIPART),
    form(part('filename="_method"'), MULTIPART),
    form(part('name="a"', 'x') + part('name="_method"'), { 'content-type': 'multipart/mixed; boundary=b' }),
  ])
    test(`is refused: ${JSON.stringify(Buffer.from(operation.body ?? []).toString())}`, () =>
      assert.throws(() => refuseOverrideInForm(operation), code('unknown_action')))

  for (const operation of [
    form('a=1&b=_method'),
    form('{"_method":"DELETE"}'),
    form(part('name="method"'), MULTIPART),
    form('_method=DELETE', { 'content-type': 'application/json' }),
    { ...form('_method=DELETE'), method: 'PUT' },
    asked({ headers: FORM }),
  ])
    test(`is not: ${operation.method} ${JSON.stringify(Buffer.from(operation.body ?? []).toString())}`, () =>
      refuseOverrideInForm(operation))

  test('is refused where it cannot be read: too large, or compressed', () => {
    const body = Buffer.alloc(formPrefix(form('')), 'a')
    assert.ok(body.length > 0)
    assert.throws(() => refuseOverrideInForm(asked({ headers: FORM, body })), code('body_too_large'))
    assert.throws(() => refuseOverrideInForm(form('a=1', { ...FORM, 'content-encoding': 'gzip' })), code('body_too_large'))
    assert.equal(formPrefix(asked({ headers: { 'content-type': 'application/json' } })), 0)
    assert.equal(formPrefix({ ...form(''), method: 'PUT' }), 0)
  })

  test('is found among whatever else is there, and nothing else is ever thrown', () => {
    const noise = fc.string({ unit: 'binary', maxLength: 30 })
    fc.assert(
      fc.property(noise, noise, fc.boolean(), (before, after, isMultipart) => {
        const body = isMultipart
          ? `${part(`name="x"; ${before}`, after)}${part('name="_method"')}`
          : `${before}&_method=PUT&${after}`
        assert.throws(() => refuseOverrideInForm(form(body, isMultipart ? MULTIPART : FORM)), code('unknown_action'))
        try {
          refuseOverrideInForm(form(before + after, isMultipart ? MULTIPART : FORM))
          refuseOverride(asked({ query: before + after }))
        } catch (thrown) {
          assert.ok(thrown instanceof StintError)
        }
      }),
      { numRuns: 1000 },
    )
  })

  test('is looked for in bounded time', () => {
    for (const one of ['name=', "name*='", "name=a'", ' ', '%', '\\', '&', 'name = "'])
      for (const before of ['', 'name=', 'name = "'])
        refuseOverrideInForm(form(before + one.repeat(65_000 / one.length), MULTIPART))
  })
})
