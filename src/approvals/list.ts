import { pageOf, readCursor } from '../store/cursor.ts'
import type { Store } from '../store/store.ts'
import { type Approval, type ApprovalState, approvalOf } from './approval.ts'

/** Which approvals to list. */
export interface ApprovalFilter {
  readonly limit: number
  readonly cursor?: string
  readonly state?: ApprovalState
  readonly taskId?: string
}

/** One page, newest first. Throws `invalid_argument` for a cursor that is not ours. */
export async function listApprovals(db: Store['db'], filter: ApprovalFilter, now: number) {
  const { limit, cursor, state, taskId } = filter
  let query = db.selectFrom('approvals').selectAll()
  if (taskId !== undefined) query = query.where('task_id', '=', taskId)
  if (state === 'expired') query = query.where('state', 'in', ['pending', 'granted']).where('expires_at', '<=', now)
  else if (state !== undefined) query = query.where('state', '=', state)
  if (state === 'pending' || state === 'granted') query = query.where('expires_at', '>', now)
  if (cursor !== undefined) {
    const { at, id } = readCursor(cursor)
    query = query.where((eb) => eb.or([eb('created_at', '<', at), eb.and([eb('created_at', '=', at), eb('id', '<', id)])]))
  }
  const rows = await query
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute()
  return pageOf<(typeof rows)[number], Approval>(
    rows,
    limit,
    (row) => approvalOf(row, now),
    ({ created_at: at, id }) => ({ at, id }),
  )
}
