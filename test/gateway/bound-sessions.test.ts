import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StintError } from '../../src/errors.ts'
import { createBoundSessions } from '../../src/gateway/bound-sessions.ts'
import type { Target } from '../../src/model.ts'
import { TASK } from '../credentials/permit.ts'
import { targetAt } from './rig.ts'

test('a session is of the task that was given it, at the target that gave it', () => {
  const target = targetAt({ port: 1 })
  const sessions = createBoundSessions()
  const isRefused = (field: string | undefined, of: { target: Target; task: typeof TASK }): boolean => {
    try {
      sessions.check(field, of)
      return false
    } catch (thrown) {
      assert.ok(thrown instanceof StintError && thrown.code === 'not_found')
      return true
    }
  }
  sessions.bind('s1', { target, task: TASK })
  assert.equal(isRefused(undefined, { target, task: TASK }), false)
  assert.equal(isRefused('s1', { target, task: TASK }), false)
  assert.equal(isRefused('s1', { target, task: { ...TASK, id: 'task_other' } }), true)
  assert.equal(isRefused('s1', { target: { ...target, id: 'other' }, task: TASK }), true)
  assert.equal(isRefused('s2', { target, task: TASK }), true)
  sessions.bind('s1', { target, task: { ...TASK, id: 'task_other' } })
  assert.equal(isRefused('s1', { target, task: TASK }), false, 'a server that gives two tasks the same takes it from neither')
  sessions.bind(undefined, { target, task: TASK })
  assert.equal(isRefused('undefined', { target, task: TASK }), true)
})
