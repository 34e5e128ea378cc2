import { ISSUER_RECORD, TARGET, THUMBPRINT } from './fixture.ts'

/** A valid request for every row that takes something, by `METHOD path`. */
export const EXAMPLES: Readonly<Record<string, { readonly path?: string; readonly body?: Record<string, unknown> }>> = {
  'POST /v1/tasks': { body: { purpose: 'read', targets: ['orders'], actions: ['*'], keyThumbprint: THUMBPRINT } },
  'GET /v1/tasks/:id': { path: '/v1/tasks/task_1' },
  'POST /v1/tasks/:id/end': { path: '/v1/tasks/task_1/end', body: { reason: 'done' } },
  'POST /v1/tasks/:id/token': { path: '/v1/tasks/task_1/token' },
  'GET /v1/tasks/:id/presence': { path: '/v1/tasks/task_1/presence' },
  'POST /v1/tasks/:id/root': { path: '/v1/tasks/task_1/root', body: { pid: 12, startTime: '345' } },
  'POST /v1/targets': { body: { ...TARGET } },
  'GET /v1/leases/:id': { path: '/v1/leases/lease_abcdefaaaaaaaaaaaaaaaa' },
  'POST /v1/leases/:id/revoke': { path: '/v1/leases/lease_abcdefaaaaaaaaaaaaaaaa/revoke', body: { reason: 'over' } },
  'GET /v1/targets/:id': { path: '/v1/targets/orders' },
  'DELETE /v1/targets/:id': { path: '/v1/targets/orders' },
  'POST /v1/targets/:id/probe': { path: '/v1/targets/orders/probe' },
  'POST /v1/tunnels': { body: { host: 'a.example', port: 443 } },
  'DELETE /v1/tunnels/:host/:port': { path: '/v1/tunnels/a.example/443' },
  'POST /v1/credentials': { body: { id: 'orders', value: 'hunter2-hunter2' } },
  'PUT /v1/credentials/:id': { path: '/v1/credentials/orders', body: { value: 'hunter3-hunter3' } },
  'DELETE /v1/credentials/:id': { path: '/v1/credentials/orders' },
  'POST /v1/issuers': { body: { ...ISSUER_RECORD } },
  'POST /v1/issuers/test': { body: { token: 'eyJhbGciOi.eyJhbGciOi.c2ln' } },
  'DELETE /v1/issuers/:id': { path: '/v1/issuers/ci' },
  'POST /v1/revocations': { body: { selector: { kind: 'all' }, reason: 'drill' } },
  'POST /v1/revocations/:number/lift': { path: '/v1/revocations/1/lift', body: { reason: 'drill over' } },
  'GET /v1/audit/entries/:number': { path: '/v1/audit/entries/3' },
  'GET /v1/audit/entries/:number/explanation': { path: '/v1/audit/entries/3/explanation' },
}
