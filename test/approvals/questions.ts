import type { Question } from '../../src/approvals/approvals.ts'

export const roles = { security: ['bob', 'cyd'] }
export const ann = { callerId: 'spiffe://stint.local/operator', person: 'ann' }
export const bob = { callerId: 'spiffe://stint.local/people/bob', person: 'bob' }
export const cyd = { callerId: 'spiffe://stint.local/people/cyd', person: 'cyd' }

interface More {
  readonly approver?: string
  readonly taskId?: string
  readonly taskExpiresAt?: number
  readonly anyBodyBinding?: string
}

/** A question of ann's task; `binding` tells it from others. */
export function question(binding: string, more: More = {}): Question {
  return {
    ...{ binding, approver: more.approver ?? 'owner' },
    ...(more.anyBodyBinding !== undefined && { anyBodyBinding: more.anyBodyBinding }),
    shown: {
      ...{
        taskId: more.taskId ?? 'task_1',
        purpose: 'sell',
        owner: 'ann',
        taskExpiresAt: more.taskExpiresAt ?? 3_600_000,
        callerId: 'spiffe://stint.local/local/ann',
      },
      ...{ targetId: 'shop', action: 'http:POST', access: 'write', resource: '/orders', parameters: {} },
      ...{ risk: 1, riskReasons: [], policies: [], reasons: [] },
    },
  }
}
