import type { Transaction } from 'kysely'
import type { Tables } from '../tables.ts'

/** What tasks may use, and what gateways have taken of it. */
export async function taskBudgets({ schema }: Transaction<Tables>): Promise<void> {
  await schema
    .createTable('task_budgets')
    .addColumn('task_id', 'text', (c) => c.notNull())
    .addColumn('unit', 'text', (c) => c.notNull())
    .addColumn('step', 'bigint', (c) => c.notNull())
    .addColumn('most', 'bigint', (c) => c.notNull())
    .addColumn('taken', 'bigint', (c) => c.notNull())
    .addColumn('wants', 'bigint')
    .addPrimaryKeyConstraint('task_budgets_key', ['task_id', 'unit'])
    .execute()
}
