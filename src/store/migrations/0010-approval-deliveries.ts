import type { Transaction } from 'kysely'
import type { Tables } from '../tables.ts'

/** Questions on their way to webhooks. */
export async function approvalDeliveries({ schema }: Transaction<Tables>): Promise<void> {
  await schema
    .createTable('approval_deliveries')
    .addColumn('approval_id', 'text', (c) => c.notNull())
    .addColumn('webhook', 'text', (c) => c.notNull())
    .addColumn('message_id', 'text', (c) => c.notNull())
    .addColumn('attempts', 'bigint', (c) => c.notNull())
    .addColumn('due_at', 'bigint')
    .addPrimaryKeyConstraint('approval_deliveries_key', ['approval_id', 'webhook'])
    .execute()
  await schema.createIndex('approval_deliveries_due').on('approval_deliveries').column('due_at').execute()
}
