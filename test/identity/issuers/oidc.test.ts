import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { StintError } from '../../../src/errors.ts'
import type { IssuerConfig, Vouched } from '../../../src/identity/issuer.ts'
import { oidc } from '../../../src/identity/issuers/oidc.ts'
import { MAX_TOKEN_BYTES, parseJwt } from '../../../src/identity/jwt.ts'
import { createVouch } from '../../../src/identity/vouch.ts'
import {
  AUDIENCE,
  configFor,
  createClock,
  type FakeIssuer,
  goodClaims,
  type IssuerKey,
  ioOver,
  NOW,
  newKey,
  part,
  RULE,
  sign,
  signRaw,
  startIssuer,
  withCode,
} from '../fake-issuer.ts'

const SECONDS = NOW / 1000
const vouch = createVouch({ oidc }, ioOver(createClock()))
let rsa: IssuerKey
let ec: IssuerKey
let issuer: FakeIssuer

before(async () => {
  rsa = await newKey('rsa-1')
  ec = await newKey('ec-1', 'ES256')
  issuer = await startIssuer([rsa, ec])
})
after(() => issuer.close())

const verify = (token: string, more: Readonly<Record<string, unknown>> = {}): Promise<Vouched> =>
  verifyWith(token, configFor(issuer.url, more))

async function verifyWith(token: string, config: IssuerConfig): Promise<Vouched> {
  return await vouch(parseJwt(token, MAX_TOKEN_BYTES), config)
}

describe('a token of a configured issuer', () => {
  test('becomes the workload that the matching rule names', async () => {
    const claims = goodClaims(issuer.url)
    const { caller, rule } = await verify(await sign(rsa, { ...claims, nested: { deep: 1 } }))
    assert.deepEqual(rule, RULE)
    assert.deepEqual(caller, {
      ...{ id: RULE.workload, proof: 'federated', issuer: issuer.url, actors: [] },
      claims: {
        ...{ iss: issuer.url, aud: AUDIENCE, sub: 'repo:acme/app', jti: claims.jti, repository_id: '1234', '/nested/deep': '1' },
        ...{ iat: String(SECONDS), exp: String(SECONDS + 300) },
      },
    })
  })

  for (const alg of ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']) {
    test(`may be signed with ${alg}`, async (t) => {
      const key = await newKey('only', alg)
      const other = await startIssuer([key])
      t.after(() => other.close())
      await verifyWith(await sign(key, goodClaims(other.url)), configFor(other.url))
    })
  }

  test('may have no typ, the typ of a JWT in any case, our audience as an array of one, and clocks apart by the skew', async () => {
    const claims = goodClaims(issuer.url)
    await verify(await sign(rsa, claims, { typ: undefined }))
    await verify(await sign(rsa, claims, { typ: 'jwt' }))
    await verify(await sign(rsa, { ...claims, aud: [AUDIENCE] }))
    await verify(await sign(rsa, { ...claims, iat: SECONDS + 30, nbf: SECONDS + 30 }))
    await verify(await sign(rsa, { ...claims, iat: SECONDS - 300, exp: SECONDS - 29 }))
  })

  test('may have no kid where only one published key fits', async () => {
    await verify(await sign(ec, goodClaims(issuer.url), { kid: undefined }))
  })
})

describe('a token that is not acceptable', () => {
  const changes: Readonly<Record<string, readonly [Readonly<Record<string, unknown>>, Readonly<Record<string, unknown>>?]>> = {
    'of another issuer': [{ iss: 'https://evil.example' }],
    'of the issuer with a slash more': [{ iss: 'SLASH' }],
    'of an issuer spelled in capitals': [{ iss: 'CAPITALS' }],
    'without issuer': [{ iss: undefined }],
    'for another audience': [{ aud: 'https://other.example' }],
    'for our audience in other letters': [{ aud: AUDIENCE.toUpperCase() }],
    'for us and for others': [{ aud: [AUDIENCE, 'https://other.example'] }],
    'for us twice': [{ aud: [AUDIENCE, AUDIENCE] }],
    'for nobody': [{ aud: [] }],
    'without audience': [{ aud: undefined }],
    'for an object': [{ aud: { 0: AUDIENCE } }],
    'without subject': [{ sub: undefined }],
    'with a subject that is no text': [{ sub: 7 }],
    expired: [{ iat: SECONDS - 300, exp: SECONDS - 30 }],
    'without expiry': [{ exp: undefined }],
    'with an expiry that is a text': [{ exp: String(SECONDS + 300) }],
    'with an expiry that is infinite': [{ exp: 'INFINITE' }],
    'without time of issue': [{ iat: undefined }],
    'issued in the future': [{ iat: SECONDS + 31 }],
    'not valid yet': [{ nbf: SECONDS + 31 }],
    'with a nbf that is a text': [{ nbf: String(SECONDS) }],
    'that lives for days': [{ exp: SECONDS + 86_401 }],
    'that expires before it was issued': [{ iat: SECONDS + 20, exp: SECONDS + 10 }],
    'of another repository': [{ repository_id: '12345' }],
    'of no repository': [{ repository_id: undefined }],
    'of a list with the repository': [{ repository_id: ['1234'] }],
    'of a look-alike repository': [{ repository_id: '123\u0664' }],
    'of the type of an access token': [{}, { typ: 'at+jwt' }],
    'of the type of a DPoP proof': [{}, { typ: 'dpop+jwt' }],
    'of the type of a logout token': [{}, { typ: 'logout+jwt' }],
    'of the type of a security event': [{}, { typ: 'secevent+jwt' }],
    'with a typ that is no text': [{}, { typ: ['JWT'] }],
    'with an unknown kid': [{}, { kid: 'other' }],
    'with a kid that is a path': [{}, { kid: '../../../../etc/passwd' }],
    'with a kid that is a URL': [{}, { kid: 'http://127.0.0.1:1/jwks' }],
    'with a kid that is a query': [{}, { kid: "' OR 1=1 --" }],
    'with a kid that is a number': [{}, { kid: 1 }],
    'with an enormous kid': [{}, { kid: 'x'.repeat(2000) }],
    'with the kid of a key of another type': [{}, { kid: 'ec-1' }],
    'that asks for an extension': [{}, { crit: ['exp'] }],
  }
  for (const [what, [claims, header]] of Object.entries(changes)) {
    test(`${what} is refused`, async () => {
      const special: Readonly<Record<string, unknown>> = {
        SLASH: `${issuer.url}/`,
        CAPITALS: issuer.url.toUpperCase(),
        INFINITE: 1e308 * 10,
      }
      const resolved = Object.entries(claims).map(([name, value]) => [
        name,
        typeof value === 'string' && value in special ? special[value] : value,
      ])
      const payload = JSON.stringify({ ...goodClaims(issuer.url), ...Object.fromEntries(resolved) }).replace(
        '"exp":null',
        '"exp":1e999',
      )
      const token = await signText(rsa, payload, { alg: 'RS256', kid: 'rsa-1', typ: 'JWT', ...header })
      await assert.rejects(verify(token), withCode('invalid_token'))
    })
  }

  test('without a kid where two published keys fit is refused', async (t) => {
    const [one, two] = [await newKey('a'), await newKey('b')]
    const other = await startIssuer([one, two])
    t.after(() => other.close())
    const token = await sign(one, goodClaims(other.url), { kid: undefined })
    await assert.rejects(verifyWith(token, configFor(other.url)), withCode('invalid_token'))
  })

  test('alg none is refused in every spelling', async () => {
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '']) {
      const unsigned = `${part({ alg, kid: 'rsa-1' })}.${part(goodClaims(issuer.url))}`
      for (const signature of ['', '.', '.AA']) await assert.rejects(verify(unsigned + signature), withCode('invalid_token'))
    }
  })

  test('an HMAC whose secret is the public key is refused', async () => {
    for (const text of [JSON.stringify(rsa.jwk), String(rsa.jwk.n), JSON.stringify(ec.jwk)]) {
      const secret = new TextEncoder().encode(text.padEnd(64))
      for (const alg of ['HS256', 'HS384', 'HS512']) {
        const token = await signRaw(secret, goodClaims(issuer.url), { alg, kid: 'rsa-1', typ: 'JWT' })
        await assert.rejects(verify(token), withCode('invalid_token'))
      }
    }
  })

  test('a key that the token brings along, or says where to find, is not used and not fetched', async (t) => {
    const mine = await newKey('rsa-1')
    const evil = await startIssuer([mine])
    t.after(() => evil.close())
    const headers = [{ jwk: mine.jwk }, { jku: `${evil.url}/jwks` }, { x5u: `${evil.url}/jwks` }, { x5c: ['AAAA'] }]
    for (const header of headers)
      await assert.rejects(verify(await sign(mine, goodClaims(issuer.url), header)), withCode('invalid_token'))
    assert.deepEqual(evil.asked, [])
  })

  test('a token signed by another configured issuer does not pass for this one', async (t) => {
    const key = await newKey('rsa-1')
    const other = await startIssuer([key])
    t.after(() => other.close())
    const token = await sign(key, goodClaims(issuer.url))
    await assert.rejects(verifyWith(token, configFor(other.url)), withCode('invalid_token'))
    await assert.rejects(verify(token), withCode('invalid_token'))
  })

  test('a name given twice is refused, though validly signed', async () => {
    const payload = JSON.stringify(goodClaims(issuer.url)).replace('"repository_id"', '"repository_id":"1","repository_id"')
    await assert.rejects(verify(await signText(rsa, payload, { alg: 'RS256', kid: 'rsa-1' })), withCode('invalid_token'))
  })

  test('an unencoded payload (RFC 7797) is refused', async () => {
    const token = await sign(rsa, goodClaims(issuer.url))
    const [, payload, signature] = token.split('.')
    const header = part({ alg: 'RS256', kid: 'rsa-1', b64: false, crit: ['b64'] })
    await assert.rejects(verify(`${header}.${payload}.${signature}`), withCode('invalid_token'))
  })

  test('a truncated, an extended and an enormous token are refused', async () => {
    const token = await sign(rsa, goodClaims(issuer.url))
    for (const bad of [token.slice(0, -2), `${token}AAAA`, `${token}.AAAA`, token.replace('.', '..')]) {
      await assert.rejects(verify(bad), withCode('invalid_token'))
    }
    await assert.rejects(
      verify(await sign(rsa, { ...goodClaims(issuer.url), pad: 'x'.repeat(20_000) })),
      withCode('invalid_token'),
    )
  })

  test('an algorithm that the key is not published for is refused', async () => {
    for (const alg of ['RS512', 'PS256']) {
      const token = `${part({ alg, kid: 'rsa-1' })}.${part(goodClaims(issuer.url))}.AAAA`
      await assert.rejects(verify(token), withCode('invalid_token'))
    }
  })

  test('the caller is told the same whatever check failed, and the operator which one', async () => {
    const bad = [{ aud: 'x' }, { exp: SECONDS - 300, iat: SECONDS - 400 }, { repository_id: '9' }, { iat: SECONDS + 900 }]
    const seen = await Promise.all(
      bad.map(async (claims) => {
        const thrown: unknown = await verify(await sign(rsa, { ...goodClaims(issuer.url), ...claims })).catch((one) => one)
        assert.ok(thrown instanceof StintError)
        return { detail: thrown.detail, operatorDetail: thrown.operatorDetail }
      }),
    )
    assert.equal(new Set(seen.map(({ detail }) => detail)).size, 1)
    assert.equal(new Set(seen.map(({ operatorDetail }) => operatorDetail)).size, bad.length)
  })

  test('an error shows none of the token’s claims, however deep one looks', async () => {
    const claims = { ...goodClaims(issuer.url), aud: 'https://other.example', email: 'ana@acme.example' }
    const thrown: unknown = await verify(await sign(rsa, claims)).catch((one) => one)
    assert.ok(thrown instanceof StintError)
    assert.ok(!inspect(thrown, { depth: 10, showHidden: true }).includes('ana@acme.example'))
  })

  test('any text gives only invalid_token', async () => {
    const good = (await sign(rsa, goodClaims(issuer.url))).split('.')
    const header = fc
      .record({ alg: fc.constantFrom('RS256', 'ES256', 'none'), kid: fc.oneof(fc.constant('rsa-1'), fc.jsonValue()) })
      .map(part)
    const piece = fc.oneof(header, fc.string(), fc.constantFrom(...good), fc.jsonValue().map(part))
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(piece, { maxLength: 4 }).map((all) => all.join('.')),
    )
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        if (text !== good.join('.')) await assert.rejects(verify(text), withCode('invalid_token'))
      }),
      { numRuns: 300 },
    )
  })
})

describe('what a published key set may hold', () => {
  const publish = async (change: (jwk: Record<string, unknown>) => Record<string, unknown>) => {
    const key = await newKey('k', 'ES256')
    const other = await startIssuer([])
    other.keys = [change({ ...key.jwk })]
    return { other, attempt: verifyWith(await sign(key, goodClaims(other.url)), configFor(other.url)) }
  }
  const refused: Readonly<Record<string, (jwk: Record<string, unknown>) => Record<string, unknown>>> = {
    'a key for encryption': (jwk) => ({ ...jwk, use: 'enc' }),
    'a key for a SPIFFE ID': (jwk) => ({ ...jwk, use: 'jwt-svid' }),
    'a key that may not verify': (jwk) => ({ ...jwk, key_ops: ['encrypt'] }),
    'key_ops that is a text': (jwk) => ({ ...jwk, key_ops: 'verify' }),
    'a key for another algorithm': (jwk) => ({ ...jwk, alg: 'ES384' }),
    'a key on another curve': (jwk) => ({ ...jwk, crv: 'P-384', alg: undefined }),
    'a symmetric key': () => ({ kty: 'oct', k: 'AAAA', kid: 'k', alg: 'ES256' }),
    'a point that is not on the curve': (jwk) => ({ ...jwk, x: jwk.y }),
  }
  for (const [what, change] of Object.entries(refused)) {
    test(`${what} verifies nothing`, async () => {
      const { other, attempt } = await publish(change)
      await assert.rejects(attempt, withCode('invalid_token'))
      other.close()
    })
  }

  test('a key without use, key_ops and alg verifies, and a broken neighbour does not stand in its way', async () => {
    const { other, attempt } = await publish(({ use, alg, ...jwk }) => jwk)
    await attempt
    other.close()
    const key = await newKey('k', 'ES256')
    const mixed = await startIssuer([])
    mixed.answers.set(
      '/jwks',
      JSON.stringify({ keys: [null, 'x', {}, { kty: 'EC', kid: 'k' }, { kty: 'new', kid: 'k' }, key.jwk] }),
    )
    await verifyWith(await sign(key, goodClaims(mixed.url)), configFor(mixed.url))
    mixed.close()
  })

  test('two different keys of one kid verify nothing', async () => {
    const [one, two] = [await newKey('k', 'ES256'), await newKey('k', 'ES256')]
    const other = await startIssuer([one, two])
    await assert.rejects(verifyWith(await sign(one, goodClaims(other.url)), configFor(other.url)), withCode('invalid_token'))
    other.close()
  })

  test('an RSA key of 1024 bits verifies nothing', async () => {
    const weak = await crypto.subtle.generateKey(
      { name: 'RSASSA-PKCS1-v1_5', modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
      true,
      ['sign', 'verify'],
    )
    const jwk = { ...(await crypto.subtle.exportKey('jwk', weak.publicKey)), kid: 'weak', key_ops: undefined }
    const other = await startIssuer([])
    other.answers.set('/jwks', JSON.stringify({ keys: [jwk] }))
    const input = `${part({ alg: 'RS256', kid: 'weak' })}.${part(goodClaims(other.url))}`
    const signature = await crypto.subtle.sign('RSASSA-PKCS1-v1_5', weak.privateKey, Buffer.from(input))
    const token = `${input}.${Buffer.from(signature).toString('base64url')}`
    await assert.rejects(verifyWith(token, configFor(other.url)), withCode('invalid_token'))
    other.close()
  })
})

/** Signs this very JSON text, which no library would produce. */
async function signText(key: IssuerKey, payload: string, header: object): Promise<string> {
  const input = `${part(header)}.${part(payload)}`
  const signature = await crypto.subtle.sign({ name: 'RSASSA-PKCS1-v1_5' }, key.privateKey, Buffer.from(input))
  return `${input}.${Buffer.from(signature).toString('base64url')}`
}
