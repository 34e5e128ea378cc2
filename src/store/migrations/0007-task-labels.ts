import type { Transaction } from 'kysely'
import type { Tables } from '../tables.ts'

/** The labels that each tree of tasks has gained by what it was allowed to act on. */
export async function taskLabels({ schema }: Transaction<Tables>): Promise<void> {
  await schema
    .createTable('task_labels')
    .addColumn('root_id', 'text', (c) => c.notNull())
    .addColumn('label', 'text', (c) => c.notNull())
    .addColumn('task_id', 'text', (c) => c.notNull())
    .addColumn('target_id', 'text', (c) => c.notNull())
    .addColumn('correlation_id', 'text', (c) => c.notNull())
    .addColumn('at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('task_labels_key', ['root_id', 'label'])
    .execute()
}
