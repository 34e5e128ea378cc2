import { StintError } from '../errors.ts'
import type { Task, TaskState } from '../model.ts'
import type { Store } from '../store/store.ts'
import type { TaskRow } from '../store/tables.ts'
import { TASK_ID } from './task-id.ts'
import { fromRow } from './task-row.ts'

const PAGE = { default: 50, max: 500 }

/** Which tasks to list; what is absent does not narrow. */
export interface TaskFilter {
  readonly state?: TaskState
  readonly owner?: string
  readonly workload?: string
  readonly parentId?: string
  /** 1 to 500; 50 when absent. */
  readonly limit?: number
  /** `next` of the page before. */
  readonly cursor?: string
}

/** One page, newest first. Throws `invalid_argument`. */
export async function listTasks({ db }: Store, filter: TaskFilter): Promise<{ items: Task[]; next?: string }> {
  const limit = filter.limit ?? PAGE.default
  if (!Number.isInteger(limit) || limit < 1 || limit > PAGE.max) {
    throw new StintError('invalid_argument', `limit takes a whole number from 1 to ${PAGE.max}`)
  }
  const { state, owner, workload, parentId, cursor } = filter
  if (cursor !== undefined && !TASK_ID.test(cursor))
    throw new StintError('invalid_argument', 'cursor takes the `next` of the page before')
  let query = db.selectFrom('tasks').selectAll()
  if (state !== undefined) query = query.where('state', '=', state)
  if (owner !== undefined) query = query.where('owner', '=', owner)
  if (workload !== undefined) query = query.where('workload', '=', workload)
  if (parentId !== undefined) query = query.where('parent_id', '=', parentId)
  if (cursor !== undefined) query = query.where('id', '<', cursor)
  const rows = await query
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute()
  const items = rows.slice(0, limit).map(fromRow)
  const last = items.at(-1)
  return rows.length > limit && last !== undefined ? { items, next: last.id } : { items }
}

const READ_AT_ONCE = 500

/** The rows of these, parents before their children. */
export async function readTasks({ db }: Store, ids: readonly string[]): Promise<readonly TaskRow[]> {
  const rows: TaskRow[] = []
  for (let at = 0; at < ids.length; at += READ_AT_ONCE) {
    const some = ids.slice(at, at + READ_AT_ONCE)
    rows.push(...(await db.selectFrom('tasks').selectAll().where('id', 'in', some).orderBy('started_at').orderBy('id').execute()))
  }
  return rows
}
