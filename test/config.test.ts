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

  test('webhooks are named with a place, a person and a credential, and clear HTTP stays in private networks', () => {
    const webhook = { url: 'https://bot.example/x', person: 'bob', credential: 'key' }
    const private_ = { ...webhook, url: 'http://10.0.0.1/x', privateNetworks: ['10.0.0.0/8'] }
    assert.deepEqual(read({ approvalWebhooks: { a: webhook, b: private_ } }).approvalWebhooks, {
      a: { ...webhook, privateNetworks: [] },
      b: private_,
    })
    for (const wrong of [
      ...[
        { ...webhook, url: 'http://bot.example/x' },
        { ...webhook, url: 'https://ann@bot.example/' },
        { ...webhook, url: 5 },
      ],
      ...[{ ...webhook, person: '' }, { ...webhook, secret: 'whsec_x' }, { ...webhook, privateNetworks: 'all' }, 'https://bot'],
    ])
      assert.throws(() => read({ approvalWebhooks: { a: wrong } }), { code: 'invalid_config' }, JSON.stringify(wrong))
    for (const approvalWebhooks of [{ 'a b': webhook }, [], 'x'])
      assert.throws(() => read({ approvalWebhooks }), { code: 'invalid_config' })
  })

  test('an escalation names minutes and a role that has people, and comes before a question expires', () => {
    const approvers = { oncall: ['dan'] }
    const wanted = { minutes: 5, role: 'oncall' }
    assert.deepEqual(read({ approvers, approvalEscalation: wanted }).approvalEscalation, wanted)
    for (const approvalEscalation of [
      ...[
        { minutes: 0, role: 'oncall' },
        { minutes: 1.5, role: 'oncall' },
        { minutes: 5 },
        { ...wanted, also: 'ann' },
        'oncall',
        [],
      ],
      ...[
        { minutes: 15, role: 'oncall' },
        { minutes: 5, role: 'nobody' },
        { minutes: 5, role: 'toString' },
      ],
    ])
      assert.throws(() => read({ approvers, approvalEscalation }), { code: 'invalid_config' }, JSON.stringify(approvalEscalation))
  })
})
