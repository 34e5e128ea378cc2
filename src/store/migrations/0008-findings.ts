import type { Transaction } from 'kysely'
import type { Tables } from '../tables.ts'

/** What was noticed about tasks, and which workloads have reached which targets. */
export async function findings({ schema }: Transaction<Tables>): Promise<void> {
  await schema
    .createTable('findings')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('task_id', 'text', (c) => c.notNull())
    .addColumn('root_id', 'text', (c) => c.notNull())
    .addColumn('target_id', 'text')
    .addColumn('detail', 'text', (c) => c.notNull())
    .addColumn('at', 'bigint', (c) => c.notNull())
    .addColumn('revoked', 'bigint', (c) => c.notNull())
    .execute()
  await schema.createIndex('findings_at').on('findings').columns(['at', 'id']).execute()
  await schema
    .createTable('reached_targets')
    .addColumn('workload', 'text', (c) => c.notNull())
    .addColumn('target_id', 'text', (c) => c.notNull())
    .addColumn('at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('reached_targets_key', ['workload', 'target_id'])
    .execute()
}
