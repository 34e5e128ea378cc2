import type { Transaction } from 'kysely'
import type { Tables } from '../tables.ts'

/** Minted credentials, from the intent to mint one to the proof that it is dead. */
export async function leases({ schema }: Transaction<Tables>): Promise<void> {
  await schema
    .createTable('leases')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('task_id', 'text', (c) => c.notNull())
    .addColumn('target_id', 'text', (c) => c.notNull())
    .addColumn('owner', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('requested_at', 'bigint', (c) => c.notNull())
    .addColumn('record_json', 'text', (c) => c.notNull())
    .addColumn('sealed', 'text')
    .execute()
  await schema.createIndex('leases_state').on('leases').column('state').execute()
  await schema.createIndex('leases_task').on('leases').column('task_id').execute()
  await schema.createIndex('leases_requested').on('leases').columns(['requested_at', 'id']).execute()
}
