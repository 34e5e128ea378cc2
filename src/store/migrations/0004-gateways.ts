import type { Transaction } from 'kysely'
import type { Tables } from '../tables.ts'

/** The processes that share a state, and which of them started each task. */
export async function gateways({ schema }: Transaction<Tables>): Promise<void> {
  await schema
    .createTable('gateways')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('session', 'text', (c) => c.notNull())
    .addColumn('keys_json', 'text', (c) => c.notNull())
    .addColumn('bound_ms', 'bigint', (c) => c.notNull())
    .addColumn('followed', 'bigint', (c) => c.notNull())
    .addColumn('seen_at', 'bigint', (c) => c.notNull())
    .execute()
  await schema.alterTable('tasks').addColumn('gateway', 'text').execute()
}
