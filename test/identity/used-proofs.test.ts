import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { sql } from 'kysely'
import { createDpop, type Dpop, type DpopKey, generateKey, makeProof } from '../../src/identity/dpop.ts'
import { ISSUERS } from '../../src/identity/issuers/index.ts'
import { createUsedProofs } from '../../src/identity/used-proofs.ts'
import { createUsedTokens } from '../../src/identity/used-tokens.ts'
import { createVerify } from '../../src/identity/verify.ts'
import { startPostgres } from '../services/postgres.ts'
import { temporarySharedStore } from '../store/temporary.ts'
import { ioOver, withCode } from './fake-issuer.ts'
import { openTestTokens, taskFor } from './task-fixture.ts'

const postgres = await startPostgres()
const REQUEST = { method: 'POST', url: 'https://api.example.com/v1/things' }
const MINUTE = 60_000

describe('the memory of used proofs that gateways share', { skip: postgres.skip }, () => {
  /** The checkers of two gateways on one state. */
  async function openTwo(t: TestContext, isCurrent = () => true, isolation = 'read committed') {
    const url = await postgres.running.createDatabase()
    const database = new URL(url).pathname.slice(1)
    await postgres.running.query(`alter database ${database} set default_transaction_isolation to '${isolation}'`)
    const stores = [
      await temporarySharedStore(t, postgres.running, url),
      await temporarySharedStore(t, postgres.running, url),
    ] as const
    const dpopOn = (store: (typeof stores)[number]) =>
      createDpop({ skewSeconds: 30, now: Date.now, shared: createUsedProofs(store, { isCurrent }, Date.now) })
    const taking = (dpop: Dpop) => async (wish: Parameters<Dpop['check']>[0]) => (await dpop.check(wish))?.()
    const [one, two] = [dpopOn(stores[0]), dpopOn(stores[1])]
    const key = await generateKey()
    return { one: { ...one, take: taking(one) }, two: { ...two, take: taking(two) }, key, stores }
  }
  const prove = (key: DpopKey) => makeProof(key, { ...REQUEST, token: 'the.task.token' })
  const wishOf = (key: DpopKey, proof: string) => ({ ...REQUEST, proof, token: 'the.task.token', thumbprint: key.thumbprint })

  test('refuses at one a proof that the other took, and takes the next', async (t) => {
    const { one, two, key } = await openTwo(t)
    const proof = await prove(key)
    await one.take(wishOf(key, proof))
    await assert.rejects(two.take(wishOf(key, proof)), withCode('proof_replayed'))
    await assert.rejects(one.take(wishOf(key, proof)), withCode('proof_replayed'))
    await two.take(wishOf(key, await prove(key)))
  })

  test('refuses at one a key that was proved to the other', async (t) => {
    const { one, two, key } = await openTwo(t)
    const proof = await makeProof(key, REQUEST)
    assert.equal(await one.proveKey({ ...REQUEST, proof, caller: 'a' }), key.thumbprint)
    await assert.rejects(two.proveKey({ ...REQUEST, proof, caller: 'b' }), withCode('proof_replayed'))
  })

  for (const isolation of ['read committed', 'serializable'])
    test(`lets one of two at the same moment through, where the role’s transactions are ${isolation}`, async (t) => {
      const { one, two, key } = await openTwo(t, undefined, isolation)
      for (let round = 0; round < 10; round += 1) {
        const proof = await prove(key)
        const outcomes = await Promise.allSettled([one.take(wishOf(key, proof)), two.take(wishOf(key, proof))])
        assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
        for (const outcome of outcomes) if (outcome.status === 'rejected') assert.ok(withCode('proof_replayed')(outcome.reason))
      }
    })

  test('is not asked by a gateway that is cut off: nothing is accepted', async (t) => {
    const { one, key, stores } = await openTwo(t, () => false)
    await assert.rejects(one.take(wishOf(key, await prove(key))), withCode('cut_off'))
    assert.deepEqual(await stores[0].db.selectFrom('used_tokens').selectAll().execute(), [])
  })

  test('is asked later about who attached while its gateway was cut off: before anything is done for them', async (t) => {
    const clock = { at: Date.now(), now: Date.now }
    const { tokens, remove } = await openTestTokens(clock)
    t.after(remove)
    let isCurrent = false
    const { one, two, key } = await openTwo(t, () => isCurrent)
    const { token } = await tokens.issue(taskFor(key.thumbprint, clock))
    const verifier = (dpop: Dpop) =>
      createVerify({
        ...{ tokens, dpop, issuers: { byIssuer: () => undefined }, used: { use: () => assert.fail('this is about proofs') } },
        ...{ kinds: ISSUERS, io: ioOver(clock), trustDomain: 'stint.local', insideTask: () => false },
      })
    const [cutOff, other] = [verifier(one), verifier(two)]
    const proofOf = async () => ({ kind: 'dpop', token, dpop: await makeProof(key, { ...REQUEST, token }), ...REQUEST }) as const
    const [captured, own] = [await proofOf(), await proofOf()]
    await assert.rejects(async () => cutOff.verify(await proofOf()), withCode('cut_off'))
    const [thief, caller] = [(await cutOff.recognise(captured)).caller, (await cutOff.recognise(own)).caller]
    await assert.rejects(async () => cutOff.verify({ kind: 'attached', caller }), withCode('cut_off'))
    isCurrent = true
    await other.recognise(captured)
    await assert.rejects(async () => cutOff.verify({ kind: 'attached', caller: thief }), withCode('proof_replayed'))
    await assert.rejects(async () => cutOff.verify({ kind: 'attached', caller: thief }), withCode('proof_replayed'))
    const both = [cutOff.verify({ kind: 'attached', caller }), cutOff.verify({ kind: 'attached', caller })]
    assert.deepEqual(await Promise.all(both), [caller, caller])
    assert.equal(cutOff.verify({ kind: 'attached', caller }), caller)
  })

  test('forgets what no gateway takes any more, and nothing before; tokens beside it are counted by themselves', async (t) => {
    const { stores } = await openTwo(t)
    let now = 1_000_000
    const used = createUsedProofs(stores[0], { isCurrent: () => true }, () => now)
    for (const jti of ['a', 'b', 'c']) await used.use('key', jti, now + MINUTE)
    now += MINUTE + 5 * MINUTE
    for (const jti of ['c', 'b', 'a']) assert.equal(await used.use('key', jti, now), 'again')
    now += 1
    await used.use('key', 'd', now + MINUTE)
    await used.use('key', 'e', now + MINUTE)
    const { rows } = await sql<{ rows: number }>`select count(*) as rows from used_tokens`.execute(stores[0].db)
    assert.equal(rows[0]?.rows, 2)
    assert.equal(await createUsedTokens(stores[0], () => now, 1).use('https://ci.example', 'a', now + MINUTE), 'first')
  })
})
