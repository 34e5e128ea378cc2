import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { before, describe, test } from 'node:test'
import fc from 'fast-check'
import { calculateJwkThumbprint, exportJWK } from 'jose'
import { StintError } from '../../src/errors.ts'
import { createDpop, type Dpop, type DpopKey, generateKey, makeProof } from '../../src/identity/dpop.ts'
import { type Clock, createClock, NOW, newKey, part, signRaw, withCode } from './fake-issuer.ts'

const TOKEN = 'the.task.token'
const ATH = createHash('sha256').update(TOKEN).digest('base64url')
const METHOD = 'POST'
const PLACE = 'https://api.example.com/v1/things'
let key: DpopKey

before(async () => {
  key = await generateKey()
})

function setUp(clock: Clock = createClock(), more: { capacity?: number; pause?: (ms: number) => Promise<unknown> } = {}): Dpop {
  return createDpop({ skewSeconds: 30, now: clock.now, pause: () => assert.fail('nothing is held'), ...more })
}

async function proof(
  changed: Readonly<Record<string, unknown>> = {},
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const claims = { jti: crypto.randomUUID(), htm: METHOD, htu: PLACE, iat: NOW / 1000, ath: ATH, ...changed }
  const full = { typ: 'dpop+jwt', alg: 'ES256', jwk: key.publicJwk, ...header }
  return await signRaw(key.privateKey, claims, full)
}

async function check(dpop: Dpop, text: string, more: Partial<Parameters<Dpop['check']>[0]> = {}): Promise<void> {
  await dpop.check({ proof: text, method: METHOD, url: PLACE, token: TOKEN, thumbprint: key.thumbprint, ...more })
}

describe('a DPoP proof', () => {
  test('that fits key, request, token and time is accepted', async () => check(setUp(), await proof()))

  test('that makeProof makes is accepted', async () => {
    const dpop = createDpop({ skewSeconds: 30, now: Date.now })
    await check(dpop, await makeProof(key, { method: METHOD, url: PLACE, token: TOKEN }))
    assert.equal(
      await dpop.proveKey({
        proof: await makeProof(key, { method: METHOD, url: PLACE }),
        method: METHOD,
        url: PLACE,
        caller: 'a',
      }),
      key.thumbprint,
    )
  })

  const changes: Readonly<Record<string, readonly [Readonly<Record<string, unknown>>, Readonly<Record<string, unknown>>?]>> = {
    'for another method': [{ htm: 'GET' }],
    'for the method in another case': [{ htm: 'post' }],
    'for no method': [{ htm: undefined }],
    'for another path': [{ htu: 'https://api.example.com/v1/other' }],
    'for a longer path': [{ htu: `${PLACE}/1` }],
    'for another host': [{ htu: 'https://api.example.org/v1/things' }],
    'for a look-alike host': [{ htu: 'https://\u0430pi.example.com/v1/things' }],
    'for another port': [{ htu: 'https://api.example.com:8443/v1/things' }],
    'for plain http': [{ htu: 'http://api.example.com/v1/things' }],
    'for a URL with a user': [{ htu: 'https://a@api.example.com/v1/things' }],
    'for an encoded slash': [{ htu: 'https://api.example.com/v1%2Fthings' }],
    'for no URL': [{ htu: '/v1/things' }],
    'for a list of URLs': [{ htu: [PLACE] }],
    'for another scheme': [{ htu: 'javascript:alert(1)' }],
    'for another token': [{ ath: createHash('sha256').update('other').digest('base64url') }],
    'for no token': [{ ath: undefined }],
    'for a token hashed as hex': [{ ath: createHash('sha256').update(TOKEN).digest('hex') }],
    'without jti': [{ jti: undefined }],
    'with an empty jti': [{ jti: '' }],
    'with an enormous jti': [{ jti: 'x'.repeat(300) }],
    'with a jti that is a number': [{ jti: 1 }],
    'without iat': [{ iat: undefined }],
    'with an iat that is a text': [{ iat: String(NOW / 1000) }],
    'too old': [{ iat: NOW / 1000 - 91 }],
    'dated in the future': [{ iat: NOW / 1000 + 6 }],
    'dated in milliseconds': [{ iat: NOW }],
    'dated before time': [{ iat: -1e300 }],
    'dated before Stint started': [{ iat: NOW / 1000 - 1 }],
    'of the type of an access token': [{}, { typ: 'at+jwt' }],
    'of the type of an ID token': [{}, { typ: 'JWT' }],
    'without a type': [{}, { typ: undefined }],
    'without a key': [{}, { jwk: undefined }],
    'with a key that is a text': [{}, { jwk: 'key' }],
    'with an empty key': [{}, { jwk: {} }],
    'with a symmetric key': [{}, { jwk: { kty: 'oct', k: 'AAAA' } }],
    'with a point that is not on the curve': [{}, { jwk: { kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA' } }],
    'with half a key': [{}, { jwk: { kty: 'EC', crv: 'P-256', x: 'AAAA' } }],
  }
  for (const [what, [claims, header]] of Object.entries(changes)) {
    test(`${what} is refused`, async () => assert.rejects(check(setUp(), await proof(claims, header)), withCode('invalid_token')))
  }

  test('with the private key in it is refused', async () => {
    const open = await newKey('open', 'ES256')
    const jwk = await exportJWK(open.privateKey)
    const thumbprint = await calculateJwkThumbprint(open.jwk)
    const claims = { jti: 'a', htm: METHOD, htu: PLACE, iat: NOW / 1000, ath: ATH }
    const sign = (shown: object): Promise<string> =>
      signRaw(open.privateKey, claims, { typ: 'dpop+jwt', alg: 'ES256', jwk: shown })
    await assert.rejects(check(setUp(), await sign(jwk), { thumbprint }), /private key/)
    await check(setUp(), await sign({ ...jwk, d: undefined }), { thumbprint })
  })

  test('signed by another key than it shows, or than the token names, is refused', async () => {
    const other = await generateKey()
    await assert.rejects(check(setUp(), await proof({}, { jwk: other.publicJwk })), /signature/)
    await assert.rejects(check(setUp(), await proof(), { thumbprint: other.thumbprint }), /bound to/)
  })

  test('signed by HMAC, by none, or by an algorithm that its key does not fit is refused', async () => {
    const rsa = await newKey('rsa', 'RS256')
    const claims = { jti: 'a', htm: METHOD, htu: PLACE, iat: NOW / 1000, ath: ATH }
    const header = (alg: string, jwk: unknown) => ({ typ: 'dpop+jwt', alg, jwk })
    const tokens = [
      await signRaw(new Uint8Array(32), claims, { typ: 'dpop+jwt', alg: 'HS256', jwk: { kty: 'oct', k: 'AAAA' } }),
      await signRaw(rsa.privateKey, claims, { typ: 'dpop+jwt', alg: 'RS256', jwk: rsa.jwk }),
      `${part(header('none', key.publicJwk))}.${part(claims)}.AA`,
      `${part(header('ES384', key.publicJwk))}.${part(claims)}.AA`,
      `${part(header('constructor', key.publicJwk))}.${part(claims)}.AA`,
    ]
    for (const text of tokens) await assert.rejects(check(setUp(), text), withCode('invalid_token'))
  })

  test('may be signed with ES384 and Ed25519', async () => {
    for (const alg of ['ES384', 'EdDSA', 'Ed25519']) {
      const { privateKey, jwk } = await newKey('k', alg)
      const claims = { jti: 'a', htm: METHOD, htu: PLACE, iat: NOW / 1000, ath: ATH }
      const text = await signRaw(privateKey, claims, { typ: 'dpop+jwt', alg, jwk })
      await check(setUp(), text, { thumbprint: await calculateJwkThumbprint(jwk) })
    }
  })

  test('names the URL in any equal spelling, without query and fragment', async () => {
    const same = [
      'HTTPS://API.EXAMPLE.COM:443/v1/things',
      `${PLACE}?a=1#b`,
      'https://api.example.com/v1/%74hings',
      'https://api.example.com/x/../v1/things',
    ]
    for (const htu of same) await check(setUp(), await proof({ htu }))
    await check(setUp(), await proof(), { url: `${PLACE}?page=2` })
    await check(setUp(), await proof({ htu: 'https://h/a%2fb' }), { url: 'https://h/a%2Fb' })
  })
})

describe('a DPoP proof works once', () => {
  test('the second time it is replayed, also with another signature over the same jti', async () => {
    const dpop = setUp()
    const text = await proof({ jti: 'one' })
    await check(dpop, text)
    await assert.rejects(check(dpop, text), withCode('proof_replayed'))
    await assert.rejects(check(dpop, await proof({ jti: 'one' })), withCode('proof_replayed'))
  })

  test('of two at the same moment one wins', async () => {
    const dpop = setUp()
    const text = await proof()
    const results = await Promise.allSettled([check(dpop, text), check(dpop, text)])
    assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  })

  test('it stays used as long as it could be young enough', async () => {
    const clock = createClock()
    const dpop = setUp(clock)
    const text = await proof()
    await check(dpop, text)
    for (const later of [1, 60, 90]) {
      clock.at = NOW + later * 1000
      await assert.rejects(check(dpop, text), withCode('proof_replayed'))
    }
    clock.at = NOW + 90_001
    await assert.rejects(check(dpop, text), /too old/)
  })

  test('a refused proof is not used up', async () => {
    const dpop = setUp()
    const text = await proof()
    await assert.rejects(check(dpop, text, { method: 'GET' }), withCode('invalid_token'))
    await check(dpop, text)
  })

  test('one jti does not stand in the way of another key', async () => {
    const dpop = setUp()
    await check(dpop, await proof({ jti: 'same' }))
    const other = await newKey('o', 'ES256')
    const claims = { jti: 'same', htm: METHOD, htu: PLACE, iat: NOW / 1000, ath: ATH }
    const text = await signRaw(other.privateKey, claims, { typ: 'dpop+jwt', alg: 'ES256', jwk: other.jwk })
    await check(dpop, text, { thumbprint: await calculateJwkThumbprint(other.jwk) })
  })

  test('a restart forgets what was used, so what was made before it is refused', async () => {
    const clock = createClock()
    const text = await proof()
    await check(setUp(clock), text)
    clock.at += 1
    await assert.rejects(check(setUp(clock), text), /before this Stint started/)
  })

  test('a proof from a clock ahead is held until its time, so that no restart can let it in twice', async () => {
    const clock = createClock()
    const pause = async (ms: number): Promise<void> => {
      clock.at += ms
    }
    const text = await proof({ iat: NOW / 1000 + 3 })
    await check(setUp(clock, { pause }), text)
    assert.ok(clock.at > NOW + 3000)
    await assert.rejects(check(setUp(clock, { pause }), text), /before this Stint started/)
  })

  test('a proof from a clock ahead is refused when waiting did not help', async () => {
    const dpop = setUp(createClock(), { pause: async () => {} })
    await assert.rejects(check(dpop, await proof({ iat: NOW / 1000 + 3 })), /future/)
  })

  test('a flood of proofs by one key is refused past its share, and others go on', async () => {
    const dpop = setUp(createClock(), { capacity: 8 })
    for (let i = 0; i < 2; i += 1) await check(dpop, await proof())
    await assert.rejects(check(dpop, await proof()), withCode('rate_limited'))
    const text = await proof({ ath: undefined })
    await dpop.proveKey({ proof: text, method: METHOD, url: PLACE, caller: 'other' })
  })
})

describe('proving a key without a token', () => {
  test('gives the thumbprint of the key, once', async () => {
    const dpop = setUp()
    const request = { proof: await proof({ ath: undefined }), method: METHOD, url: PLACE, caller: 'a' }
    assert.equal(await dpop.proveKey(request), key.thumbprint)
    await assert.rejects(dpop.proveKey({ ...request, caller: 'b' }), withCode('proof_replayed'))
  })

  test('a proof that was made for a token is spent by either use', async () => {
    const dpop = setUp()
    const text = await proof()
    await check(dpop, text)
    await assert.rejects(dpop.proveKey({ proof: text, method: METHOD, url: PLACE, caller: 'a' }), withCode('proof_replayed'))
  })

  test('many keys of one caller fill that caller’s share only', async () => {
    const dpop = setUp(createClock(), { capacity: 8 })
    const prove = async (caller: string): Promise<string> => {
      const { privateKey, jwk } = await newKey('k', 'Ed25519')
      const claims = { jti: 'a', htm: METHOD, htu: PLACE, iat: NOW / 1000 }
      const text = await signRaw(privateKey, claims, { typ: 'dpop+jwt', alg: 'Ed25519', jwk })
      return await dpop.proveKey({ proof: text, method: METHOD, url: PLACE, caller })
    }
    await prove('flooder')
    await prove('flooder')
    await assert.rejects(prove('flooder'), withCode('rate_limited'))
    await prove('other')
  })
})

test('any text as a proof gives only a StintError', async () => {
  const dpop = setUp()
  const good = (await proof()).split('.')
  const jwk = fc.oneof(fc.constant(key.publicJwk), fc.jsonValue())
  const header = fc.record({ typ: fc.constant('dpop+jwt'), alg: fc.constantFrom('ES256', 'EdDSA', 'none'), jwk }).map(part)
  const payload = fc
    .record({ htm: fc.constant(METHOD), htu: fc.oneof(fc.constant(PLACE), fc.webUrl()), iat: fc.double(), jti: fc.string() })
    .map(part)
  const piece = fc.oneof(header, payload, fc.string(), fc.constantFrom(...good))
  const texts = fc.oneof(
    fc.tuple(header, payload, piece).map((all) => all.join('.')),
    fc.array(piece).map((all) => all.join('.')),
  )
  await fc.assert(
    fc.asyncProperty(texts, async (text) => {
      await check(dpop, text).catch((thrown) => assert.ok(thrown instanceof StintError))
    }),
    { numRuns: 500 },
  )
})

test('the key for proofs cannot be exported', async () => {
  await assert.rejects(exportJWK(key.privateKey))
})
