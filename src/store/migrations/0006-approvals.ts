import type { Transaction } from 'kysely'
import type { Tables } from '../tables.ts'

/** What people were asked to consent to, and what they said. */
export async function approvals({ schema }: Transaction<Tables>): Promise<void> {
  await schema
    .createTable('approvals')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('binding', 'text', (c) => c.notNull())
    .addColumn('task_id', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('uses_left', 'bigint', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addColumn('record_json', 'text', (c) => c.notNull())
    .execute()
  await schema.createIndex('approvals_binding').on('approvals').columns(['binding', 'expires_at']).execute()
  await schema.createIndex('approvals_expires').on('approvals').column('expires_at').execute()
  await schema.createIndex('approvals_created').on('approvals').columns(['created_at', 'id']).execute()
}
