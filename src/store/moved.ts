import type { Kysely, Transaction } from 'kysely'
import { StintError } from '../errors.ts'
import type { Tables } from './tables.ts'

/** Under this key of `meta`: when the state went to another database. What stays behind is not served any more. */
export const MOVED = 'moved'

/** When it was moved away, RFC 3339. */
export async function readMoved(db: Kysely<Tables>): Promise<string | undefined> {
  return (await db.selectFrom('meta').select('value').where('key', '=', MOVED).executeTakeFirst())?.value
}

/** Two states of one installation would revoke each other's leases, and neither would hear of the other's revocations. Throws `conflict`. */
export async function refuseMoved(db: Kysely<Tables>): Promise<void> {
  const at = await readMoved(db)
  if (at === undefined) return
  const back = 'start Stint where it is now (STINT_DATABASE_URL), or move it back: stint state move'
  throw new StintError('conflict', `the state was moved away from here at ${at}; ${back}`)
}

/** Notes that the state is elsewhere from now on. */
export async function markMoved(tx: Transaction<Tables>, at: number): Promise<void> {
  await tx
    .insertInto('meta')
    .values({ key: MOVED, value: new Date(at).toISOString() })
    .execute()
}
