import type { Transaction } from 'kysely'
import type { Tables } from '../tables.ts'

/** Credentials that are sealed for emergencies, and when they were opened. */
export async function glass({ schema }: Transaction<Tables>): Promise<void> {
  await schema
    .createTable('seals')
    .addColumn('credential_id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('record_json', 'text', (c) => c.notNull())
    .execute()
  await schema
    .createTable('openings')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('credential_id', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('unsettled', 'bigint', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('record_json', 'text', (c) => c.notNull())
    .execute()
  await schema.createIndex('openings_credential').on('openings').columns(['credential_id', 'created_at']).execute()
  await schema.createIndex('openings_unsettled').on('openings').column('unsettled').execute()
}
