import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { createIssuers } from '../../src/identity/registry.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { AUDIENCE, RULE, withCode } from './fake-issuer.ts'

const INPUT = { id: 'ci', kind: 'oidc', issuer: 'https://ci.example', audience: AUDIENCE, rules: [RULE] }
let directory = ''
let store: Store

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stint-issuers-'))
  store = await openStore(join(directory, 'state.db'))
})
afterEach(async () => {
  await store.close()
  await rm(directory, { recursive: true })
})

describe('the configured issuers', () => {
  test('an added one is known at once, by its exact URL only', async () => {
    const issuers = await createIssuers(store)
    const added = await issuers.add(INPUT)
    assert.deepEqual(issuers.byIssuer('https://ci.example'), added)
    for (const other of ['https://ci.example/', 'https://CI.example', 'ci', '', 'https://ci.exampl\u0435'])
      assert.equal(issuers.byIssuer(other), undefined)
  })

  test('they survive a restart', async () => {
    const added = await (await createIssuers(store)).add({ ...INPUT, allowReuse: true, privateNetworks: ['10.0.0.0/8'] })
    assert.deepEqual((await createIssuers(store)).list(), [added])
  })

  test('a removed one is unknown at once', async () => {
    const issuers = await createIssuers(store)
    await issuers.add(INPUT)
    await issuers.remove('ci')
    assert.deepEqual([issuers.byIssuer('https://ci.example'), issuers.list()], [undefined, []])
    await assert.rejects(issuers.remove('ci'), withCode('not_found'))
  })

  test('neither an id nor an issuer can be taken twice, also not at the same moment', async () => {
    const issuers = await createIssuers(store)
    const attempts = [INPUT, { ...INPUT, id: 'other' }, { ...INPUT, issuer: 'https://other.example' }]
    const results = await Promise.allSettled(attempts.map((input) => issuers.add(input)))
    assert.deepEqual(
      results.map((result) => (result.status === 'rejected' ? result.reason.code : 'added')),
      ['added', 'conflict', 'conflict'],
    )
    assert.equal(issuers.list().length, 1)
  })

  test('a bad one changes nothing', async () => {
    const issuers = await createIssuers(store)
    await assert.rejects(issuers.add({ ...INPUT, rules: [] }), withCode('invalid_argument'))
    assert.deepEqual(issuers.list(), [])
  })

  for (const config_json of [
    '{',
    'null',
    JSON.stringify({ ...INPUT, rules: [] }),
    JSON.stringify({ ...INPUT, fromTheFuture: true }),
  ]) {
    test(`a stored one that makes no sense stops the start: ${config_json.slice(0, 12)}`, async () => {
      await store.db.insertInto('issuers').values({ id: 'ci', kind: 'oidc', issuer: 'https://ci.example', config_json }).execute()
      await assert.rejects(createIssuers(store), withCode('invalid_config'))
    })
  }
})
