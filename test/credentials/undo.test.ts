import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Undo } from '../../src/credentials/connector.ts'
import { readUndo, spellUndo, undoRequest, whyNotUndone } from '../../src/credentials/undo.ts'

const REF: Undo = { is: 'ref', path: '/acme/app.git', ref: 'refs/heads/main', from: 'a'.repeat(40), to: 'b'.repeat(40) }
const CALL: Undo = { is: 'call', method: 'PATCH', path: '/repos/acme/app/issues/7', body: '{"state":"closed"}' }

describe('a way back', () => {
  test('is read from the log as it was written', () => {
    for (const undo of [REF, CALL]) assert.deepEqual(readUndo(spellUndo(undo) ?? {}), undo)
  })

  test('is not written where the log would cut it', () => {
    assert.equal(spellUndo({ ...REF, ref: `refs/heads/${'x'.repeat(250)}` }), undefined)
  })

  for (const [what, facts] of [
    ['a ref with another’s name', { ...REF, ref: 'refs/heads/main 0000' }],
    ['ids that are none', { ...REF, from: 'main' }],
    ['ids of two kinds', { ...REF, from: 'a'.repeat(64) }],
    ['a path with a query', { ...CALL, path: '/repos?x=1' }],
    ['no path', { ...CALL, path: 'https://evil.example/' }],
    ['another method', { ...CALL, method: 'POST' }],
    ['another kind', { ...CALL, is: 'shell' }],
  ] as const)
    test(`is not read from ${what}`, () => {
      assert.equal(readUndo(facts as unknown as Record<string, string>), undefined)
    })

  test('of a ref names where it must be, and has an empty pack unless it deletes', () => {
    const text = (undo: Undo): string => Buffer.from(undoRequest(undo).body ?? []).toString('latin1')
    const [back, gone] = [text(REF), text({ ...REF, from: '0'.repeat(40) })]
    assert.ok(back.includes(`${'b'.repeat(40)} ${'a'.repeat(40)} refs/heads/main\0`) && back.includes('0000PACK\0\0\0\x02'))
    assert.ok(gone.includes(`${'b'.repeat(40)} ${'0'.repeat(40)} refs/heads/main\0`) && gone.endsWith('0000'))
    const long = text({ ...REF, from: 'a'.repeat(64), to: 'b'.repeat(64) })
    assert.ok(long.includes(' object-format=sha256 ') && long.length - long.indexOf('PACK') === 12 + 32)
  })

  test('is taken only when the target says so', () => {
    const report = Buffer.from('000eunpack ok\n0017ok refs/heads/main\n0000')
    assert.equal(whyNotUndone(REF, { status: 200, body: report }), undefined)
    assert.match(whyNotUndone(REF, { status: 200, body: Buffer.alloc(0) }) ?? '', /did not say/)
    assert.equal(whyNotUndone(CALL, { status: 204, body: Buffer.alloc(0) }), undefined)
    assert.equal(whyNotUndone(CALL, { status: 404, body: Buffer.from('{}') }), 'the target answered 404')
  })
})
