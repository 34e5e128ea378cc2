import { ISSUER_RECORD, RECIPE, TARGET, THUMBPRINT } from './fixture.ts'

interface Example {
  readonly path?: string
  readonly body?: Record<string, unknown>
  readonly headers?: Record<string, string>
}

/** A valid request for every row that takes something, by `METHOD path`. */
export const EXAMPLES: Readonly<Record<string, Example>> = {
  'POST /v1/tasks': { body: { purpose: 'read', targets: ['orders'], actions: ['*'], keyThumbprint: THUMBPRINT } },
  'POST /v1/tasks/:id/children': {
    path: '/v1/tasks/task_1/children',
    body: { purpose: 'read', targets: ['orders'], actions: ['*'], keyThumbprint: THUMBPRINT },
  },
  'POST /v1/tasks/:id/budget': { path: '/v1/tasks/task_1/budget', body: { raise: { writes: 10 } } },
  'GET /v1/tasks/:id/undo': { path: '/v1/tasks/task_1/undo' },
  'POST /v1/tasks/:id/undo': { path: '/v1/tasks/task_1/undo', body: { plan: '0'.repeat(64) } },
  'GET /v1/tasks/:id': { path: '/v1/tasks/task_1' },
  'POST /v1/tasks/:id/end': { path: '/v1/tasks/task_1/end', body: { reason: 'done' } },
  'POST /v1/tasks/:id/token': { path: '/v1/tasks/task_1/token' },
  'GET /v1/tasks/:id/presence': { path: '/v1/tasks/task_1/presence' },
  'POST /v1/tasks/:id/root': { path: '/v1/tasks/task_1/root', body: { pid: 12, startTime: '345' } },
  'POST /v1/targets': { body: { ...TARGET } },
  'GET /v1/tasks/:id/approvals/:approval': { path: '/v1/tasks/task_1/approvals/approval_1' },
  'GET /v1/approvals/:id': { path: '/v1/approvals/approval_1' },
  'POST /v1/approvals/:id/grant': {
    path: '/v1/approvals/approval_1/grant',
    body: { reason: 'looked at it', times: 3, minutes: 10, anyBody: true },
  },
  'POST /v1/approvals/:id/deny': { path: '/v1/approvals/approval_1/deny', body: { reason: 'not today' } },
  'POST /v1/seals': {
    body: {
      credentialId: 'orders',
      targetId: 'orders',
      openBy: '2 of role:oncall',
      seconds: 60,
      value: 'hunter2-hunter2',
      byHand: true,
    },
  },
  'POST /v1/seals/:id/openings': {
    path: '/v1/seals/orders/openings',
    body: { taskId: 'task_1', reason: 'it burns', ticket: 'INC-1' },
  },
  'POST /v1/seals/:id/drills': { path: '/v1/seals/orders/drills', body: { rotates: true } },
  'GET /v1/openings/:id': { path: '/v1/openings/opening_1' },
  'POST /v1/openings/:id/close': { path: '/v1/openings/opening_1/close', body: { reason: 'over' } },
  'POST /v1/openings/:id/review': { path: '/v1/openings/opening_1/review', body: { note: 'two restarts, nothing else' } },
  'POST /v1/approvals/:id/answers/:webhook': {
    path: '/v1/approvals/approval_1/answers/oncall',
    body: { handle: 'handle', said: 'yes', reason: 'looked at it' },
    headers: { 'webhook-id': 'msg_1', 'webhook-timestamp': '1', 'webhook-signature': 'v1,good' },
  },
  'GET /v1/leases/:id': { path: '/v1/leases/lease_abcdefaaaaaaaaaaaaaaaa' },
  'POST /v1/leases/:id/revoke': { path: '/v1/leases/lease_abcdefaaaaaaaaaaaaaaaa/revoke', body: { reason: 'over' } },
  'GET /v1/targets/:id': { path: '/v1/targets/orders' },
  'DELETE /v1/targets/:id': { path: '/v1/targets/orders' },
  'POST /v1/targets/:id/probe': { path: '/v1/targets/orders/probe' },
  'POST /v1/targets/:id/discover': { path: '/v1/targets/orders/discover' },
  'POST /v1/targets/:id/pins': { path: '/v1/targets/orders/pins' },
  'POST /v1/tunnels': { body: { host: 'a.example', port: 443 } },
  'DELETE /v1/tunnels/:host/:port': { path: '/v1/tunnels/a.example/443' },
  'POST /v1/credentials': { body: { id: 'orders', value: 'hunter2-hunter2' } },
  'PUT /v1/credentials/:id': { path: '/v1/credentials/orders', body: { value: 'hunter3-hunter3' } },
  'DELETE /v1/credentials/:id': { path: '/v1/credentials/orders' },
  'PUT /v1/credentials/:id/recipe': { path: '/v1/credentials/orders/recipe', body: { recipe: RECIPE } },
  'GET /v1/credentials/:id/recipe': { path: '/v1/credentials/orders/recipe' },
  'DELETE /v1/credentials/:id/recipe': { path: '/v1/credentials/orders/recipe' },
  'POST /v1/credentials/:id/rotations': { path: '/v1/credentials/orders/rotations' },
  'GET /v1/credentials/:id/rotations': { path: '/v1/credentials/orders/rotations' },
  'POST /v1/issuers': { body: { ...ISSUER_RECORD } },
  'POST /v1/issuers/test': { body: { token: 'eyJhbGciOi.eyJhbGciOi.c2ln' } },
  'DELETE /v1/issuers/:id': { path: '/v1/issuers/ci' },
  'POST /v1/revocations': { body: { selector: { kind: 'all' }, reason: 'drill' } },
  'POST /v1/revocations/:number/lift': { path: '/v1/revocations/1/lift', body: { reason: 'drill over' } },
  'GET /v1/audit/entries/:number': { path: '/v1/audit/entries/3' },
  'GET /v1/audit/entries/:number/explanation': { path: '/v1/audit/entries/3/explanation' },
}
