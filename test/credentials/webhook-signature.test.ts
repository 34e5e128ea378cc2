import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { handleOf, isHandle, signMessage, verifyMessage } from '../../src/credentials/webhook-signature.ts'
import { Secret } from '../../src/secret.ts'

/** The example of the specification's own libraries (standard-webhooks/standard-webhooks, libraries/python/tests). */
const SECRET = new Secret('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')
const BODY = '{"test": 2432232314}'
const NOW = 1_614_265_330_000
const HEAD = {
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: '1614265330',
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
}
const OTHER = new Secret(`whsec_${Buffer.alloc(32, 7).toString('base64')}`)
const isRefused = { code: 'signature_invalid' }

describe('a signed message', () => {
  test('is signed as the example of Standard Webhooks is', () => {
    assert.deepEqual(signMessage(SECRET, { id: HEAD.id, body: BODY, now: NOW }), HEAD)
    verifyMessage(SECRET, HEAD, BODY, NOW)
  })

  test('is good with one of several signatures, as while a secret changes', () => {
    const signature = `v1a,AAAA ${signMessage(OTHER, { id: HEAD.id, body: BODY, now: NOW }).signature} ${HEAD.signature}`
    verifyMessage(SECRET, { ...HEAD, signature }, BODY, NOW)
  })

  for (const [what, head, body] of [
    ['another body', HEAD, `${BODY} `],
    ['another id', { ...HEAD, id: 'msg_other' }, BODY],
    ['another time', { ...HEAD, timestamp: '1614265331' }, BODY],
    ['a signature of another scheme', { ...HEAD, signature: HEAD.signature.replace('v1,', 'v2,') }, BODY],
    ['half a signature', { ...HEAD, signature: HEAD.signature.slice(0, 20) }, BODY],
    ['an empty signature', { ...HEAD, signature: 'v1,' }, BODY],
  ] as const)
    test(`with ${what} is refused`, () => {
      assert.throws(() => verifyMessage(SECRET, head, body, NOW), isRefused)
    })

  test('with the secret of another webhook is refused', () => {
    assert.throws(() => verifyMessage(OTHER, HEAD, BODY, NOW), isRefused)
  })

  test('is of now: five minutes and no more, before and after', () => {
    for (const seconds of [-300, 300]) verifyMessage(SECRET, HEAD, BODY, NOW + seconds * 1000)
    for (const seconds of [-301, 301]) assert.throws(() => verifyMessage(SECRET, HEAD, BODY, NOW + seconds * 1000), isRefused)
  })

  test('of a time that is no number is refused, signed or not', () => {
    const signed = signMessage(SECRET, { id: HEAD.id, body: BODY, now: Number.NaN })
    assert.equal(signed.timestamp, 'NaN')
    assert.throws(() => verifyMessage(SECRET, signed, BODY, NOW), isRefused)
  })

  for (const secret of ['MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'whsec_c2hvcnQ=', `whsec_${'A'.repeat(100)}`, 'whsec_not base64'])
    test(`is not signed with ${secret.slice(0, 14)}…`, () => {
      assert.throws(() => signMessage(new Secret(secret), { id: 'a', body: '', now: NOW }), { code: 'invalid_config' })
    })
})

describe('a handle', () => {
  test('is another for each message, question and secret', () => {
    const all = [handleOf(SECRET, 'a', 'b'), handleOf(SECRET, 'ab'), handleOf(SECRET, 'a', 'c'), handleOf(OTHER, 'a', 'b')]
    assert.equal(new Set(all).size, all.length)
    assert.ok(isHandle(all[0] ?? '', handleOf(SECRET, 'a', 'b')))
    for (const one of [...all.slice(1), '', `${all[0]}x`]) assert.ok(!isHandle(one, all[0] ?? ''))
  })
})
