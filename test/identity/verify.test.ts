import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import fc from 'fast-check'
import { StintError } from '../../src/errors.ts'
import { createDpop, type DpopKey, generateKey, makeProof } from '../../src/identity/dpop.ts'
import type { IssuerConfig } from '../../src/identity/issuer.ts'
import { ISSUERS } from '../../src/identity/issuers/index.ts'
import { createUsedTokens, type UsedTokens } from '../../src/identity/used-tokens.ts'
import { createVerify, type Proof, type Verify } from '../../src/identity/verify.ts'
import type { Caller } from '../../src/model.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import {
  type Clock,
  configFor,
  createClock,
  type FakeIssuer,
  goodClaims,
  type IssuerKey,
  ioOver,
  newKey,
  part,
  RULE,
  sign,
  signRaw,
  startIssuer,
  withCode,
} from './fake-issuer.ts'
import { openTestTokens, taskFor } from './task-fixture.ts'

const URL_TASKS = 'http://127.0.0.1:7400/v1/tasks'
let clock: Clock
let issuer: FakeIssuer
let issuerKey: IssuerKey
let key: DpopKey
let configs: IssuerConfig[]
let insideTask: (pid: number) => boolean | Promise<boolean>
let opened: Awaited<ReturnType<typeof openTestTokens>>
let verifier: Verify
let store: Store
let directory = ''
let used: UsedTokens

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'stint-verify-'))
  store = await openStore(join(directory, 'state.db'))
  clock = createClock()
  issuerKey = await newKey('k', 'ES256')
  issuer = await startIssuer([issuerKey])
  key = await generateKey()
  opened = await openTestTokens(clock)
})
after(async () => {
  issuer.close()
  await opened.remove()
  await store.close()
  rmSync(directory, { recursive: true })
})
beforeEach(() => {
  used = createUsedTokens(store, clock.now)
  configs = [configFor(issuer.url)]
  insideTask = () => false
  verifier = createVerify({
    tokens: opened.tokens,
    dpop: createDpop({ skewSeconds: 30, now: clock.now }),
    issuers: { byIssuer: (url) => configs.find((config) => config.issuer === url) },
    used: { use: (...asked) => used.use(...asked) },
    kinds: ISSUERS,
    io: ioOver(clock),
    trustDomain: 'stint.local',
    insideTask: (pid) => insideTask(pid),
  })
})

const good = (changed: object = {}): Promise<string> => sign(issuerKey, { ...goodClaims(issuer.url), ...changed })
const keyProof = (changed: object = {}): Promise<string> =>
  signRaw(
    key.privateKey,
    { jti: crypto.randomUUID(), htm: 'POST', htu: URL_TASKS, iat: clock.at / 1000, ...changed },
    { typ: 'dpop+jwt', alg: 'ES256', jwk: key.publicJwk },
  )
const possession = async (changed: object = {}) => ({ dpop: await keyProof(changed), method: 'POST', url: URL_TASKS })

describe('an attached caller', () => {
  test('is the caller that was proved when it attached, without waiting', () => {
    const caller: Caller = { id: 'spiffe://stint.local/a', proof: 'sandbox', issuer: 'stint', actors: [], claims: {} }
    assert.equal(verifier.verify({ kind: 'attached', caller }), caller)
  })
})

describe('a caller with a task token', () => {
  test('is the workload of the task, with its key, its proof and its chain', async () => {
    const { token } = await opened.tokens.issue(taskFor(key.thumbprint, clock), ['spiffe://stint.local/agent'])
    const realTime = createVerify({
      ...{ tokens: opened.tokens, dpop: createDpop({ skewSeconds: 30, now: Date.now }), issuers: { byIssuer: () => undefined } },
      ...{ kinds: ISSUERS, io: ioOver(clock), trustDomain: 'stint.local', insideTask: () => false, used },
    })
    const dpop = await makeProof(key, { method: 'POST', url: URL_TASKS, token })
    assert.deepEqual(await realTime.verify({ kind: 'dpop', token, dpop, method: 'POST', url: URL_TASKS }), {
      ...{ id: 'spiffe://stint.local/local/ana', proof: 'process-tree', issuer: 'stint', keyThumbprint: key.thumbprint },
      ...{ taskId: 'task_1', actors: ['spiffe://stint.local/agent'], claims: {} },
    })
  })

  test('with a proof of another key, or one that was used, is told of by its task; with its own it is not', async () => {
    const told: string[] = []
    const realTime = createVerify({
      ...{ tokens: opened.tokens, dpop: createDpop({ skewSeconds: 30, now: Date.now }), issuers: { byIssuer: () => undefined } },
      ...{ kinds: ISSUERS, io: ioOver(clock), trustDomain: 'stint.local', insideTask: () => false, used },
      onRejected: (taskId, why) => void told.push(`${taskId} ${why}`),
    })
    const { token } = await opened.tokens.issue(taskFor(key.thumbprint, clock))
    const shown = (dpop: string): Proof => ({ kind: 'dpop', token, dpop, method: 'GET', url: URL_TASKS })
    const proofOf = (one: DpopKey) => makeProof(one, { method: 'GET', url: URL_TASKS, token })
    const own = shown(await proofOf(key))
    await realTime.verify(own)
    assert.equal(told.length, 0)
    await assert.rejects(async () => realTime.verify(own))
    await assert.rejects(async () => realTime.verify(shown('')))
    const stolen = shown(await proofOf(await generateKey()))
    await assert.rejects(async () => realTime.verify(stolen))
    assert.deepEqual([told.length, told.every((one) => one.startsWith('task_1 ')), /key/.test(told[2] ?? '')], [3, true, true])
  })

  test('that is an issuer’s token is refused, and a task token is refused as an issuer’s', async () => {
    const token = await good()
    await assert.rejects(
      async () => verifier.verify({ kind: 'dpop', token, dpop: await keyProof(), method: 'POST', url: URL_TASKS }),
      withCode('invalid_token'),
    )
    const task = await opened.tokens.issue(taskFor(key.thumbprint, clock))
    await assert.rejects(verifier.verifyFederated(task.token), withCode('issuer_unknown'))
  })

  test('cannot become one by a configured issuer that claims to be Stint', async () => {
    const task = await opened.tokens.issue(taskFor(key.thumbprint, clock))
    configs = [{ ...configFor('https://ci.example'), issuer: 'http://127.0.0.1:7400' }]
    await assert.rejects(verifier.verifyFederated(task.token), withCode('invalid_token'))
  })
})

describe('an operator', () => {
  test('is who holds the operator socket from a process outside every task', async () => {
    assert.deepEqual(await verifier.verify({ kind: 'operator', pid: 42 }), {
      ...{ id: 'spiffe://stint.local/operator', proof: 'operator-socket', issuer: 'stint', actors: [], claims: { pid: '42' } },
    })
  })

  test('is refused from inside a task, whether that is known now or later', async () => {
    for (const answer of [true, Promise.resolve(true)]) {
      insideTask = () => answer
      await assert.rejects(async () => verifier.verify({ kind: 'operator', pid: 42 }), withCode('inside_task'))
    }
  })

  test('is refused when nobody can tell', async () => {
    insideTask = () => Promise.reject(new Error('no /proc'))
    await assert.rejects(async () => verifier.verify({ kind: 'operator', pid: 42 }), /no \/proc/)
    for (const pid of [0, -1, 1.5, Number.NaN]) {
      await assert.rejects(async () => verifier.verify({ kind: 'operator', pid }), withCode('not_operator'))
    }
  })

  test('whose process the platform does not tell is let in, and a claim says so', async () => {
    insideTask = () => assert.fail('there is nothing to ask about')
    const caller = await verifier.verify({ kind: 'operator', pid: undefined })
    assert.equal(caller.claims.pid, 'unknown')
  })
})

describe('a federated caller', () => {
  test('is the workload of the rule, and the rule is known by the caller', async () => {
    const caller = await verifier.verify({ kind: 'federated', token: await good() })
    assert.equal(caller.id, RULE.workload)
    assert.equal(caller.keyThumbprint, undefined)
    assert.deepEqual(verifier.ruleOf(caller), RULE)
    assert.equal(verifier.ruleOf({ ...caller }), undefined)
  })

  test('has the key that it showed possession of', async () => {
    const caller = await verifier.verify({ kind: 'federated', token: await good(), possession: await possession() })
    assert.equal(caller.keyThumbprint, key.thumbprint)
    assert.deepEqual(verifier.ruleOf(caller), RULE)
  })

  test('whose proof of possession is for another request is refused, and its token is not used up by that', async () => {
    const token = await good()
    for (const bad of [{ htm: 'GET' }, { htu: 'http://127.0.0.1:7400/v1/other' }, { iat: clock.at / 1000 - 100 }]) {
      await assert.rejects(verifier.verifyFederated(token, await possession(bad)), withCode('invalid_token'))
    }
    await verifier.verifyFederated(token, await possession())
  })

  test('whose proof of possession was used before is refused', async () => {
    const shown = await possession()
    await verifier.verifyFederated(await good(), shown)
    await assert.rejects(verifier.verifyFederated(await good(), shown), withCode('proof_replayed'))
  })

  test('of an issuer that is not configured is refused, and that issuer is not asked', async () => {
    const stranger = await startIssuer([issuerKey])
    const token = await sign(issuerKey, goodClaims(stranger.url))
    await assert.rejects(verifier.verifyFederated(token), withCode('issuer_unknown'))
    assert.deepEqual(stranger.asked, [])
    stranger.close()
  })

  test('with an iss that is no text is refused', async () => {
    for (const iss of [undefined, null, [issuer.url], { a: 1 }, 1]) {
      await assert.rejects(verifier.verifyFederated(await good({ iss })), withCode('issuer_unknown'))
    }
  })

  test('of an issuer of a kind that is not there is refused', async () => {
    for (const kind of ['gone', 'constructor', '__proto__']) {
      configs = [{ ...configFor(issuer.url), kind }]
      await assert.rejects(verifier.verifyFederated(await good()), withCode('issuer_unknown'))
    }
  })

  test('stops being one when the issuer is removed', async () => {
    await verifier.verifyFederated(await good())
    configs = []
    await assert.rejects(verifier.verifyFederated(await good()), withCode('issuer_unknown'))
  })
})

describe('a token with a jti', () => {
  test('is used up by its first use, also of two at the same moment', async () => {
    const token = await good()
    const results = await Promise.allSettled([verifier.verifyFederated(token), verifier.verifyFederated(token)])
    assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
    await assert.rejects(async () => verifier.verify({ kind: 'federated', token }), withCode('token_replayed'))
  })

  test('is used up also as another token with the same jti', async () => {
    await verifier.verifyFederated(await good({ jti: 'same' }))
    await assert.rejects(verifier.verifyFederated(await good({ jti: 'same', extra: 1 })), withCode('token_replayed'))
  })

  test('stays used up as long as it could live', async () => {
    const at = clock.at
    const claims = { ...goodClaims(issuer.url), exp: at / 1000 + 86_400 }
    const token = await sign(issuerKey, claims)
    await verifier.verifyFederated(token)
    clock.at = at + 86_400_000 + 29_000
    await assert.rejects(verifier.verifyFederated(token), withCode('token_replayed'))
    clock.at = at
  })

  test('is not accepted when that it was used cannot be remembered, or not any more', async () => {
    used = { use: () => Promise.reject(new StintError('store_unavailable', 'the disk is full')) }
    await assert.rejects(verifier.verifyFederated(await good()), withCode('store_unavailable'))
    used = { use: async () => 'full' }
    await assert.rejects(verifier.verifyFederated(await good()), withCode('rate_limited'))
  })

  test('is not accepted before its use is durable', async () => {
    const durable = Promise.withResolvers<'first'>()
    used = { use: () => durable.promise }
    let isAccepted = false
    const accepting = verifier.verifyFederated(await good()).then(() => (isAccepted = true))
    await new Promise((later) => setTimeout(later, 20))
    assert.equal(isAccepted, false)
    durable.resolve('first')
    await accepting
  })

  test('may be used again where the issuer’s tokens are files', async () => {
    configs = [configFor(issuer.url, { allowReuse: true })]
    const token = await good()
    await verifier.verifyFederated(token)
    await verifier.verifyFederated(token)
  })

  test('is not used up by looking at it', async () => {
    const token = await good()
    const examined = await verifier.examine(token)
    assert.ok(examined.accepted && examined.caller.id === RULE.workload)
    await verifier.verifyFederated(token)
  })
})

describe('looking at a token', () => {
  test('tells the operator which check failed', async () => {
    const examined = await verifier.examine(await good({ aud: 'https://other.example' }))
    assert.ok(!examined.accepted)
    assert.match(examined.detail, /aud/)
    const unknown = await verifier.examine(await good({ iss: 'https://x.example' }))
    assert.deepEqual(unknown, { accepted: false, code: 'issuer_unknown', detail: 'its iss is "https://x.example"' })
  })

  test('never shows the token', async () => {
    const token = await good({ repository_id: 'x' })
    const [, payload = '', signature = ''] = token.split('.')
    const text = JSON.stringify(await verifier.examine(token))
    assert.ok(!text.includes(payload) && !text.includes(signature))
  })
})

test('a proof of a kind that nobody knows is refused', () => {
  assert.throws(() => verifier.verify({ kind: 'trust-me' } as unknown as Proof), withCode('unauthenticated'))
})

test('any text as a federated token gives only a StintError', async () => {
  const payload = fc
    .record({ iss: fc.oneof(fc.constant(issuer.url), fc.jsonValue()), aud: fc.jsonValue(), exp: fc.jsonValue() })
    .map(part)
  const header = fc.record({ alg: fc.constantFrom('ES256', 'none'), kid: fc.constantFrom('k', 'x') }).map(part)
  const texts = fc.oneof(
    fc.string(),
    fc.tuple(header, payload, fc.constantFrom('AA', '')).map((all) => all.join('.')),
  )
  await fc.assert(
    fc.asyncProperty(texts, async (text) => {
      await assert.rejects(verifier.verifyFederated(text), (thrown) => thrown instanceof StintError && thrown.code !== 'internal')
    }),
    { numRuns: 300 },
  )
})
