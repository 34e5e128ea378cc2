import { StintError } from '../errors.ts'
import type { Task, TaskState, WorkloadProof } from '../model.ts'
import type { TaskRow } from '../store/tables.ts'

const STATES: readonly TaskState[] = ['live', 'ended', 'expired', 'revoked']
const PROOFS: readonly WorkloadProof[] = ['sandbox', 'process-tree', 'run-secret', 'federated']

/** The task as its row; `gateway` started it. */
export function toRow(task: Task, gateway: string): TaskRow {
  return {
    id: task.id,
    purpose: task.purpose,
    owner: task.owner,
    workload: task.workload,
    proof: task.proof,
    key_thumbprint: task.keyThumbprint,
    targets_json: JSON.stringify(task.scope.targets),
    actions_json: JSON.stringify(task.scope.actions),
    ticket: task.ticket ?? null,
    labels_json: JSON.stringify(task.labels),
    parent_id: task.parentId ?? null,
    started_at: task.startedAt,
    expires_at: task.expiresAt,
    state: task.state,
    ended_at: task.endedAt ?? null,
    end_reason: task.endReason ?? null,
    supervised: task.supervised ? 1 : 0,
    gateway,
  }
}

/** The row as a task. Throws `store_unavailable` for a row that Stint cannot have written. */
export function fromRow(row: TaskRow): Task {
  return {
    id: row.id,
    purpose: row.purpose,
    owner: row.owner,
    workload: row.workload,
    proof: oneOf(PROOFS, row.proof, row),
    keyThumbprint: row.key_thumbprint,
    scope: { targets: listOf(row.targets_json, row), actions: listOf(row.actions_json, row) },
    ...(row.ticket !== null && { ticket: row.ticket }),
    labels: listOf(row.labels_json, row),
    ...(row.parent_id !== null && { parentId: row.parent_id }),
    startedAt: row.started_at,
    expiresAt: row.expires_at,
    state: oneOf(STATES, row.state, row),
    ...(row.ended_at !== null && { endedAt: row.ended_at }),
    ...(row.end_reason !== null && { endReason: row.end_reason }),
    supervised: row.supervised === 1,
  }
}

function oneOf<T extends string>(known: readonly T[], value: string, row: TaskRow): T {
  const found = known.find((one) => one === value)
  if (found === undefined) throw damaged(row)
  return found
}

function listOf(json: string, row: TaskRow): readonly string[] {
  try {
    const value: unknown = JSON.parse(json)
    if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value
  } catch {
    throw damaged(row)
  }
  throw damaged(row)
}

function damaged(row: TaskRow): StintError {
  return new StintError('store_unavailable', 'a stored task is damaged', { operatorDetail: `row ${row.id} of tasks` })
}
