import type { Transaction } from 'kysely'
import type { Tables } from '../tables.ts'

/** Tokens of issuers that were used, until they have expired. */
export async function usedTokens({ schema }: Transaction<Tables>): Promise<void> {
  await schema
    .createTable('used_tokens')
    .addColumn('digest', 'text', (c) => c.primaryKey().notNull())
    .addColumn('issuer', 'text', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .execute()
  await schema.createIndex('used_tokens_issuer').on('used_tokens').column('issuer').execute()
  await schema.createIndex('used_tokens_expiry').on('used_tokens').column('expires_at').execute()
}
