import assert from 'node:assert/strict'
import type { Action, AuthzRequest, Caller, Target, Task } from '../../src/model.ts'
import { makePolicySet, type PolicySet } from '../../src/policy/policy-set.ts'
import { NO_HISTORY, requestOnTarget } from '../../src/policy/request.ts'

export const caller: Caller = {
  id: 'spiffe://stint.local/local/agent',
  proof: 'sandbox',
  issuer: 'stint',
  taskId: 'task_1',
  actors: [],
  claims: {},
}

export const task: Task = {
  id: 'task_1',
  purpose: 'fix issue 42',
  owner: 'ada@example.com',
  workload: caller.id,
  proof: 'sandbox',
  keyThumbprint: 'thumb',
  scope: { targets: ['system'], actions: ['*'] },
  labels: [],
  startedAt: 0,
  expiresAt: 4_000_000_000_000,
  state: 'live',
  supervised: true,
}

export const target: Target = {
  id: 'system',
  connector: 'http',
  hosts: [],
  environment: 'development',
  sensitivity: 'internal',
  labels: [],
  privateNetworks: [],
  placement: { kind: 'none' },
}

export const action: Action = { id: 'http:GET', access: 'read', resource: '/', parameters: {} }

/** Tuesday, 6 January 2026, 12:00 UTC. */
export const NOON = Date.UTC(2026, 0, 6, 12)

interface Parts {
  readonly caller?: Partial<Caller>
  readonly task?: Partial<Task>
  readonly target?: Partial<Target>
  readonly action?: Partial<Action>
  readonly now?: number
  readonly touched?: readonly string[]
}

/** A request with the given parts changed. */
export function requestWith(parts: Parts = {}): AuthzRequest {
  return requestOnTarget(
    { ...caller, ...parts.caller },
    { ...task, ...parts.task },
    { ...target, ...parts.target },
    { ...action, ...parts.action },
    parts.now ?? NOON,
    { ...NO_HISTORY, touched: parts.touched ?? [] },
  )
}

/** A valid set of one file. */
export function setOf(text: string): PolicySet {
  const made = makePolicySet([{ name: 'test.cedar', text }])
  assert.ok(!('problems' in made), JSON.stringify(made))
  return made
}
