import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRetryStates } from '../../src/approvals/retry-state.ts'

let now = 1000
const states = createRetryStates(Buffer.alloc(32, 1), () => now)
const by = { taskId: 'task_1', digest: 'd' }
const sealed = states.seal({ approvalId: 'approval_1', ...by, expiresAt: 5000 })
const invalid = { code: 'invalid_argument' }

test('a state names its question to the task and the request that it was given for', () => {
  assert.equal(states.open(sealed, by), 'approval_1')
  assert.equal(createRetryStates(Buffer.alloc(32, 1), () => now).open(sealed, by), 'approval_1', 'also after a restart')
  assert.throws(() => states.open(sealed, { ...by, taskId: 'task_2' }), invalid)
  assert.throws(() => states.open(sealed, { ...by, digest: 'e' }), invalid)
})

test('no changed character, no other key’s and nothing else is a state', () => {
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = `${sealed.slice(0, at)}${sealed[at] === 'A' ? 'B' : 'A'}${sealed.slice(at + 1)}`
    assert.throws(() => states.open(changed, by), invalid, String(at))
  }
  assert.throws(() => createRetryStates(Buffer.alloc(32, 2), () => now).open(sealed, by), invalid)
  for (const other of ['', '.', `${sealed}A`, sealed.slice(1), `${sealed}.${sealed}`, sealed.split('.')[0] ?? ''])
    assert.throws(() => states.open(other, by), invalid, other)
})

test('a state is over with its question', () => {
  now = 5000
  assert.throws(() => states.open(sealed, by), invalid)
})
