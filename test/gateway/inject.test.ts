import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Injection } from '../../src/credentials/connector.ts'
import type { Lease } from '../../src/credentials/lease.ts'
import { type Plan, planOf } from '../../src/gateway/inject.ts'
import { createSubstitution } from '../../src/gateway/substitute.ts'
import type { Operation } from '../../src/model.ts'
import { Secret } from '../../src/secret.ts'

const value = new Secret('s3cret&value')

function plan(...injections: readonly Injection[]): Plan {
  const lease: Lease = {
    id: 'lease_1',
    taskId: 'task_1',
    targetId: 'up',
    credentialId: 'key',
    hosts: [],
    privateNetworks: [],
    trustedCa: undefined,
    injections,
    expiresAt: 0,
    state: 'active',
  }
  return planOf(lease)
}

function operation(headers: Readonly<Record<string, string>> = {}, query = ''): Operation {
  return {
    scheme: 'https',
    host: 'up.test',
    port: 443,
    method: 'GET',
    path: '/p',
    query,
    headers: { host: 'up.test', ...headers },
  }
}

function fieldsOf(given: Plan, headers: Readonly<Record<string, string>>): Record<string, string[]> {
  const flat = given.apply(operation(headers)).headers
  const fields: Record<string, string[]> = {}
  for (let i = 0; i < flat.length; i += 2) fields[flat[i] ?? ''] = [...(fields[flat[i] ?? ''] ?? []), flat[i + 1] ?? '']
  return fields
}

describe('an injection', () => {
  test('into a header replaces the caller’s field of that name, however it is written', () => {
    const fields = fieldsOf(plan({ kind: 'header', name: 'X-Key', prefix: 'k ', value }), {
      'x-key': 'mine',
      x_key: 'mine',
      other: 'kept',
    })
    assert.deepEqual(fields['x-key'], ['k s3cret&value'])
    assert.equal(fields.x_key, undefined)
    assert.deepEqual(fields.other, ['kept'])
  })

  test('as basic credentials is RFC 7617', () => {
    const fields = fieldsOf(plan({ kind: 'basic', username: 'user', value }), { authorization: 'Bearer mine' })
    assert.deepEqual(fields.authorization, [`Basic ${Buffer.from('user:s3cret&value').toString('base64')}`])
  })

  const QUERIES: Readonly<Record<string, string>> = {
    '': 'key=s3cret%26value',
    'a=1': 'a=1&key=s3cret%26value',
    'key=mine': 'key=s3cret%26value',
    'KEY=mine&a=1': 'a=1&key=s3cret%26value',
    'k%65y=mine': 'key=s3cret%26value',
    'a=1&key&b=2': 'a=1&b=2&key=s3cret%26value',
    'monkey=1': 'monkey=1&key=s3cret%26value',
    '%zz=1': '%zz=1&key=s3cret%26value',
  }
  for (const [query, expected] of Object.entries(QUERIES)) {
    test(`into the query "${query}" gives "${expected}"`, () => {
      const { path } = plan({ kind: 'query', name: 'key', value }).apply(operation({}, query))
      assert.equal(path, `/p?${expected}`)
    })
  }

  test('at a placeholder fills header fields, also inside basic credentials, and drops credentials without one', () => {
    const basic = `Basic ${Buffer.from('user:HERE').toString('base64')}`
    const given = plan({ kind: 'placeholder', placeholder: 'HERE', body: false, value })
    const fields = fieldsOf(given, {
      authorization: basic,
      'x-key': 'a HERE b HERE',
      cookie: 'session=mine',
      'x-api-key': 'mine',
    })
    assert.deepEqual(fields.authorization, [`Basic ${Buffer.from('user:s3cret&value').toString('base64')}`])
    assert.deepEqual(fields['x-key'], ['a s3cret&value b s3cret&value'])
    assert.equal(fields.cookie, undefined)
    assert.equal(fields['x-api-key'], undefined)
  })

  test('at a placeholder never fills the place the request goes to', () => {
    const { path, headers } = plan({ kind: 'placeholder', placeholder: 'up.test', body: false, value }).apply(
      operation({}, 'a=up.test'),
    )
    assert.deepEqual([path, headers.slice(0, 2)], ['/p?a=up.test', ['host', 'up.test']])
  })

  test('at a placeholder takes special patterns of a replacement text as they are', () => {
    const odd = new Secret('$& $1 $$')
    const fields = fieldsOf(plan({ kind: 'placeholder', placeholder: 'HERE', body: false, value: odd }), { 'x-key': 'HERE' })
    assert.deepEqual(fields['x-key'], ['$& $1 $$'])
  })

  test('into bodies drops the length, which changes', () => {
    const fields = fieldsOf(plan({ kind: 'placeholder', placeholder: 'HERE', body: true, value }), { 'content-length': '4' })
    assert.equal(fields['content-length'], undefined)
  })
})

describe('a request without injections', () => {
  test('keeps its own credentials and codings, and te: trailers alone of the hop-by-hop fields', () => {
    const given = {
      authorization: 'mine',
      cookie: 'a=1',
      'accept-encoding': 'br',
      te: 'trailers, deflate',
      upgrade: 'x',
      'keep-alive': '5',
    }
    const fields = fieldsOf(plan(), given)
    assert.deepEqual(fields, {
      host: ['up.test'],
      authorization: ['mine'],
      cookie: ['a=1'],
      'accept-encoding': ['br'],
      te: ['trailers'],
    })
  })
})

describe('a substitution in a stream', () => {
  const find = 'aab'
  for (const text of ['aab', 'aaab', 'xaabaab', 'aaaaab', 'aa', 'aabaa', 'nothing', '', 'aabaabaab']) {
    test(`of "${text}" is the same however it is cut`, () => {
      const expected = text.replaceAll(find, '[X]')
      for (let first = 0; first <= text.length; first += 1) {
        for (let second = first; second <= text.length; second += 1) {
          const rewrite = createSubstitution(Buffer.from(find), Buffer.from('[X]'))
          const parts = [text.slice(0, first), text.slice(first, second), text.slice(second)].map((part) =>
            rewrite.push(Buffer.from(part)),
          )
          assert.equal(Buffer.concat([...parts, rewrite.end()]).toString(), expected)
        }
      }
    })
  }

  test('holds back only what could be a start', () => {
    const rewrite = createSubstitution(Buffer.from('secret'), Buffer.from('x'))
    assert.equal(rewrite.push(Buffer.from('data: 1\n\n')).toString(), 'data: 1\n\n')
    assert.equal(rewrite.push(Buffer.from('the sec')).toString(), 'the ')
  })
})
