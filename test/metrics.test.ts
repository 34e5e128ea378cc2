import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createMetrics } from '../src/metrics.ts'

const audit = { entries: 6, published: 7, batches: 8, outages: 9, refused: 10, waiting: 11 }
const levels = {
  audit: () => audit,
  openFlows: () => 2,
  liveTasks: () => 3,
  pausedBudgets: () => 15,
  leases: () => 4,
  lateLeases: () => 12,
  rotations: () => ({ late: 13, overdueSeconds: 14 }),
  revocationsInForce: () => 5,
  openGlasses: () => 1,
}

describe('the metrics', () => {
  test('show counts by effect and code, times, and what is true at the scrape', async () => {
    const metrics = createMetrics()
    metrics.watch(levels)
    metrics.request('allow', 'allowed')
    metrics.request('allow', 'allowed')
    metrics.request('deny', 'no_policy_permits')
    metrics.decisionSeconds(0.00001)
    metrics.auditWriteSeconds(0.0003)
    const text = await metrics.text()
    assert.match(text, /stint_requests_total\{effect="allow",code="allowed"\} 2/)
    assert.match(text, /stint_requests_total\{effect="deny",code="no_policy_permits"\} 1/)
    assert.match(text, /stint_decision_seconds_bucket\{le="0.00002"\} 1/)
    assert.match(text, /stint_audit_write_seconds_count 1/)
    for (const [name, value] of [
      ['open_flows', 2],
      ['live_tasks', 3],
      ['leases', 4],
      ['leases_late', 12],
      ['budgets_paused', 15],
      ['rotations_late', 13],
      ['rotation_overdue_seconds', 14],
      ['revocations_in_force', 5],
      ['audit_entries_total', 6],
      ['audit_published_total', 7],
      ['audit_writes_total', 8],
      ['audit_outages_total', 9],
      ['audit_refused_total', 10],
      ['audit_waiting', 11],
    ])
      assert.match(text, new RegExp(`stint_${name} ${value}\\n`))
  })

  test('cannot be grown by codes from outside', async () => {
    const metrics = createMetrics()
    for (let made = 0; made < 1000; made += 1) metrics.request('error', `code_${made}`)
    const series = (await metrics.text()).split('\n').filter((line) => line.startsWith('stint_requests_total{'))
    assert.deepEqual(series, ['stint_requests_total{effect="error",code="other"} 1000'])
  })

  test('of two installations in one process are apart', async () => {
    const [one, other] = [createMetrics(), createMetrics()]
    one.request('allow', 'allowed')
    assert.doesNotMatch(await other.text(), /stint_requests_total\{/)
  })
})
