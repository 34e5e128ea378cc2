import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createDpop, type DpopKey, generateKey } from '../../src/identity/dpop.ts'
import { ISSUERS } from '../../src/identity/issuers/index.ts'
import { createVerify, type Verify } from '../../src/identity/verify.ts'
import type { Caller } from '../../src/model.ts'
import { createClock, ioOver, signRaw, withCode } from '../identity/fake-issuer.ts'
import { openTestTokens, taskFor, URL_1 } from '../identity/task-fixture.ts'

/** G11: a stolen task token is useless from another process, host or key. Here: with everything but the key. */
describe('G11: a stolen task token', () => {
  const clock = createClock()
  let opened: Awaited<ReturnType<typeof openTestTokens>>
  let verifier: Verify
  let owner: DpopKey
  let thief: DpopKey
  let token = ''

  before(async () => {
    opened = await openTestTokens(clock)
    verifier = start()
    ;[owner, thief] = [await generateKey(), await generateKey()]
    token = (await opened.tokens.issue(taskFor(owner.thumbprint, clock))).token
  })
  after(() => opened.remove())

  function start(): Verify {
    return createVerify({
      ...{ tokens: opened.tokens, dpop: createDpop({ skewSeconds: 30, now: clock.now }), issuers: { byIssuer: () => undefined } },
      ...{ kinds: ISSUERS, io: ioOver(clock), trustDomain: 'stint.local', insideTask: () => false },
      used: { use: () => assert.fail('this is about task tokens') },
    })
  }

  async function prove(key: DpopKey, changed: object = {}, header: object = {}): Promise<string> {
    const ath = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(token))).toString('base64url')
    const claims = { jti: crypto.randomUUID(), htm: 'GET', htu: URL_1, iat: clock.at / 1000, ath, ...changed }
    return await signRaw(key.privateKey, claims, { typ: 'dpop+jwt', alg: 'ES256', jwk: key.publicJwk, ...header })
  }

  async function use(dpop: string, more: { method?: string; url?: string; token?: string } = {}): Promise<Caller> {
    return await verifier.verify({ kind: 'dpop', token, dpop, method: 'GET', url: URL_1, ...more })
  }

  test('works for who holds its key', async () => {
    assert.equal((await use(await prove(owner))).taskId, 'task_1')
  })

  test('is refused with no proof', async () => {
    await assert.rejects(use(''), withCode('invalid_token'))
  })

  test('is refused with the token itself as the proof', async () => {
    await assert.rejects(use(token), withCode('invalid_token'))
  })

  test('is refused with a proof of the thief’s key', async () => {
    await assert.rejects(use(await prove(thief)), withCode('invalid_token'))
  })

  test('is refused with a proof that shows the owner’s key but is signed by the thief’s', async () => {
    await assert.rejects(use(await prove(thief, {}, { jwk: owner.publicJwk })), withCode('invalid_token'))
  })

  test('is refused with a proof that the owner used before', async () => {
    const seen = await prove(owner)
    await use(seen)
    await assert.rejects(use(seen), withCode('proof_replayed'))
  })

  test('is refused with a used proof after a restart', async () => {
    const seen = await prove(owner)
    await use(seen)
    clock.at += 1
    verifier = start()
    await assert.rejects(use(seen), withCode('invalid_token'))
    assert.equal((await use(await prove(owner))).taskId, 'task_1')
  })

  test('is refused with a captured proof for another URL', async () => {
    const elsewhere = await prove(owner, { htu: 'http://evil.example/.well-known/stint/attach' })
    await assert.rejects(use(elsewhere), withCode('invalid_token'))
    await assert.rejects(
      use(await prove(owner), { url: 'http://127.0.0.1:7400/v1/tasks/task_1/token' }),
      withCode('invalid_token'),
    )
  })

  test('is refused with a captured proof for another method', async () => {
    await assert.rejects(use(await prove(owner), { method: 'CONNECT' }), withCode('invalid_token'))
  })

  test('is refused with a captured proof for another token of the same key', async () => {
    const dpop = await prove(owner)
    const second = (await opened.tokens.issue({ ...taskFor(owner.thumbprint, clock), id: 'task_2' })).token
    await assert.rejects(use(dpop, { token: second }), withCode('invalid_token'))
  })

  test('is refused with a captured proof that has grown old unused', async () => {
    const dpop = await prove(owner)
    clock.at += 91_000
    await assert.rejects(use(dpop), withCode('invalid_token'))
  })

  test('cannot be bound to the thief’s key by changing it', async () => {
    const [header, payload = '', signature] = token.split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const rebound = Buffer.from(JSON.stringify({ ...claims, cnf: { jkt: thief.thumbprint } })).toString('base64url')
    await assert.rejects(use(await prove(thief), { token: `${header}.${rebound}.${signature}` }), withCode('invalid_token'))
  })

  test('is refused when it has expired, with any proof', async () => {
    clock.at += 300_000
    await assert.rejects(use(await prove(owner)), withCode('invalid_token'))
  })

  test('is not even recognised after that without its key, nor with a proof used before', async () => {
    const recognise = (dpop: string) => verifier.recognise({ kind: 'dpop', token, dpop, method: 'GET', url: URL_1 })
    const seen = await prove(owner)
    const { caller, isExpired } = await recognise(seen)
    assert.deepEqual([caller.taskId, isExpired], ['task_1', true])
    await assert.rejects(recognise(seen), withCode('proof_replayed'))
    await assert.rejects(recognise(await prove(thief)), withCode('invalid_token'))
    await assert.rejects(recognise(''), withCode('invalid_token'))
  })
})
