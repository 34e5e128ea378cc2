import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { StintError } from '../../src/errors.ts'
import { ISSUERS } from '../../src/identity/issuers/index.ts'
import { MAX_TOKEN_BYTES, parseJwt } from '../../src/identity/jwt.ts'
import { createVouch } from '../../src/identity/vouch.ts'
import {
  configFor,
  createClock,
  type FakeIssuer,
  goodClaims,
  type IssuerKey,
  ioOver,
  newKey,
  RULE,
  sign,
  startIssuer,
  withCode,
} from '../identity/fake-issuer.ts'

/** What every kind of issuer promises, on a real issuer over HTTP. */
for (const [kind, issuer] of Object.entries(ISSUERS)) {
  describe(`an issuer of kind ${kind}`, () => {
    const io = ioOver(createClock())
    let key: IssuerKey
    let server: FakeIssuer
    before(async () => {
      key = await newKey('k', 'ES256')
      server = await startIssuer([key])
    })
    after(() => server.close())
    const vouch = createVouch(ISSUERS, io)
    const verify = async (token: string) => vouch(parseJwt(token, MAX_TOKEN_BYTES), { ...configFor(server.url), kind })

    test('is found under its own name and says in one sentence what it is', () => {
      assert.equal(issuer.kind, kind)
      assert.match(issuer.summary, /^[A-Z][^\n]{10,150}\.$/)
    })

    test('admits a good token as the workload of the rule, federated, vouched for by the issuer, acting for itself', async () => {
      const { caller, rule } = await verify(await sign(key, goodClaims(server.url)))
      assert.deepEqual(rule, RULE)
      const { id, proof, issuer: by, actors, taskId, keyThumbprint } = caller
      assert.deepEqual(
        [id, proof, by, actors, taskId, keyThumbprint],
        [RULE.workload, 'federated', server.url, [], undefined, undefined],
      )
    })

    test('gives claims that are flat texts', async () => {
      const { caller } = await verify(await sign(key, { ...goodClaims(server.url), deep: { list: [1], yes: true } }))
      for (const value of Object.values(caller.claims)) assert.equal(typeof value, 'string')
    })

    const changes: Readonly<Record<string, object>> = {
      'another audience': { aud: 'https://other.example' },
      'another issuer': { iss: 'https://other.example' },
      'a past expiry': { exp: 1 },
      'no expiry': { exp: undefined },
      'a claim that no rule matches': { repository_id: '4321' },
    }
    for (const [what, changed] of Object.entries(changes)) {
      test(`refuses a token with ${what}`, async () => {
        await assert.rejects(verify(await sign(key, { ...goodClaims(server.url), ...changed })), withCode('invalid_token'))
      })
    }

    test('refuses a token of another key', async () => {
      await assert.rejects(verify(await sign(await newKey('k', 'ES256'), goodClaims(server.url))), withCode('invalid_token'))
    })

    test('says that an issuer which does not answer is unavailable, and that the token is not wrong for it', async () => {
      const away = await startIssuer([key])
      away.up = false
      const attempt = vouch(parseJwt(await sign(key, goodClaims(away.url)), MAX_TOKEN_BYTES), { ...configFor(away.url), kind })
      await assert.rejects(attempt, withCode('issuer_unavailable'))
      away.close()
    })

    test('throws nothing but StintError, whatever text it is given', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.oneof(
            fc.string(),
            fc.base64String().map((text) => `${text}.${text}.${text}`),
          ),
          async (text) => {
            await assert.rejects(verify(text), (thrown) => thrown instanceof StintError)
          },
        ),
        { numRuns: 100 },
      )
    })
  })
}
