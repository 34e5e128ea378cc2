import type { Selectable } from 'kysely'
import { DETECTIONS, type Detection } from '../config.ts'
import { StintError } from '../errors.ts'
import { pageOf, readCursor } from '../store/cursor.ts'
import type { Store } from '../store/store.ts'
import type { Tables } from '../store/tables.ts'
import type { Finding } from './finding.ts'

/** Which findings to list; what is absent does not narrow. */
export interface FindingFilter {
  readonly limit: number
  readonly cursor?: string
  readonly taskId?: string
  readonly kind?: Detection
}

/** Durable when it resolves. Throws `store_unavailable`. */
export async function insertFinding(
  store: Store,
  { id, kind, taskId, rootId, targetId, detail, at, revoked }: Finding,
): Promise<void> {
  await store.write(async (tx, changed) => {
    const row = { id, kind, task_id: taskId, root_id: rootId, target_id: targetId ?? null, detail, at, revoked: revoked ? 1 : 0 }
    await tx.insertInto('findings').values(row).execute()
    changed('finding', id)
  })
}

/** True, once, for a pair that no gateway has seen before. */
export async function isNewPair(store: Store, pair: { workload: string; targetId: string; at: number }): Promise<boolean> {
  const { workload, targetId: target_id, at } = pair
  const known = await store.db
    .selectFrom('reached_targets')
    .select('at')
    .where('workload', '=', workload)
    .where('target_id', '=', target_id)
    .executeTakeFirst()
  if (known !== undefined) return false
  return store.write(async (tx) => {
    const { numInsertedOrUpdatedRows: count } = await tx
      .insertInto('reached_targets')
      .values({ workload, target_id, at })
      .onConflict((on) => on.columns(['workload', 'target_id']).doNothing())
      .executeTakeFirst()
    return count === 1n
  })
}

/** Those from `since` on, of one tree where one is named. */
export async function findingsSince({ db }: Store, since: number, root?: string): Promise<Finding[]> {
  const query = db.selectFrom('findings').selectAll().where('at', '>=', since)
  return (await (root === undefined ? query : query.where('root_id', '=', root)).execute()).map(fromRow)
}

/** One page, newest first. Throws `invalid_argument` for a cursor that is not ours. */
export async function listFindings({ db }: Store, { limit, cursor, taskId, kind }: FindingFilter) {
  let query = db.selectFrom('findings').selectAll()
  if (taskId !== undefined) query = query.where('task_id', '=', taskId)
  if (kind !== undefined) query = query.where('kind', '=', kind)
  if (cursor !== undefined) {
    const { at, id } = readCursor(cursor)
    query = query.where((eb) => eb.or([eb('at', '<', at), eb.and([eb('at', '=', at), eb('id', '<', id)])]))
  }
  const rows = await query
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute()
  return pageOf(rows, limit, fromRow, ({ at, id }) => ({ at, id }))
}

function fromRow(row: Selectable<Tables['findings']>): Finding {
  const kind = DETECTIONS.find((one) => one === row.kind)
  if (kind === undefined) throw new StintError('store_unavailable', 'a stored finding is damaged', { operatorDetail: row.id })
  const { id, task_id, root_id, target_id, detail, at, revoked } = row
  return {
    ...{ id, kind, taskId: task_id, rootId: root_id },
    ...(target_id !== null && { targetId: target_id }),
    ...{ detail, at, revoked: revoked === 1 },
  }
}
