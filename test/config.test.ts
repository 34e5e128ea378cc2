import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readConfig } from '../src/config.ts'

const read = (file: object) => readConfig({}, file)

describe('settings that are maps', () => {
  test('say what is done about a finding, in the file and in the variable', () => {
    const wanted = { 'denied-burst': { action: 'revoke' }, 'new-target': { action: 'report' } }
    assert.deepEqual(read({ detections: wanted }).detections, wanted)
    assert.deepEqual(readConfig({ STINT_DETECTIONS: 'denied-burst=revoke,new-target=report' }, {}).detections, wanted)
  })

  for (const detections of [5, true, [], '', 'denied-burst', 'denied-burst=revoke=x', 'x=revoke', { x: { action: 'revoke' } }])
    test(`refuse ${JSON.stringify(detections)} for detections`, () => {
      assert.throws(() => read({ detections }), { code: 'invalid_config' })
    })

  for (const said of [{ action: 'revoke', after: 3 }, {}, 'stop', null, ['revoke']])
    test(`refuse ${JSON.stringify(said)} for what is done about one`, () => {
      assert.throws(() => read({ detections: { 'denied-burst': said } }), { code: 'invalid_config' })
    })

  test('name people by a role that a policy can ask for, and refuse another', () => {
    assert.deepEqual(read({ approvers: { security: ['ann'] } }).approvers, { security: ['ann'] })
    for (const approvers of [{ 'sec urity': ['ann'] }, { '': ['ann'] }, { security: 'ann' }, { security: [''] }, ['ann'], 5])
      assert.throws(() => read({ approvers }), { code: 'invalid_config' }, JSON.stringify(approvers))
  })
})
