import { setTimeout as sleep } from 'node:timers/promises'
import { StintError } from '../../errors.ts'
import type { Identity } from '../minting.ts'
import { grantStatements } from './postgres-grants.ts'
import type { KeptSession } from './postgres-kept.ts'
import { PostgresError, type Session } from './postgres-session.ts'
import type { SessionAccess } from './session-access.ts'

/** Works as the role that may make roles. */
export interface AsOperator {
  /** In the target's database or in another. */
  change<T>(work: (session: KeptSession) => Promise<T>, database?: string): Promise<T>
  ask: Session['ask']
}

/** A login role, as it is to be. */
export interface Role {
  readonly name: string
  readonly verifier: string
  /** Epoch milliseconds. */
  readonly expiresAt: number
  readonly database: string
  readonly grants: readonly string[]
  readonly access: SessionAccess
}

/** How often sessions that were told to end are looked for, and how far apart. */
const LOOKS = 50
const BETWEEN_LOOKS_MS = 100
/** SQLSTATE (PostgreSQL, appendix A). */
const [DUPLICATE_OBJECT, UNDEFINED_OBJECT, DEPENDENT_OBJECTS] = ['42710', '42704', '2BP01']

/** All of it or nothing, in one message. A role of the same name was made from the same order: it is given the same password again. */
export async function makeRole(
  asOperator: AsOperator,
  { name, verifier, expiresAt, database, grants, access }: Role,
): Promise<void> {
  const { default: pg } = await import('pg')
  const role = pg.escapeIdentifier(name)
  const connect = `GRANT CONNECT ON DATABASE ${pg.escapeIdentifier(database)} TO ${role}`
  const given = [connect, ...grantStatements(grants, access, name, pg)]
  const make = (verb: 'CREATE' | 'ALTER') =>
    asOperator.change((session) => {
      const until = pg.escapeLiteral(timeOf(expiresAt + session.clockAheadMs))
      const login = `${verb} ROLE ${role} LOGIN PASSWORD ${pg.escapeLiteral(verifier)} VALID UNTIL ${until}`
      return session.ask([login, ...given].join('; '))
    })
  try {
    await make('CREATE')
  } catch (thrown) {
    if (!isRefusal(thrown, DUPLICATE_OBJECT)) throw thrown
    await make('ALTER').catch(refuseHalfMade)
  }
}

/** Whatever PostgreSQL refuses now: there is a role already, so that it is not said that nothing was made. */
function refuseHalfMade(thrown: unknown): never {
  const { message } = thrown as Error
  throw new StintError('upstream_failed', 'PostgreSQL has a role of this lease, and does not complete it', {
    operatorDetail: (thrown instanceof StintError && thrown.operatorDetail) || message,
    cause: thrown,
  })
}

/** Nothing new logs in from here on, and what belongs to the role can be dropped. False when there is no such role. */
export async function shutOutRole(asOperator: AsOperator, name: string): Promise<boolean> {
  const { default: pg } = await import('pg')
  const role = pg.escapeIdentifier(name)
  try {
    await asOperator.change((session) => session.ask(`ALTER ROLE ${role} NOLOGIN PASSWORD NULL; GRANT ${role} TO CURRENT_USER`))
    return true
  } catch (thrown) {
    if (isRefusal(thrown, UNDEFINED_OBJECT)) return false
    throw thrown
  }
}

/** Breaks off every session of the role and answers when none is left. Throws `upstream_timeout`. */
export async function endSessionsOf(asOperator: AsOperator, name: string): Promise<void> {
  const sql = 'SELECT count(pg_terminate_backend(pid))::int4 AS open FROM pg_stat_activity WHERE usename = $1'
  for (let look = 0; look < LOOKS; look += 1) {
    const [row] = await asOperator.ask(sql, [name])
    if (row?.open === 0) return
    await sleep(look === 0 ? 5 : BETWEEN_LOOKS_MS)
  }
  throw new StintError('upstream_timeout', 'PostgreSQL has not ended the sessions of the role')
}

/** What it made is `owner`'s then, or gone. What it has in other databases keeps it there: that goes first, then the role. */
export async function dropRole(asOperator: AsOperator, name: string, owner: string): Promise<void> {
  const { default: pg } = await import('pg')
  const role = pg.escapeIdentifier(name)
  const reassign = owner === '' ? [] : [`REASSIGN OWNED BY ${role} TO ${pg.escapeIdentifier(owner)}`]
  const disown = [...reassign, `DROP OWNED BY ${role}`].join('; ')
  const drop = () => asOperator.change((session) => session.ask(`${disown}; DROP ROLE ${role}`))
  try {
    await drop()
  } catch (thrown) {
    if (!isRefusal(thrown, DEPENDENT_OBJECTS)) throw thrown
    for (const database of await databasesWith(asOperator, name))
      await asOperator.change((session) => session.ask(disown), database)
    await drop()
  }
}

async function databasesWith(asOperator: AsOperator, name: string): Promise<readonly string[]> {
  const sql = `SELECT DISTINCT datname FROM pg_shdepend JOIN pg_database ON pg_database.oid = dbid
    JOIN pg_roles ON pg_roles.oid = refobjid WHERE refclassid = 'pg_authid'::regclass AND rolname = $1`
  const rows = await asOperator.ask(sql, [name])
  return rows.map(({ datname }) => String(datname))
}

/** True while there is a role that may log in and has not expired. */
export async function isRoleOpen(asOperator: AsOperator, name: string): Promise<boolean> {
  const sql = 'SELECT rolcanlogin AND coalesce(rolvaliduntil > now(), true) AS open FROM pg_roles WHERE rolname = $1'
  const [row] = await asOperator.ask(sql, [name])
  if (row === undefined) return false
  if (typeof row.open === 'boolean') return row.open
  throw new StintError('upstream_failed', 'PostgreSQL did not say whether there is such a role')
}

export async function listRoles(asOperator: AsOperator, prefix: string): Promise<readonly string[]> {
  const sql = 'SELECT rolname FROM pg_roles WHERE starts_with(rolname, $1)'
  const rows = await asOperator.ask(sql, [prefix])
  return rows.map(({ rolname }) => String(rolname))
}

/** Every role but the groups that PostgreSQL brings. */
export async function describeRoles(asOperator: AsOperator): Promise<readonly Identity[]> {
  const sql = `SELECT rolname AS id, rolsuper OR rolcreaterole AS admin, rolcanlogin AND coalesce(rolvaliduntil > now(), true) AS usable,
    CASE WHEN isfinite(rolvaliduntil) THEN (extract(epoch FROM rolvaliduntil) * 1000)::float8 END AS until
    FROM pg_roles WHERE NOT starts_with(rolname, 'pg_')`
  const rows = await asOperator.ask(sql)
  return rows.map(({ id, admin, usable, until }) => ({
    ...{ kind: 'account', id: String(id), access: admin === true ? 'admin' : 'limited', isUsable: usable === true },
    ...(typeof until === 'number' && { expiresAt: Math.max(Math.round(until), 0) }),
  }))
}

function isRefusal(thrown: unknown, sqlState: string | undefined): boolean {
  return thrown instanceof PostgresError && thrown.sqlState === sqlState
}

function timeOf(epochMs: number): string {
  return Number.isFinite(epochMs) ? new Date(epochMs).toISOString() : 'infinity'
}
