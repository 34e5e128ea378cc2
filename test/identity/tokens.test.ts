import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import {
  calculateJwkThumbprint,
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  importJWK,
  type JWK,
  jwtVerify,
} from 'jose'
import { StintError } from '../../src/errors.ts'
import { openTokens, type Tokens } from '../../src/identity/tokens.ts'
import { createClock, NOW, newKey, part, signRaw, withCode } from './fake-issuer.ts'
import { ISSUER, openTestTokens, TASK_AUDIENCE, taskFor } from './task-fixture.ts'

const JKT = createHash('sha256').update('key').digest('base64url')
const clock = createClock()
const options = { issuer: ISSUER, audience: TASK_AUDIENCE, ttlSeconds: 300, skewSeconds: 30, now: clock.now }
let tokens: Tokens
let keyFile = ''
let remove = async (): Promise<void> => {}
let claims: Record<string, unknown> = {}

before(async () => {
  ;({ tokens, keyFile, remove } = await openTestTokens(clock))
  claims = decodeJwt((await tokens.issue(taskFor(JKT, clock))).token)
})
after(() => remove())

/** Signs with Stint's own key, as a Stint with a bug or another purpose would. */
async function signOurs(
  changed: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const { keys } = JSON.parse(await readFile(keyFile, 'utf8')) as { keys: JWK[] }
  const [jwk] = keys
  assert.ok(jwk)
  const kid = tokens.jwks().keys[0]?.kid
  const full = { alg: 'ES256', typ: 'at+jwt', kid, ...header }
  return await signRaw(await importJWK(jwk, 'ES256'), { ...claims, ...changed }, full)
}

describe('a task token', () => {
  test('is an RFC 9068 access token that names task, owner, workload and key', async () => {
    const { token, expiresAt } = await tokens.issue(taskFor(JKT, clock))
    assert.deepEqual(decodeProtectedHeader(token), { typ: 'at+jwt', alg: 'ES256', kid: tokens.jwks().keys[0]?.kid })
    const { jti, ...rest } = decodeJwt(token)
    assert.equal(typeof jti, 'string')
    assert.deepEqual(rest, {
      ...{ iss: ISSUER, aud: TASK_AUDIENCE, iat: NOW / 1000, exp: NOW / 1000 + 300 },
      ...{ sub: 'spiffe://stint.local/local/ana', client_id: 'spiffe://stint.local/local/ana' },
      ...{ task: 'task_1', owner: 'ana@example.com', proof: 'process-tree', cnf: { jkt: JKT } },
    })
    assert.equal(expiresAt, NOW + 300_000)
  })

  test('verifies to what it was issued for', async () => {
    const { token, expiresAt } = await tokens.issue(taskFor(JKT, clock), ['spiffe://a/near', 'spiffe://a/far'])
    assert.deepEqual(await tokens.verify(token), {
      ...{ taskId: 'task_1', workload: 'spiffe://stint.local/local/ana', owner: 'ana@example.com', proof: 'process-tree' },
      ...{ keyThumbprint: JKT, actors: ['spiffe://a/near', 'spiffe://a/far'], expiresAt },
    })
    assert.deepEqual(decodeJwt(token).act, { sub: 'spiffe://a/near', act: { sub: 'spiffe://a/far' } })
  })

  test('verifies for anyone with the published keys, which hold nothing private', async () => {
    const { keys } = tokens.jwks()
    for (const jwk of keys) assert.deepEqual(Object.keys(jwk).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
    const { token } = await tokens.issue(taskFor(JKT, clock))
    await jwtVerify(token, createLocalJWKSet({ keys: [...keys] }), { currentDate: new Date(NOW), audience: TASK_AUDIENCE })
  })

  test('never outlives its task', async () => {
    const task = { ...taskFor(JKT, clock), expiresAt: NOW + 10_900 }
    const { token, expiresAt } = await tokens.issue(task)
    assert.equal(expiresAt, NOW + 10_000)
    clock.at = NOW + 10_000
    await assert.rejects(tokens.verify(token), withCode('invalid_token'))
    clock.at = NOW
  })

  test('is not issued for a task that has ended, is about to, or is bound to no key', async () => {
    const task = taskFor(JKT, clock)
    await assert.rejects(tokens.issue({ ...task, expiresAt: NOW + 900 }), withCode('task_not_live'))
    await assert.rejects(tokens.issue({ ...task, expiresAt: NOW - 1 }), withCode('task_not_live'))
    await assert.rejects(tokens.issue({ ...task, state: 'revoked' }), withCode('task_not_live'))
    for (const bad of ['', 'short', `${JKT}=`, `${JKT.slice(1)}+`]) {
      await assert.rejects(tokens.issue({ ...task, keyThumbprint: bad }), withCode('invalid_argument'))
    }
  })
})

describe('what is no valid task token', () => {
  const changes: Readonly<Record<string, readonly [Readonly<Record<string, unknown>>, Readonly<Record<string, unknown>>?]>> = {
    'another issuer': [{ iss: 'http://127.0.0.1:7400/' }],
    'another audience': [{ aud: 'other' }],
    'our audience among others': [{ aud: [TASK_AUDIENCE, 'other'] }],
    'our audience as an array': [{ aud: [TASK_AUDIENCE] }],
    'one that expired this second': [{ exp: NOW / 1000 }],
    'one whose skew would save it': [{ exp: NOW / 1000 - 5 }],
    'one without expiry': [{ exp: undefined }],
    'an expiry that is a text': [{ exp: String(NOW) }],
    'one from the future': [{ iat: NOW / 1000 + 31 }],
    'one not valid yet': [{ nbf: NOW / 1000 + 31 }],
    'a client that is not the subject': [{ client_id: 'spiffe://stint.local/other' }],
    'no key': [{ cnf: {} }],
    'a key bound by certificate instead': [{ cnf: { 'x5t#S256': JKT } }],
    'a thumbprint of the wrong length': [{ cnf: { jkt: `${JKT}A` } }],
    'an array as cnf': [{ cnf: [JKT] }],
    'a task that is no text': [{ task: 1 }],
    'no jti': [{ jti: undefined }],
    'a proof nobody knows': [{ proof: 'trust-me' }],
    'a proof that every object inherits': [{ proof: 'constructor' }],
    'a malformed chain of actors': [{ act: { sub: 'a', act: 'b' } }],
    'an endless chain of actors': [{ act: JSON.parse(`${'{"sub":"a","act":'.repeat(40)}{"sub":"a"}${'}'.repeat(40)}`) }],
    'the type of an ID token': [{}, { typ: 'JWT' }],
    'the type of a DPoP proof': [{}, { typ: 'dpop+jwt' }],
    'another spelling of its type': [{}, { typ: 'application/at+jwt' }],
    'no type': [{}, { typ: undefined }],
    'no kid': [{}, { kid: undefined }],
    'a kid that is a path': [{}, { kid: '../../../../dev/null' }],
    'a kid that is no text': [{}, { kid: { $ne: null } }],
  }
  for (const [what, [claims, header]] of Object.entries(changes)) {
    test(`${what} is refused`, async () =>
      assert.rejects(tokens.verify(await signOurs(claims, header)), withCode('invalid_token')))
    if (claims.exp === undefined || typeof claims.exp === 'string')
      test(`${what} is refused late as well`, async () =>
        assert.rejects(tokens.verifyLate(await signOurs(claims, header)), withCode('invalid_token')))
  }

  test('one that expired is recognised for a day, and says when it expired', async () => {
    const late = await signOurs({ exp: NOW / 1000 - 86_399 })
    await assert.rejects(tokens.verify(late), withCode('invalid_token'))
    assert.equal((await tokens.verifyLate(late)).expiresAt, NOW - 86_399_000)
    await assert.rejects(tokens.verifyLate(await signOurs({ exp: NOW / 1000 - 86_400 })), withCode('invalid_token'))
  })

  test('the unchanged token passes, so each refusal above is for its one change', async () => {
    await tokens.verify(await signOurs({}))
    await tokens.verify(await signOurs({ nbf: NOW / 1000 + 30, iat: NOW / 1000 + 30, exp: NOW / 1000 + 1 }))
  })

  test('a key of somebody else is refused, whatever kid it claims and whatever key it brings along', async () => {
    const other = await newKey('other', 'ES256')
    const kid = tokens.jwks().keys[0]?.kid
    for (const extra of [{}, { kid }, { kid, jwk: other.jwk }, { kid, jku: 'https://evil.example/jwks' }, { kid, x5c: ['AA'] }]) {
      const header = { alg: 'ES256', typ: 'at+jwt', kid: other.kid, ...extra }
      const token = await signRaw(other.privateKey, { ...claims }, header)
      await assert.rejects(tokens.verify(token), withCode('invalid_token'))
    }
  })

  test('alg none and an HMAC with the public key as its secret are refused', async () => {
    const [published] = tokens.jwks().keys
    const kid = published?.kid
    const none = part({ alg: 'none', typ: 'at+jwt', kid })
    await assert.rejects(tokens.verify(`${none}.${part(claims)}.AA`), withCode('invalid_token'))
    const secret = new TextEncoder().encode(JSON.stringify(published).padEnd(32))
    const hmac = await signRaw(secret, { ...claims }, { alg: 'HS256', typ: 'at+jwt', ...(kid && { kid }) })
    await assert.rejects(tokens.verify(hmac), withCode('invalid_token'))
  })

  test('every single changed character is refused', async () => {
    const { token } = await tokens.issue(taskFor(JKT, clock))
    const last = token.lastIndexOf('.') + 86 // the lowest bits of the last character carry nothing
    for (let at = 0; at < last; at += 7) {
      const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
      if (at === last - 1) continue
      await assert.rejects(tokens.verify(changed), withCode('invalid_token'), `at ${at}`)
    }
  })

  test('any text gives only invalid_token', async () => {
    const good = (await tokens.issue(taskFor(JKT, clock))).token.split('.')
    const piece = fc.oneof(fc.string(), fc.constantFrom(...good), fc.jsonValue().map(part))
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(piece, { maxLength: 4 }).map((all) => all.join('.')),
    )
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        if (text === good.join('.')) return
        await assert.rejects(tokens.verify(text), (thrown) => thrown instanceof StintError && thrown.code === 'invalid_token')
      }),
      { numRuns: 500 },
    )
  })
})

describe('the signing keys', () => {
  test('are made 0600 and survive a restart', async () => {
    assert.equal((await stat(keyFile)).mode & 0o777, 0o600)
    const { token } = await tokens.issue(taskFor(JKT, clock))
    assert.equal((await (await openTokens(keyFile, options)).verify(token)).taskId, 'task_1')
  })

  test('a new first key signs, the previous one still verifies, and a removed one does not', async () => {
    const fresh = await newKey('ignored', 'ES256')
    const { keys } = JSON.parse(await readFile(keyFile, 'utf8')) as { keys: JWK[] }
    const { token: old } = await tokens.issue(taskFor(JKT, clock))
    const file = `${keyFile}.rotated`
    const first = await exportJWK(fresh.privateKey)
    await writeFile(file, JSON.stringify({ keys: [first, ...keys] }), { mode: 0o600 })
    const rotated = await openTokens(file, options)
    await rotated.verify(old)
    const { token } = await rotated.issue(taskFor(JKT, clock))
    assert.equal(decodeProtectedHeader(token).kid, await calculateJwkThumbprint(fresh.jwk))
    await assert.rejects(tokens.verify(token), withCode('invalid_token'))
    await writeFile(file, JSON.stringify({ keys: [first] }), { mode: 0o600 })
    await assert.rejects((await openTokens(file, options)).verify(old), withCode('invalid_token'))
  })

  const broken: Readonly<Record<string, string>> = {
    nothing: '',
    'no JSON': '{',
    null: 'null',
    'no keys': '{}',
    'an empty list': '{"keys":[]}',
    'a symmetric key': '{"keys":[{"kty":"oct","k":"AAAA"}]}',
    'a public key only': '{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}',
    'a point that is not on the curve': '{"keys":[{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA","d":"AAAA"}]}',
  }
  for (const [what, content] of Object.entries(broken)) {
    test(`a key file with ${what} is refused and left as it is`, async () => {
      const file = `${keyFile}.broken`
      await writeFile(file, content, { mode: 0o600 })
      await assert.rejects(openTokens(file, options), withCode('state_unsafe'))
      assert.equal(await readFile(file, 'utf8'), content)
    })
  }
})
