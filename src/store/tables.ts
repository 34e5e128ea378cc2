import type { ColumnType, Generated, Selectable } from 'kysely'

/** Every table. Times are epoch milliseconds, booleans 0 or 1, lists and maps JSON text: the same in SQLite and PostgreSQL. */
export interface Tables {
  tasks: TasksTable
  task_labels: TaskLabelsTable
  task_budgets: TaskBudgetsTable
  targets: TargetsTable
  tunnels: TunnelsTable
  credentials: CredentialsTable
  revocations: RevocationsTable
  issuers: IssuersTable
  idempotency: IdempotencyTable
  used_tokens: UsedTokensTable
  leases: LeasesTable
  recipes: RecipesTable
  rotations: RotationsTable
  approvals: ApprovalsTable
  approval_deliveries: ApprovalDeliveriesTable
  findings: FindingsTable
  reached_targets: ReachedTargetsTable
  seals: SealsTable
  openings: OpeningsTable
  gateways: GatewaysTable
  changes: ChangesTable
  meta: MetaTable
}

/** Every table: the primary key of one that is the state, in whose order a move takes it along; or `own` to one database. */
export const TABLES: Readonly<Record<keyof Tables, readonly string[] | 'own'>> = {
  tasks: ['id'],
  task_labels: ['root_id', 'label'],
  task_budgets: ['task_id', 'unit'],
  targets: ['id'],
  tunnels: ['host', 'port'],
  credentials: ['id'],
  revocations: ['number'],
  issuers: ['id'],
  idempotency: ['caller', 'key'],
  used_tokens: ['digest'],
  leases: ['id'],
  recipes: ['credential_id'],
  rotations: ['id'],
  approvals: ['id'],
  approval_deliveries: ['approval_id', 'webhook'],
  findings: ['id'],
  reached_targets: ['workload', 'target_id'],
  seals: ['credential_id'],
  openings: ['id'],
  meta: ['key'],
  gateways: 'own',
  changes: 'own',
}

type Nullable<T> = ColumnType<T | null, T | null | undefined, T | null>

interface TasksTable {
  id: string
  purpose: string
  owner: string
  workload: string
  proof: string
  key_thumbprint: string
  targets_json: string
  actions_json: string
  ticket: Nullable<string>
  labels_json: string
  parent_id: Nullable<string>
  started_at: number
  expires_at: number
  state: string
  ended_at: Nullable<number>
  end_reason: Nullable<string>
  supervised: number
  /** Which gateway started it, and judges whether its runner is there; none for tasks of before there were several. */
  gateway: Nullable<string>
}

/** What a tree of tasks has touched. */
interface TaskLabelsTable {
  /** The task at the top of the tree. */
  root_id: string
  label: string
  /** Who gained it first, at which target, by which decision. */
  task_id: string
  target_id: string
  correlation_id: string
  at: number
}

/** What tasks may use: a row for each budget that a task has. */
interface TaskBudgetsTable {
  task_id: string
  unit: string
  /** The limit at first. */
  step: number
  most: number
  /** What gateways took to use. */
  taken: number
  /** While it is paused: how much more is asked for. */
  wants: Nullable<number>
}

interface TargetsTable {
  id: string
  target_json: string
  at: number
}

interface TunnelsTable {
  host: string
  port: number
  at: number
}

interface CredentialsTable {
  id: string
  version: number
  /** What credentials/seal.ts made of the value; never the value. */
  sealed: string
  at: number
}

interface RevocationsTable {
  number: Generated<number>
  kind: string
  id: Nullable<string>
  reason: string
  by: string
  at: number
  lifted_at: Nullable<number>
  lifted_by: Nullable<string>
}

interface IssuersTable {
  id: string
  kind: string
  issuer: string
  config_json: string
}

interface IdempotencyTable {
  key: string
  caller: string
  request_digest: string
  response_json: Nullable<string>
  status: Nullable<number>
  at: number
}

interface UsedTokensTable {
  /** SHA-256 of the issuer and its `jti`. */
  digest: string
  issuer: string
  expires_at: number
}

interface LeasesTable {
  id: string
  task_id: string
  target_id: string
  owner: string
  state: string
  requested_at: number
  /** All but the material: what credentials/lease-record.ts has. */
  record_json: string
  /** The material as credentials/seal.ts made it, until the lease is dead; never the material. */
  sealed: Nullable<string>
}

interface RecipesTable {
  credential_id: string
  /** What credentials/rotation/rotation-ledger.ts has of it. */
  declared_json: string
}

interface RotationsTable {
  id: string
  credential_id: string
  state: string
  started_at: number
  /** All but the keys: what credentials/rotation/rotation-record.ts has. */
  record_json: string
  /** Both keys, sealed, until the rotation is over; never the keys. */
  sealed: Nullable<string>
}

interface ApprovalsTable {
  id: string
  /** SHA-256, hex, of what it covers: approvals/binding.ts. */
  binding: string
  task_id: string
  /** pending, granted, denied or used; whether it has expired the clock tells. */
  state: string
  /** How often what was granted may still be done. */
  uses_left: number
  created_at: number
  expires_at: number
  /** What people are shown and what they said: approvals/approval.ts. */
  record_json: string
}

/** Questions on their way to webhooks. */
interface ApprovalDeliveriesTable {
  approval_id: string
  webhook: string
  /** The same in every try, so that the other end can tell a repetition. */
  message_id: string
  attempts: number
  /** When to try next; none when it was delivered, or nobody waits for an answer any more. */
  due_at: Nullable<number>
}

/** What was noticed about tasks. */
interface FindingsTable {
  id: string
  kind: string
  task_id: string
  /** The task at the top of its tree. */
  root_id: string
  target_id: Nullable<string>
  detail: string
  at: number
  revoked: number
}

/** Which workloads were allowed to act on which targets, and when first. */
interface ReachedTargetsTable {
  workload: string
  target_id: string
  at: number
}

/** Credentials that no policy reaches. */
interface SealsTable {
  credential_id: string
  /** What glass/seal.ts has of it. */
  record_json: string
}

interface OpeningsTable {
  id: string
  credential_id: string
  state: string
  /** 1 while Stint still has something to do about it. */
  unsettled: number
  created_at: number
  /** What glass/opening.ts has of it. */
  record_json: string
}

/** The processes that share this state. Times are those of the database’s clock. */
interface GatewaysTable {
  id: string
  /** One for each start: the same data directory started twice is found out. */
  session: string
  /** What must be equal in all of them: a name for each, never a key. */
  keys_json: string
  /** After so long without hearing of changes it refuses everything. */
  bound_ms: number
  /** The number of the last change that everything in it took. */
  followed: number
  seen_at: number
}

/** The change feed: what a write changed, in commit order. `seq` is never used twice. */
interface ChangesTable {
  seq: Generated<number>
  kind: string
  id: string
}

interface MetaTable {
  key: string
  value: string
}

export type TaskRow = Selectable<TasksTable>
export type BudgetRow = Selectable<TaskBudgetsTable>
export type TargetRow = Selectable<TargetsTable>
export type CredentialRow = Selectable<CredentialsTable>
export type ApprovalRow = Selectable<ApprovalsTable>
export type DeliveryRow = Selectable<ApprovalDeliveriesTable>
export type RevocationRow = Selectable<RevocationsTable>
export type IssuerRow = Selectable<IssuersTable>
export type IdempotencyRow = Selectable<IdempotencyTable>
