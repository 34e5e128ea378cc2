import { Permit } from '../../src/audit/permit.ts'
import type { Caller, Decided, Decision, Target, Task } from '../../src/model.ts'
import { TARGET } from '../targets/fixture.ts'

export const CALLER: Caller = {
  id: 'spiffe://stint.local/run/1',
  proof: 'sandbox',
  issuer: 'stint',
  actors: ['spiffe://stint.local/agent'],
  claims: {},
}

export const TASK: Task = {
  id: 'task_1',
  purpose: 'read orders',
  owner: 'alice',
  workload: CALLER.id,
  proof: 'sandbox',
  keyThumbprint: 'k'.repeat(43),
  scope: { targets: ['orders'], actions: ['*'] },
  labels: [],
  startedAt: 0,
  expiresAt: 1_000_000,
  state: 'live',
  supervised: false,
}

const ALLOW: Decision = { effect: 'allow', policies: ['p'], policySetHash: 'h', code: 'allowed', reasons: [] }

/** What the broker decided, as it would be recorded. */
export function decidedOf(
  change: { task?: Task | undefined; target?: Target | undefined; decision?: Partial<Decision>; action?: string } = {},
): Decided {
  const action = change.action ?? 'http:GET'
  return {
    correlationId: 'c',
    caller: CALLER,
    task: 'task' in change ? change.task : TASK,
    target: 'target' in change ? change.target : TARGET,
    action: { id: action, access: 'read', resource: '/', parameters: {} },
    request: {
      principal: { type: 'Stint::Task', id: 'task_1' },
      action,
      resource: { type: 'Stint::Target', id: 'orders' },
      context: {},
      risk: { score: 0, reasons: [] },
    },
    decision: { ...ALLOW, ...change.decision },
  }
}

/** A genuine Permit, made as audit/record.ts makes one. */
export function permitOf(...change: Parameters<typeof decidedOf>): Permit<Decided> {
  return Permit.grant(0, decidedOf(...change))
}
