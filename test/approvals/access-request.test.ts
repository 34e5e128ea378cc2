import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accessRequestOf } from '../../src/approvals/access-request.ts'
import type { Answer, Approval, ApprovalState } from '../../src/approvals/approval.ts'
import { question } from './questions.ts'

const URL_OF_IT = 'http://stint.invalid/approvals/approval_1'
const yes: Answer = { by: 'ann', said: 'yes', at: 2000 }

function told(state: ApprovalState, more: Partial<Approval> = {}) {
  const approval = { ...question('b').shown, approver: 'owner', answers: [], usesLeft: 0, createdAt: 1000, expiresAt: 60_000 }
  return accessRequestOf({ ...approval, id: 'approval_1', state, ...more }, URL_OF_IT)
}

test('while nobody has answered, the task document is pending and says where and until when', () => {
  const { task, result } = told('pending')
  const { display, ...rest } = task
  assert.deepEqual(rest, {
    id: 'approval_1',
    status: 'pending',
    status_endpoint: URL_OF_IT,
    expires_at: '1970-01-01T00:01:00.000Z',
  })
  assert.match(display.description, /send exactly the same request again/)
  assert.equal(result, undefined)
})

test('a consent is a result that says to be decided anew, until when and how often', () => {
  const { task, result } = told('granted', { usesLeft: 2, answers: [{ ...yes, at: 1500 }, yes] })
  assert.equal(task.status, 'approved')
  assert.deepEqual(result, {
    mode: 'reevaluate',
    approval: {
      id: 'approval_1',
      approved_at: '1970-01-01T00:00:02.000Z',
      approved_until: '1970-01-01T00:01:00.000Z',
      state: { uses_left: 2 },
    },
  })
})

test('a consent that was used stays approved, and says that it lets nothing more through', () => {
  const { task, result } = told('used', { answers: [yes] })
  assert.equal(task.status, 'approved')
  assert.equal(result?.approval.state.uses_left, 0)
  assert.match(task.display.description, /already/)
})

test('a no says whose and why, and one that ran out says to ask anew; neither is a result', () => {
  const denied = told('denied', { answers: [{ by: 'bob', said: 'no', at: 2000, reason: 'too many' }] })
  assert.equal(denied.task.status, 'denied')
  assert.match(denied.task.display.description, /^bob said no, "too many"\./)
  const expired = told('expired', { answers: [yes] })
  assert.equal(expired.task.status, 'expired')
  assert.match(expired.task.display.description, /ask anew/)
  assert.deepEqual([denied.result, expired.result], [undefined, undefined])
})
