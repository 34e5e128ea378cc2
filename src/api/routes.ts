import type { Access } from '../model.ts'
import * as approvals from './approvals.ts'
import * as audit from './audit.ts'
import * as backups from './backups.ts'
import * as credentials from './credentials.ts'
import type { Endpoint } from './endpoint.ts'
import * as findings from './findings.ts'
import * as glass from './glass.ts'
import * as installation from './installation.ts'
import * as issuers from './issuers.ts'
import * as leases from './leases.ts'
import * as policy from './policy.ts'
import * as revocations from './revocations.ts'
import * as rotations from './rotations.ts'
import * as targets from './targets.ts'
import * as tasks from './tasks.ts'
import * as tunnels from './tunnels.ts'

/** How a caller may be proved on a row. `task` is a task's own DPoP-bound token, and only for that very task; `webhook` who signed the body. */
export type Who = 'operator' | 'task' | 'federated' | 'webhook'

/** What stands before a handler: who may ask at all, and what Cedar is asked. */
export interface Gate {
  readonly who: readonly Who[]
  readonly action: string
  readonly access: Access
  /** False for reads, and for the kill switch, which records its acts itself and never waits for the log. */
  readonly record: boolean
}

export interface Row {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** `:name` stands for a parameter. */
  readonly path: string
  /** Absent on the few public rows, which show nothing but what everyone may know (SECURITY.md). */
  readonly gate: Gate | undefined
  readonly endpoint: Endpoint
}

const OPERATOR = ['operator'] as const
const STARTERS = ['operator', 'federated'] as const
/** Those who sign in elsewhere are known by what their issuer's rule makes of them. */
const PEOPLE = ['operator', 'federated'] as const
const WEBHOOK = ['webhook'] as const
const OWN_TASK = ['operator', 'task'] as const

/** Every route there is. The router, the OpenAPI document, docs/reference/api.md and the tests are made from it. */
export const ROUTES: readonly Row[] = [
  row('POST', '/v1/tasks', 'stint:Task::start', 'write', STARTERS, tasks.start),
  row('GET', '/v1/tasks', 'stint:Task::list', 'read', OPERATOR, tasks.list),
  row('GET', '/v1/tasks/:id', 'stint:Task::show', 'read', OWN_TASK, tasks.show),
  row('POST', '/v1/tasks/:id/end', 'stint:Task::end', 'write', OWN_TASK, tasks.end),
  row('POST', '/v1/tasks/:id/token', 'stint:Task::renew', 'write', OWN_TASK, tasks.renew),
  row('POST', '/v1/tasks/:id/budget', 'stint:Task::raise', 'write', OPERATOR, tasks.raise),
  row('POST', '/v1/tasks/:id/children', 'stint:Task::delegate', 'write', OWN_TASK, tasks.startChild),
  row('GET', '/v1/tasks/:id/approvals/:approval', 'stint:Task::approval', 'read', OWN_TASK, approvals.showOfTask),
  row('GET', '/v1/tasks/:id/undo', 'stint:Task::plan', 'read', OPERATOR, tasks.planUndo),
  row('POST', '/v1/tasks/:id/undo', 'stint:Task::undo', 'admin', OPERATOR, tasks.applyUndo),
  row('GET', '/v1/tasks/:id/presence', 'stint:Task::attend', 'read', OPERATOR, tasks.presence),
  row('POST', '/v1/tasks/:id/root', 'stint:Task::root', 'write', OPERATOR, tasks.registerRoot),

  row('POST', '/v1/targets', 'stint:Target::add', 'admin', OPERATOR, targets.add),
  row('GET', '/v1/targets', 'stint:Target::list', 'read', OPERATOR, targets.list),
  row('GET', '/v1/targets/:id', 'stint:Target::show', 'read', OPERATOR, targets.show),
  row('DELETE', '/v1/targets/:id', 'stint:Target::remove', 'admin', OPERATOR, targets.remove),
  row('POST', '/v1/targets/:id/probe', 'stint:Target::probe', 'write', OPERATOR, targets.test),
  row('POST', '/v1/targets/:id/discover', 'stint:Target::discover', 'write', OPERATOR, targets.discover),
  row('POST', '/v1/targets/:id/pins', 'stint:Target::pin', 'admin', OPERATOR, targets.pin),
  row('GET', '/v1/presets', 'stint:Target::presets', 'read', OPERATOR, targets.presets),

  row('POST', '/v1/tunnels', 'stint:Tunnel::add', 'admin', OPERATOR, tunnels.add),
  row('GET', '/v1/tunnels', 'stint:Tunnel::list', 'read', OPERATOR, tunnels.list),
  row('DELETE', '/v1/tunnels/:host/:port', 'stint:Tunnel::remove', 'admin', OPERATOR, tunnels.remove),

  row('POST', '/v1/credentials', 'stint:Credential::add', 'admin', OPERATOR, credentials.add),
  row('GET', '/v1/credentials', 'stint:Credential::list', 'read', OPERATOR, credentials.list),
  row('PUT', '/v1/credentials/:id', 'stint:Credential::replace', 'admin', OPERATOR, credentials.replace),
  row('DELETE', '/v1/credentials/:id', 'stint:Credential::remove', 'admin', OPERATOR, credentials.remove),
  row('PUT', '/v1/credentials/:id/recipe', 'stint:Recipe::declare', 'admin', OPERATOR, rotations.declare),
  row('GET', '/v1/credentials/:id/recipe', 'stint:Recipe::show', 'read', OPERATOR, rotations.recipe),
  row('DELETE', '/v1/credentials/:id/recipe', 'stint:Recipe::remove', 'admin', OPERATOR, rotations.forget),
  row('POST', '/v1/credentials/:id/rotations', 'stint:Rotation::begin', 'admin', OPERATOR, rotations.begin),
  row('GET', '/v1/credentials/:id/rotations', 'stint:Rotation::list', 'read', OPERATOR, rotations.list),
  row('POST', '/v1/vault/rotate-key', 'stint:Vault::rotate', 'admin', OPERATOR, credentials.rotateKey),

  row('POST', '/v1/issuers', 'stint:Issuer::add', 'admin', OPERATOR, issuers.add),
  row('GET', '/v1/issuers', 'stint:Issuer::list', 'read', OPERATOR, issuers.list),
  row('POST', '/v1/issuers/test', 'stint:Issuer::test', 'write', OPERATOR, issuers.test),
  row('DELETE', '/v1/issuers/:id', 'stint:Issuer::remove', 'admin', OPERATOR, issuers.remove),

  recordedByKillswitch('POST', '/v1/revocations', 'stint:Revocation::create', revocations.create),
  row('GET', '/v1/revocations', 'stint:Revocation::list', 'read', OPERATOR, revocations.list),
  recordedByKillswitch('POST', '/v1/revocations/:number/lift', 'stint:Revocation::lift', revocations.lift),

  row('GET', '/v1/approvals', 'stint:Approval::list', 'read', OPERATOR, approvals.list),
  row('GET', '/v1/approvals/:id', 'stint:Approval::show', 'read', PEOPLE, approvals.show),
  row('POST', '/v1/approvals/:id/grant', 'stint:Approval::grant', 'admin', PEOPLE, approvals.grant),
  row('POST', '/v1/approvals/:id/deny', 'stint:Approval::deny', 'write', PEOPLE, approvals.deny),
  row('POST', '/v1/approvals/:id/answers/:webhook', 'stint:Approval::answer', 'admin', WEBHOOK, approvals.answer),

  row('POST', '/v1/seals', 'stint:Seal::add', 'admin', OPERATOR, glass.add),
  row('GET', '/v1/seals', 'stint:Seal::list', 'read', OPERATOR, glass.list),
  row('POST', '/v1/seals/:id/openings', 'stint:Opening::ask', 'admin', OPERATOR, glass.ask),
  row('POST', '/v1/seals/:id/drills', 'stint:Opening::drill', 'admin', OPERATOR, glass.drill),
  row('GET', '/v1/openings', 'stint:Opening::list', 'read', OPERATOR, glass.openings),
  row('GET', '/v1/openings/:id', 'stint:Opening::show', 'read', OPERATOR, glass.show),
  row('POST', '/v1/openings/:id/close', 'stint:Opening::close', 'write', OPERATOR, glass.close),
  row('POST', '/v1/openings/:id/review', 'stint:Opening::review', 'admin', PEOPLE, glass.sign),

  row('GET', '/v1/leases', 'stint:Lease::list', 'read', OPERATOR, leases.list),
  row('GET', '/v1/leases/:id', 'stint:Lease::show', 'read', OPERATOR, leases.show),
  row('POST', '/v1/leases/:id/revoke', 'stint:Lease::revoke', 'write', OPERATOR, leases.revoke),

  row('GET', '/v1/findings', 'stint:Finding::list', 'read', OPERATOR, findings.list),

  row('GET', '/v1/policy', 'stint:Policy::show', 'read', OPERATOR, policy.status),
  row('POST', '/v1/policy/reload', 'stint:Policy::reload', 'admin', OPERATOR, policy.reload),

  row('GET', '/v1/audit/entries', 'stint:Audit::search', 'read', OPERATOR, audit.search),
  row('GET', '/v1/audit/tail', 'stint:Audit::tail', 'read', OPERATOR, audit.tail),
  row('GET', '/v1/audit/entries/:number', 'stint:Audit::show', 'read', OPERATOR, audit.entry),
  row('GET', '/v1/audit/entries/:number/explanation', 'stint:Policy::explain', 'read', OPERATOR, policy.explain),
  row('GET', '/v1/audit/checkpoint', 'stint:Audit::checkpoint', 'read', OPERATOR, audit.checkpoint),

  row('POST', '/v1/backups', 'stint:Backup::create', 'admin', OPERATOR, backups.create),

  row('GET', '/v1/status', 'stint:Status::show', 'read', OPERATOR, installation.status),

  everyone('/v1/audit/public-key', audit.publicKey),
  everyone('/v1/openapi.json', installation.description),
  everyone('/ca.pem', installation.caCertificate),
  everyone('/.well-known/oauth-authorization-server', installation.serverMetadata),
  everyone('/.well-known/jwks.json', installation.jwks),
  everyone('/healthz', installation.healthz),
  everyone('/readyz', installation.readyz),
  everyone('/metrics', installation.metrics),
]

/** Whether its proof is a signature over the body, which is read first then. */
export function isSigned({ gate }: Row): boolean {
  return gate?.who.includes('webhook') ?? false
}

function row(method: Row['method'], path: string, action: string, access: Access, who: readonly Who[], endpoint: Endpoint): Row {
  return { method, path, gate: { who, action, access, record: access !== 'read' }, endpoint }
}

function recordedByKillswitch(method: Row['method'], path: string, action: string, endpoint: Endpoint): Row {
  return { method, path, gate: { who: OPERATOR, action, access: 'admin', record: false }, endpoint }
}

function everyone(path: string, endpoint: Endpoint): Row {
  return { method: 'GET', path, gate: undefined, endpoint }
}
