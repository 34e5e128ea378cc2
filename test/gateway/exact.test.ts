import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { describe, test } from 'node:test'
import { exactOf } from '../../src/gateway/exact.ts'
import type { Operation } from '../../src/model.ts'

const operation: Operation = {
  ...{ scheme: 'https', host: 'shop.example', port: 443, method: 'POST', path: '/orders', query: 'gift=1' },
  headers: { 'content-type': 'multipart/form-data; boundary=one', 'idempotency-key': 'one', 'x-account': 'ann' },
}

function digestsOf(change: Partial<Operation> = {}, text = 'kettle', trailers: readonly string[] = []) {
  const beginning = Buffer.from(text)
  const body = { beginning, size: beginning.length, digest: hash('sha256', text, 'hex') }
  return exactOf({ ...operation, ...change }, body as never, trailers)
}

describe('what a consent whatever the body covers', () => {
  const { digest, anyBodyDigest } = digestsOf()
  const { headers } = operation

  test('is the same for another body, and for what is made anew with it', () => {
    for (const other of [
      digestsOf({}, 'pot'),
      digestsOf({ headers: { ...headers, 'idempotency-key': 'two', 'content-md5': 'x', 'content-digest': 'x' } }),
      digestsOf({ headers: { ...headers, 'content-type': 'multipart/form-data; boundary=two' } }),
      digestsOf({}, 'kettle', ['X-Amz-Checksum-Crc32', 'x']),
    ]) {
      assert.equal(other.anyBodyDigest, anyBodyDigest)
      assert.notEqual(other.digest, digest)
    }
  })

  test('is another for all else, and never what a consent to one body covers', () => {
    const others = [
      digestsOf({ scheme: 'http' }),
      digestsOf({ host: 'shop.test' }),
      digestsOf({ port: 8443 }),
      digestsOf({ method: 'PUT' }),
      digestsOf({ path: '/orders/7' }),
      digestsOf({ query: '' }),
      digestsOf({ headers: { ...headers, 'x-account': 'eve' } }),
      digestsOf({ headers: { ...headers, 'content-type': 'text/plain' } }),
      digestsOf({ headers: { ...headers, 'content-encoding': 'gzip' } }),
      digestsOf({}, 'kettle', ['x-account', 'eve']),
    ]
    const all = [anyBodyDigest, digest, ...others.flatMap((one) => [one.anyBodyDigest, one.digest])]
    assert.equal(new Set(all).size, 2 + 2 * others.length)
  })

  test('is nothing where there is no body', () => {
    assert.equal(exactOf(operation, undefined, []).anyBodyDigest, undefined)
    assert.equal(digestsOf({}, '').anyBodyDigest, undefined)
  })
})
