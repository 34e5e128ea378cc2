import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newTaskId } from '../../src/tasks/task-id.ts'

test('ids sort by their time, are all of one length, and do not repeat', () => {
  const times = [0, 1, 999, 1_700_000_000_000, 1_700_000_000_001, 2 ** 48 - 1]
  const ids = times.map(newTaskId)
  assert.deepEqual(ids.toSorted(), ids)
  for (const id of ids) assert.match(id, /^task_[0-9A-Za-z]{22}$/)
  assert.equal(new Set(Array.from({ length: 10_000 }, () => newTaskId(1))).size, 10_000)
})
