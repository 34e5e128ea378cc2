import type { ColumnDefinitionBuilder, Transaction } from 'kysely'
import { StintError } from '../errors.ts'
import { initial } from './migrations/0001-initial.ts'
import { usedTokens } from './migrations/0002-used-tokens.ts'
import { leases } from './migrations/0003-leases.ts'
import { gateways } from './migrations/0004-gateways.ts'
import { rotations } from './migrations/0005-rotations.ts'
import { approvals } from './migrations/0006-approvals.ts'
import { taskLabels } from './migrations/0007-task-labels.ts'
import { findings } from './migrations/0008-findings.ts'
import { taskBudgets } from './migrations/0009-task-budgets.ts'
import { approvalDeliveries } from './migrations/0010-approval-deliveries.ts'
import { glass } from './migrations/0011-glass.ts'
import type { Tables } from './tables.ts'

/** Makes a column a primary key that counts up and never uses a number twice; each dialect says it its own way. */
export type Numbered = (column: ColumnDefinitionBuilder) => ColumnDefinitionBuilder

/** SQLite’s way. */
export const numberedInSqlite: Numbered = (column) => column.primaryKey().autoIncrement().notNull()
/** PostgreSQL’s way. By default only: a copy of a state brings its numbers along. */
export const numberedInPostgres: Numbered = (column) => column.primaryKey().generatedByDefaultAsIdentity().notNull()

type Migration = (tx: Transaction<Tables>, numbered: Numbered) => Promise<void>

/** In order; the schema version is how many have run. Once released, an entry never changes. */
const MIGRATIONS: readonly Migration[] = [
  initial,
  usedTokens,
  leases,
  gateways,
  rotations,
  approvals,
  taskLabels,
  findings,
  taskBudgets,
  approvalDeliveries,
  glass,
]

/** Under this key of `meta`: the schema’s version. */
export const SCHEMA = 'schema'

/** Throws for a schema version that is not to be opened; 0 is that of nothing, `known` this Stint’s. */
export type Accept = (version: number, known: number) => void

/** What a start opens: any schema that is not newer. Throws `store_unavailable`. */
export const acceptOlder: Accept = (version, known) => {
  if (version <= known) return
  const detail = `a newer Stint wrote this state (schema ${version}, this one knows ${known}); upgrade Stint`
  throw new StintError('store_unavailable', detail)
}

/** Brings the schema up to date, in the transaction given. Throws what `accept` throws; then nothing was changed. */
export async function migrate(tx: Transaction<Tables>, numbered: Numbered, accept: Accept): Promise<void> {
  await tx.schema
    .createTable('meta')
    .ifNotExists()
    .addColumn('key', 'text', (c) => c.primaryKey().notNull())
    .addColumn('value', 'text', (c) => c.notNull())
    .execute()
  const found = await tx.selectFrom('meta').select('value').where('key', '=', SCHEMA).executeTakeFirst()
  const version = Number(found?.value ?? 0)
  accept(version, MIGRATIONS.length)
  if (version === MIGRATIONS.length) return
  for (const up of MIGRATIONS.slice(version)) await up(tx, numbered)
  const value = String(MIGRATIONS.length)
  await tx
    .insertInto('meta')
    .values({ key: SCHEMA, value })
    .onConflict((on) => on.column('key').doUpdateSet({ value }))
    .execute()
}
