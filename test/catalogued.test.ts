import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { ApiVerbs } from '../src/api/verbs.ts'
import { apiVerbs, type Parts } from '../src/api-verbs.ts'
import { AUDIT_ERROR_CODES, AuditError } from '../src/audit/error.ts'
import { catalogued } from '../src/catalogued.ts'
import { CATALOGUE, StintError } from '../src/errors.ts'
import { createFake, type Running, runApi } from './api/fixture.ts'

/** The real verbs of the log over one that only fails, and the fixture's for everything else. */
function failingVerbs(fail: () => AuditError): ApiVerbs {
  const failing = async () => {
    throw fail()
  }
  const search = {
    search: failing,
    entry: failing,
    async *tail() {
      yield { index: 0 }
      throw fail()
    },
  }
  const rooms = { tasks: { onEnd() {} }, audit: { checkpoint: failing, publicKey: 'key' }, search }
  const parts = new Proxy(rooms, { get: (known, name) => known[name as keyof typeof rooms] ?? {} })
  const { audit, policy } = apiVerbs(parts as unknown as Parts)
  const fake = createFake().verbs
  return { ...fake, audit, policy: { ...fake.policy, explain: policy.explain } }
}

function fieldsOf(thrown: unknown): unknown[] {
  assert.ok(thrown instanceof StintError)
  return [thrown.code, thrown.detail, thrown.operatorDetail, thrown.cause]
}

test('every code of the log is in the catalogue, and stays what it is', () => {
  for (const code of AUDIT_ERROR_CODES) {
    assert.ok(code in CATALOGUE, code)
    const [plain, hidden] = [new AuditError(code, 'words', { place: 'entry 4' }), new AuditError(code, 'words')]
    assert.deepEqual(fieldsOf(catalogued(plain)), [code, 'entry 4: words', undefined, plain])
    assert.deepEqual(fieldsOf(catalogued(hidden, 'no')), [code, 'no', 'words', hidden])
  }
  const others = [new Error('x'), new StintError('denied', 'x'), 'x', undefined]
  for (const thrown of others) assert.equal(catalogued(thrown), thrown)
})

for (const code of AUDIT_ERROR_CODES) {
  describe(`when the log answers ${code}`, () => {
    let api: Running
    before(async () => {
      api = await runApi(failingVerbs(() => new AuditError(code, 'says the log', { place: 'tile/entries/000' })))
    })
    after(() => api.stop())

    for (const path of ['entries', 'entries/1', 'entries/1/explanation', 'checkpoint']) {
      test(`the API answers it for ${path}`, async () => {
        const { status, json } = await api.socket('GET', `/v1/audit/${path}`)
        assert.equal(json.code, code)
        assert.equal(status, CATALOGUE[code][0])
        assert.equal(json.detail, 'tile/entries/000: says the log')
      })
    }

    test('the API answers it midway in tail', async () => {
      const [first, last] = (await api.socket('GET', '/v1/audit/tail')).text.trim().split('\n')
      assert.equal(first, '{"index":0}')
      assert.equal(JSON.parse(last ?? '').problem.code, code)
    })
  })
}
