import type { Transaction } from 'kysely'
import type { Tables } from '../tables.ts'

/** How standing credentials are rotated, and each rotation from its intent to the proof that the old key is dead. */
export async function rotations({ schema }: Transaction<Tables>): Promise<void> {
  await schema
    .createTable('recipes')
    .addColumn('credential_id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('declared_json', 'text', (c) => c.notNull())
    .execute()
  await schema
    .createTable('rotations')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('credential_id', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('started_at', 'bigint', (c) => c.notNull())
    .addColumn('record_json', 'text', (c) => c.notNull())
    .addColumn('sealed', 'text')
    .execute()
  await schema.createIndex('rotations_credential').on('rotations').columns(['credential_id', 'started_at']).execute()
}
