import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { SqliteDialect, type SqliteStatement } from 'kysely'
import { createCache } from '../cache.ts'
import { StintError } from '../errors.ts'

const BUSY_MS = 500
/** SQLITE_CONSTRAINT_PRIMARYKEY and SQLITE_CONSTRAINT_UNIQUE. */
const TAKEN = new Set([1555, 2067])
const WHY: Readonly<Record<number, string>> = {
  5: 'another process has locked it',
  8: 'it is read-only',
  10: 'the disk does not answer',
  11: 'it is damaged',
  13: 'the disk is full',
  14: 'it cannot be opened',
  26: 'it is not a database',
}

/**
 * SQLite as the dialect of the store: WAL, every commit on disk before it answers. Throws `store_unavailable`, from opening
 * and from every query; `conflict` where a key is taken already.
 */
export function sqliteDialect(path: string): SqliteDialect {
  const database = inWords(() => open(path))
  const prepare = keepStatements((sql) => statement(database, sql))
  return new SqliteDialect({
    database: {
      prepare: (sql) => (sql === 'rollback' && !database.isTransaction ? NOTHING : prepare(sql)),
      close: () => database.close(),
    },
  })
}

function open(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_MS, enableForeignKeyConstraints: true, allowExtension: false })
  try {
    database.exec('pragma journal_mode = wal; pragma synchronous = full; pragma secure_delete = on; pragma trusted_schema = off;')
    return database
  } catch (thrown) {
    database.close()
    throw thrown
  }
}

/** A full disk rolls back by itself; Kysely’s own rollback must then not hide the reason. */
const NOTHING: SqliteStatement = {
  reader: false,
  all: () => [],
  run: () => ({ changes: 0, lastInsertRowid: 0 }),
  iterate: () => [].values(),
}

/** Two generations of this many. */
const KEPT_STATEMENTS = 128

/**
 * Preparing a statement takes as long as running it, and nearly all are among a few dozen. Each also keeps what was bound to it last: of
 * secrets the store is given only what is sealed.
 */
function keepStatements(prepare: (sql: string) => SqliteStatement): (sql: string) => SqliteStatement {
  const kept = createCache<SqliteStatement>(KEPT_STATEMENTS)
  return (sql) => {
    const known = kept.get(sql)
    if (known !== undefined) return known
    const prepared = prepare(sql)
    kept.set(sql, prepared)
    return prepared
  }
}

function statement(database: DatabaseSync, sql: string): SqliteStatement {
  const prepared = inWords(() => database.prepare(sql))
  return {
    reader: prepared.columns().length > 0,
    all: (values) => inWords(() => prepared.all(...values.map(bindable))),
    run: (values) => inWords(() => prepared.run(...values.map(bindable))),
    iterate: (values) => inWords(() => prepared.iterate(...values.map(bindable))),
  }
}

function bindable(value: unknown): SQLInputValue {
  if (value === undefined || value === null) return null
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') return value
  throw new StintError('internal', 'a value cannot be stored', { operatorDetail: `a ${typeof value} was bound to a query` })
}

/** Runs it, with what SQLite throws turned into a StintError. */
function inWords<T>(query: () => T): T {
  try {
    return query()
  } catch (thrown) {
    if (thrown instanceof StintError || !(thrown instanceof Error)) throw thrown
    const extended = 'errcode' in thrown && typeof thrown.errcode === 'number' ? thrown.errcode : 0
    const more = { operatorDetail: `SQLite ${extended}: ${thrown.message}`, cause: thrown }
    if (TAKEN.has(extended)) throw new StintError('conflict', 'it exists already', more)
    throw new StintError('store_unavailable', WHY[extended & 0xff] ?? 'the database refused', more)
  }
}
