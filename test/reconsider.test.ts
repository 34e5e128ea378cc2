import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Act, Decision } from '../src/model.ts'
import { reconsider } from '../src/reconsider.ts'
import { createFlows } from '../src/revocations/flows.ts'
import { action, caller, requestWith, target, task } from './policy/sample.ts'

const NOW: Readonly<Record<string, readonly [Decision['effect'], Decision['effect']]>> = {
  'allowed still': ['allow', 'allow'],
  'allowed, now asked about': ['allow', 'needs-approval'],
  'allowed, now refused': ['allow', 'deny'],
  'consented to, still to be asked about': ['needs-approval', 'needs-approval'],
  'consented to, now refused': ['needs-approval', 'deny'],
}

test('what would now be treated more strictly is cut, and nothing else', () => {
  const flows = createFlows(() => [])
  const open = Object.keys(NOW).map((id) => ({ id, flow: flows.open({ caller, task, target, action: { ...action, id } }) }))
  const idle = flows.open({ caller, task })
  const strange = flows.open({
    caller,
    task: { ...task, id: 'task_2' },
    target,
    action: { ...action, id: 'allowed, now refused' },
  })
  const own = { ...action, id: 'allowed, now refused' }
  const self = flows.open({ caller, task, target, action: own })
  const verbs = {
    request: (act: Act, touched: readonly string[]) => requestWith({ action: act.action, touched }),
    decide: ({ action: id, context: { touched } }: ReturnType<typeof requestWith>): Decision => {
      const effect = NOW[id]?.[Array.isArray(touched) && touched.length > 0 ? 1 : 0] ?? 'deny'
      return { effect, policies: [], policySetHash: 'h', code: 'c', reasons: [] }
    },
    cut: flows.cut,
  }
  assert.equal(reconsider(verbs, task.id, { before: [], now: ['secrets'] }, own), 3)
  assert.deepEqual(
    open.filter(({ flow }) => flow.isCut).map(({ id }) => id),
    ['allowed, now asked about', 'allowed, now refused', 'consented to, now refused'],
  )
  assert.deepEqual([idle.isCut, strange.isCut, self.isCut], [false, false, false])
})
