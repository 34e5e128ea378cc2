import type { Store } from '../store/store.ts'

/** Rows of one transaction: while it writes, all others wait. */
const BATCH = 500

/**
 * Deletes the questions that were over before `before` (epoch milliseconds), answered, used or not, and what took them to webhooks; none of
 * `kept`. Answers how many this process deleted. Several may do so at once. Throws `store_unavailable`.
 */
export async function pruneApprovals(store: Store, before: number, kept: readonly string[] = []): Promise<number> {
  let pruned = 0
  for (;;) {
    const found = await oldest(store, before, kept)
    if (found.length > 0) pruned += await remove(store, found, before)
    if (found.length < BATCH) return pruned
  }
}

/** A question is never given more time once it is over, so that none of these can still be met, whatever its state. */
async function oldest({ db }: Store, before: number, kept: readonly string[]): Promise<readonly string[]> {
  const old = db.selectFrom('approvals').select('id').where('expires_at', '<', before)
  const some = kept.length === 0 ? old : old.where('id', 'not in', kept)
  return (await some.orderBy('expires_at').limit(BATCH).execute()).map(({ id }) => id)
}

async function remove(store: Store, ids: readonly string[], before: number): Promise<number> {
  return store.write(async (tx) => {
    const gone = await tx
      .deleteFrom('approvals')
      .where('id', 'in', ids)
      .where('expires_at', '<', before)
      .returning('id')
      .execute()
    const deliveries = gone.map(({ id }) => id)
    if (deliveries.length > 0) await tx.deleteFrom('approval_deliveries').where('approval_id', 'in', deliveries).execute()
    return gone.length
  })
}
